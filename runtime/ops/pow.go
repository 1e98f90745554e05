package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Pow is x to the power of y, in the type of x. The exponent may be of another type.
var pow = family(
	&graph.Op{
		Name: "Pow", Since: 15,
		Sig:   "(X:T, Y:T1) -> (Z:T); T = float i32 i64; T1 = num",
		Infer: inferBroadcast, Run: halves(runPow),
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
	n, sx := a.plan.Inner(0)
	_, sy := a.plan.Inner(1)
	for r := lo; r < hi; r++ {
		z, x, y := a.z[r*n:(r+1)*n], a.x[a.plan.Row(0, r):], a.y[a.plan.Row(1, r):]
		switch {
		case a.ints:
			for i := range z {
				z[i] = intPow(x[i*sx], int64(y[i*sy]))
			}
		case sy == 0 && float64(y[0]) == 2: // by far the most frequent exponent
			for i := range z {
				z[i] = x[i*sx] * x[i*sx]
			}
		default:
			for i := range z {
				z[i] = T(math.Pow(float64(x[i*sx]), float64(y[i*sy])))
			}
		}
	}
}

// intPow is exact, with wrap-around; a negative exponent leaves only powers of 1 and −1.
func intPow[T kernel.Arith](x T, e int64) T {
	if e < 0 {
		switch {
		case x == 1 || x+1 == 0 && e%2 == 0:
			return 1
		case x+1 == 0:
			return x
		}
		return 0
	}
	y := T(1)
	for ; e > 0; e >>= 1 {
		if e&1 != 0 {
			y *= x
		}
		x *= x
	}
	return y
}

func powAll[T, E kernel.Arith](c *graph.Ctx) {
	if c.Out[0].Len() == 0 {
		return
	}
	plan := broadcastPlan(c)
	n, _ := plan.Inner(0)
	ints := c.In[0].DType().IsInt() && c.In[1].DType().IsInt()
	graph.Parallel(c, plan.Rows(), 1+2048/n, powArgs[T, E]{tensor.Data[T](c.Out[0]), tensor.Data[T](c.In[0]), tensor.Data[E](c.In[1]), plan, ints})
}
