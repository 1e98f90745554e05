package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Softmax is exp(x) / sum(exp(x)) along an axis.
var softmax = family(
	&graph.Op{
		Name: "Softmax", Since: 13,
		Sig: `(input:T) -> (output:T)
			T = float
			axis int = -1`,
		Infer: inferAxisSame, Run: halves(runSoftmax), InPlace: true,
	},
	&graph.Op{Since: 11, Sig: "T = f16 f32 f64; axis int = 1", Infer: inferAxisSame, Expand: expandOnRows("Softmax")},
	&graph.Op{Since: 1, Infer: inferAxisSame, Expand: expandOnRows("Softmax")},
)

// inferAxisSame is for operators that keep type and shape and work along the attribute axis.
func inferAxisSame(c *graph.Infer) error {
	if s, ok := c.Shape(0); ok && len(s) > 0 {
		if _, err := graph.Axis(c.Node.Int("axis"), len(s)); err != nil {
			return err
		}
	}
	return graph.Same(c)
}

// expandOnRows writes an operator of before opset 13, which saw its input as a matrix with the axes from axis on in the rows,
// as Reshape(op(Flatten(x, axis), axis=1), Shape(x)).
func expandOnRows(op string) func(*graph.Builder, *graph.Node) []*graph.Value {
	return func(b *graph.Builder, n *graph.Node) []*graph.Value {
		x := n.In[0]
		y := b.Op(op, b.Op("Flatten", x, graph.Int("axis", n.Int("axis"))), graph.Int("axis", 1))
		return []*graph.Value{b.Op("Reshape", y, b.Op("Shape", x), graph.Int("allowzero", 1))}
	}
}

func runSoftmax(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	outer, n, inner, err := split(x.Shape(), c.Node.Int("axis"))
	if err != nil {
		return err
	}
	switch x.DType() {
	case tensor.Float32:
		softmaxRows[float32](c, x, y, outer, n, inner)
	case tensor.Float64:
		softmaxRows[float64](c, x, y, outer, n, inner)
	default:
		return graph.Typef("softmax of %s", x)
	}
	return nil
}

// split sees a shape as outer × n × inner around an axis; a scalar is 1 × 1 × 1.
func split(s tensor.Shape, axis int) (outer, n, inner int, err error) {
	if len(s) == 0 {
		return 1, 1, 1, nil
	}
	if axis, err = graph.Axis(axis, len(s)); err != nil {
		return
	}
	return s[:axis].Elems(), s[axis], s[axis+1:].Elems(), nil
}

type rowArgs[T float32 | float64] struct {
	x, y     []T
	n, inner int
}

func (a *rowArgs[T]) Do(_, lo, hi int) {
	for r := lo; r < hi; r++ {
		kernel.Softmax(a.y, a.x, r/a.inner*a.n*a.inner+r%a.inner, a.n, a.inner)
	}
}

func softmaxRows[T float32 | float64](c *graph.Ctx, x, y *tensor.Tensor, outer, n, inner int) {
	graph.Parallel(c, outer*inner, 1+8192/max(n, 1), rowArgs[T]{tensor.Data[T](x), tensor.Data[T](y), n, inner})
}
