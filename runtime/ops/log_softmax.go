package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// LogSoftmax is x - log(sum(exp(x))) along an axis.
var logSoftmax = family(
	&graph.Op{
		Name: "LogSoftmax", Since: 13,
		Sig: `(input:T) -> (output:T)
			T = float
			axis int = -1`,
		Infer: inferAxisSame, Run: halves(runLogSoftmax), InPlace: true,
		Grad: by1(logSoftmaxGrad),
	},
	&graph.Op{Since: 11, Sig: "T = f16 f32 f64; axis int = 1", Infer: inferAxisSame, Expand: expandOnRows("LogSoftmax")},
	&graph.Op{Since: 1, Infer: inferAxisSame, Expand: expandOnRows("LogSoftmax")},
)

func runLogSoftmax(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	outer, n, inner, err := split(x.Shape(), c.Node.Int("axis"))
	if err != nil {
		return err
	}
	switch x.DType() {
	case tensor.Float32:
		if inner == 1 {
			a := softmaxArgs{x: tensor.Data[float32](x), y: tensor.Data[float32](y), n: n}
			graph.For(c, outer, 1+1<<15/max(n, 1), a, func(a *softmaxArgs, _, lo, hi int) {
				kernel.LogSoftmaxRows(a.y[lo*a.n:hi*a.n], a.x[lo*a.n:hi*a.n], a.n)
			})
			return nil
		}
		graph.Parallel(c, outer*inner, 1+8192/max(n, 1), logSoftmaxRows[float32]{tensor.Data[float32](x), tensor.Data[float32](y), n, inner})
	case tensor.Float64:
		graph.Parallel(c, outer*inner, 1+8192/max(n, 1), logSoftmaxRows[float64]{tensor.Data[float64](x), tensor.Data[float64](y), n, inner})
	default:
		return graph.Typef("log-softmax of %s", x)
	}
	return nil
}

type logSoftmaxRows[T float32 | float64] rowArgs[T]

func (a *logSoftmaxRows[T]) Do(_, lo, hi int) {
	for r := lo; r < hi; r++ {
		kernel.LogSoftmax(a.y, a.x, r/a.inner*a.n*a.inner+r%a.inner, a.n, a.inner)
	}
}
