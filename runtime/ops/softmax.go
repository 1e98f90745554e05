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
		Infer: inferAxisSame, Run: runSoftmax, InPlace: true,
		Grad: by1(softmaxGrad),
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
		if axis, r := n.Int("axis"), x.Type.Rank(); r > 0 && (axis == -1 || axis == r-1) { // the rows are those of the last axis
			return []*graph.Value{b.Op(op, x, graph.Int("axis", -1))}
		}
		y := b.Op(op, b.Op("Flatten", x, graph.Int("axis", n.Int("axis"))), graph.Int("axis", 1))
		return []*graph.Value{b.Op("Reshape", y, b.Op("Shape", x), graph.Int("allowzero", 1))}
	}
}

// runSoftmax rounds the steps of half types as its definition in simpler operators does.
func runSoftmax(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return softmax32(c)
	case tensor.Float64:
		return softmaxRows[float64](c, nil)
	case tensor.Float16:
		return softmaxFloat16(c)
	case tensor.BFloat16:
		return softmaxBFloat16(c)
	}
	return graph.Typef("softmax of %s", c.In[0])
}

var (
	softmaxFloat16  = halves(func(c *graph.Ctx) error { return softmaxRows(c, kernel.SoftmaxFloat16) })
	softmaxBFloat16 = halves(func(c *graph.Ctx) error { return softmaxRows(c, kernel.SoftmaxBFloat16) })
)

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

type softmaxArgs struct {
	x, y             []float32
	n, inner, blocks int
}

// softmaxBlock is the number of columns that are done side by side.
const softmaxBlock = 256

// softmax32 works on rows when the axis is the last, else on blocks of columns.
func softmax32(c *graph.Ctx) error {
	outer, n, inner, err := split(c.In[0].Shape(), c.Node.Int("axis"))
	if err != nil {
		return err
	}
	a := softmaxArgs{tensor.Data[float32](c.In[0]), tensor.Data[float32](c.Out[0]), n, inner, (inner + softmaxBlock - 1) / softmaxBlock}
	if inner == 1 {
		graph.For(c, outer, 1+1<<15/max(n, 1), a, func(a *softmaxArgs, _, lo, hi int) {
			kernel.SoftmaxRows(a.y[lo*a.n:hi*a.n], a.x[lo*a.n:hi*a.n], a.n)
		})
		return nil
	}
	graph.For(c, outer*a.blocks, 1+1<<15/max(n*softmaxBlock, 1), a, func(a *softmaxArgs, _, lo, hi int) {
		for i := lo; i < hi; i++ {
			at := i % a.blocks * softmaxBlock
			from := i/a.blocks*a.n*a.inner + at
			kernel.SoftmaxCols(a.y[from:], a.x[from:], a.n, a.inner, min(softmaxBlock, a.inner-at))
		}
	})
	return nil
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

// softmaxRows uses f, which works in place on a row, or kernel.Softmax when it is nil.
func softmaxRows[T float32 | float64](c *graph.Ctx, f func([]T)) error {
	outer, n, inner, err := split(c.In[0].Shape(), c.Node.Int("axis"))
	if err != nil {
		return err
	}
	x, y := tensor.Data[T](c.In[0]), tensor.Data[T](c.Out[0])
	grain := 1 + 8192/max(n, 1)
	if f == nil {
		graph.Parallel(c, outer*inner, grain, rowArgs[T]{x, y, n, inner})
		return nil
	}
	rows, err := graph.Scratch[T](c, c.Exec().Workers()*n)
	if err != nil {
		return err
	}
	graph.Parallel(c, outer*inner, grain, roundedRows[T]{rowArgs[T]{x, y, n, inner}, rows, f})
	return nil
}

type roundedRows[T float32 | float64] struct {
	rowArgs[T]
	rows []T // one for each worker
	f    func([]T)
}

func (a *roundedRows[T]) Do(worker, lo, hi int) {
	row := a.rows[worker*a.n:][:a.n]
	for r := lo; r < hi; r++ {
		start := r/a.inner*a.n*a.inner + r%a.inner
		for i := range row {
			row[i] = a.x[start+i*a.inner]
		}
		a.f(row)
		for i, v := range row {
			a.y[start+i*a.inner] = v
		}
	}
}
