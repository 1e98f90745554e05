package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Pow is x to the power of y, in the type of x. The exponent may be of another type.
var pow = family(
	&graph.Op{
		Name: "Pow", Since: 15,
		Sig:   "(X:T, Y:T1) -> (Z:T); T = float i32 i64; T1 = num",
		Infer: inferBroadcast, Run: halves(runPow), InPlace: true,
		Grad: by(powGrad),
	},
	&graph.Op{Since: 13, Sig: "T1 = int f16 f32 f64"},
	&graph.Op{Since: 12, Sig: "T = f16 f32 f64 i32 i64"},
	&graph.Op{Since: 7, Sig: "(X:T, Y:T) -> (Z:T); T = f16 f32 f64"},
	&graph.Op{Since: 1, Sig: "axis int; broadcast int = 0", Expand: legacyBroadcast("Pow")},
)

func runPow(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return powExponent[float32](c)
	case tensor.Float64:
		return powExponent[float64](c)
	case tensor.Int32:
		return powExponent[int32](c)
	case tensor.Int64:
		return powExponent[int64](c)
	}
	return graph.Typef("base is %s", c.In[0])
}

func powExponent[T kernel.Arith](c *graph.Ctx) error {
	switch c.In[1].DType() {
	case tensor.Float32:
		powAll[T, float32](c)
	case tensor.Float64:
		powAll[T, float64](c)
	case tensor.Int8:
		powAll[T, int8](c)
	case tensor.Int16:
		powAll[T, int16](c)
	case tensor.Int32:
		powAll[T, int32](c)
	case tensor.Int64:
		powAll[T, int64](c)
	case tensor.Uint8:
		powAll[T, uint8](c)
	case tensor.Uint16:
		powAll[T, uint16](c)
	case tensor.Uint32:
		powAll[T, uint32](c)
	case tensor.Uint64:
		powAll[T, uint64](c)
	default:
		return graph.Typef("exponent is %s", c.In[1])
	}
	return nil
}

type powArgs[T, E kernel.Arith] struct {
	z, x []T
	y    []E
	plan *kernel.Axes
	ints bool
}

func (a *powArgs[T, E]) Do(_, lo, hi int) {
	c := a.plan.Seek(0, lo)
	for ; lo < hi; lo++ {
		z, x, y := a.z[c.At:c.At+c.N], a.x[c.Off[0]:], a.y[c.Off[1]:]
		if a.ints {
			kernel.PowInt(z, x, y, c.Step[0], c.Step[1])
		} else {
			kernel.Pow(z, x, y, c.Step[0], c.Step[1])
		}
		c.Next()
	}
}

func powAll[T, E kernel.Arith](c *graph.Ctx) {
	z := tensor.Data[T](c.Out[0])
	if len(z) == 0 {
		return
	}
	plan := broadcastPlan(c)
	ints := c.In[0].DType().IsInt() && c.In[1].DType().IsInt()
	graph.Parallel(c, plan.Pieces(), plan.Grain(1<<12), powArgs[T, E]{z, tensor.Data[T](c.In[0]), tensor.Data[E](c.In[1]), plan, ints})
}
