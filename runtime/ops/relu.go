package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Relu is max(0, x); NaN stays NaN.
var relu = grad1(family(
	&graph.Op{
		Name: "Relu", Since: 14,
		Sig: `(X:T) -> (Y:T)
			T = f16 bf16 f32 f64 i8 i16 i32 i64`,
		Infer: graph.Same, Run: halves(runRelu), InPlace: true,
	},
	&graph.Op{Since: 13, Sig: "T = float"},
	&graph.Op{Since: 6, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 1, Sig: "consumed_inputs ints"},
), func(r rule) *graph.Value { return r.when(r.greater(r.y(0), r.num(0)), r.g(0)) })

func runRelu(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return apply(c, kernel.Activation{Kind: kernel.ActRelu})
	case tensor.Float64:
		mapUnary(c, reluOf[float64])
	case tensor.Int8:
		mapUnary(c, reluOf[int8])
	case tensor.Int16:
		mapUnary(c, reluOf[int16])
	case tensor.Int32:
		mapUnary(c, reluOf[int32])
	case tensor.Int64:
		mapUnary(c, reluOf[int64])
	default:
		return graph.Typef("relu of %s", c.In[0])
	}
	return nil
}

func reluOf[T float64 | int8 | int16 | int32 | int64](y, x []T) {
	for i, v := range x {
		if v < 0 {
			v = 0
		}
		y[i] = v
	}
}

type unaryArgs[T any] struct {
	y, x []T
	f    func(y, x []T)
}

func (a *unaryArgs[T]) Do(_, lo, hi int) { a.f(a.y[lo:hi], a.x[lo:hi]) }

// mapUnary applies f to all elements of input 0, in pieces.
func mapUnary[T tensor.Elem](c *graph.Ctx, f func(y, x []T)) {
	x := tensor.Data[T](c.In[0])
	graph.Parallel(c, len(x), 16384, unaryArgs[T]{tensor.Data[T](c.Out[0]), x, f})
}
