package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Clip is min(max(x, min), max); a bound that is absent does not bound, and NaN stays NaN.
var clip = family(
	&graph.Op{
		Name: "Clip", Since: 13,
		Sig:   "(input:T, min?:T, max?:T) -> (output:T); T = num",
		Infer: graph.Same, InPlace: true, Run: halves(runClip),
		Grad: by1(clipGrad),
	},
	&graph.Op{Since: 12, Sig: "T = int f16 f32 f64"},
	&graph.Op{Since: 11, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 6, Sig: "(input:T) -> (output:T); min float = -3.4028234663852886e+38; max float = 3.4028234663852886e+38", Expand: expandClip},
	&graph.Op{Since: 1, Sig: "min float; max float; consumed_inputs ints", Expand: expandClip},
)

// expandClip turns the attributes of before opset 11 into inputs.
func expandClip(b *graph.Builder, n *graph.Node) []*graph.Value {
	x := n.In[0]
	bound := func(name string) *graph.Value {
		if n.Attr(name) == nil {
			return nil
		}
		v := float64(n.Float(name))
		if x.Type.DType == tensor.Float16 && math.Abs(v) > 65504 { // beyond the type's range it does not bound
			return nil
		}
		return b.Scalar(x.Type.DType, v)
	}
	return []*graph.Value{b.Op("Clip", x, bound("min"), bound("max"))}
}

func runClip(c *graph.Ctx) error {
	for i := 1; i < len(c.In); i++ {
		if t := c.In[i]; t != nil && (t.Len() != 1 || t.DType() != c.In[0].DType()) {
			return graph.Shapef("bound is %s, want one %s", t, c.In[0].DType().Short())
		}
	}
	switch c.In[0].DType() {
	case tensor.Float32:
		a := kernel.Activation{Kind: kernel.ActClip}
		a.Alpha, a.Beta = activationDefaults(a.Kind)
		if c.Has(1) {
			a.Alpha = tensor.Data[float32](c.In[1])[0]
		}
		if c.Has(2) {
			a.Beta = tensor.Data[float32](c.In[2])[0]
		}
		return apply(c, a)
	case tensor.Float64:
		clipAll(c, math.Inf(-1), math.Inf(1))
	case tensor.Int8:
		clipAll[int8](c, math.MinInt8, math.MaxInt8)
	case tensor.Int16:
		clipAll[int16](c, math.MinInt16, math.MaxInt16)
	case tensor.Int32:
		clipAll[int32](c, math.MinInt32, math.MaxInt32)
	case tensor.Int64:
		clipAll[int64](c, math.MinInt64, math.MaxInt64)
	case tensor.Uint8:
		clipAll[uint8](c, 0, math.MaxUint8)
	case tensor.Uint16:
		clipAll[uint16](c, 0, math.MaxUint16)
	case tensor.Uint32:
		clipAll[uint32](c, 0, math.MaxUint32)
	case tensor.Uint64:
		clipAll[uint64](c, 0, math.MaxUint64)
	default:
		return graph.Typef("input is %s", c.In[0])
	}
	return nil
}

type clipArgs[T kernel.Arith] struct {
	y, x   []T
	lo, hi T
}

func (a *clipArgs[T]) Do(_, lo, hi int) { kernel.Clip(a.y[lo:hi], a.x[lo:hi], a.lo, a.hi) }

func clipAll[T kernel.Arith](c *graph.Ctx, lo, hi T) {
	if c.Has(1) {
		lo = tensor.Data[T](c.In[1])[0]
	}
	if c.Has(2) {
		hi = tensor.Data[T](c.In[2])[0]
	}
	x := tensor.Data[T](c.In[0])
	graph.Parallel(c, len(x), 1<<14, clipArgs[T]{tensor.Data[T](c.Out[0]), x, lo, hi})
}
