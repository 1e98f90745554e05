package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Hardmax is 1 at the first largest element along an axis and 0 elsewhere.
var hardmax = family(
	&graph.Op{
		Name: "Hardmax", Since: 13,
		Sig: `(input:T) -> (output:T)
			T = float
			axis int = -1`,
		Infer: inferAxisSame, Run: halves(runHardmax), InPlace: true,
	},
	&graph.Op{Since: 11, Sig: "T = f16 f32 f64; axis int = 1", Infer: inferAxisSame, Expand: expandOnRows("Hardmax")},
	&graph.Op{Since: 1, Infer: inferAxisSame, Expand: expandOnRows("Hardmax")},
)

func runHardmax(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	outer, n, inner, err := split(x.Shape(), c.Node.Int("axis"))
	if err != nil {
		return err
	}
	switch x.DType() {
	case tensor.Float32:
		graph.Parallel(c, outer*inner, 1+8192/max(n, 1), hardmaxRows[float32]{tensor.Data[float32](x), tensor.Data[float32](y), n, inner})
	case tensor.Float64:
		graph.Parallel(c, outer*inner, 1+8192/max(n, 1), hardmaxRows[float64]{tensor.Data[float64](x), tensor.Data[float64](y), n, inner})
	default:
		return graph.Typef("hardmax of %s", x)
	}
	return nil
}

type hardmaxRows[T float32 | float64] rowArgs[T]

func (a *hardmaxRows[T]) Do(_, lo, hi int) {
	for r := lo; r < hi; r++ {
		kernel.Hardmax(a.y, a.x, r/a.inner*a.n*a.inner+r%a.inner, a.n, a.inner)
	}
}
