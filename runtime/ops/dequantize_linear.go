package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// DequantizeLinear is (x − zero point) · scale, computed in float32, with scales as in QuantizeLinear.
var dequantizeLinear = grad(family(
	&graph.Op{
		Name: "DequantizeLinear", Since: 28,
		Sig: `(x:T1, x_scale:T2, x_zero_point?:T1) -> (y:T3)
			T1 = f8 f4e2m1 f6e2m3 f6e3m2 i8 u8 i16 u16 i32 i4 u4 i2 u2
			T2 = f16 bf16 f32 f8e8m0; T3 = f16 bf16 f32
			axis int = 1; block_size int = 0; output_dtype int = 0`,
		Infer: inferDequantizeLinear, Run: runDequantizeLinear,
	},
	&graph.Op{Since: 25, Sig: "T1 = f8 f4e2m1 i8 u8 i16 u16 i32 i4 u4 i2 u2"},
	&graph.Op{Since: 24, Sig: "T1 = f8 f4e2m1 i8 u8 i16 u16 i32 i4 u4"},
	&graph.Op{Since: 23, Sig: "T2 = f16 bf16 f32"},
	&graph.Op{Since: 21, Sig: `(x:T1, x_scale:T2, x_zero_point?:T1) -> (y:T2)
		T1 = f8 i8 u8 i16 u16 i32 i4 u4
		-output_dtype`},
	&graph.Op{Since: 19, Sig: `T1 = f8 i8 u8 i32
		-block_size`},
	&graph.Op{Since: 13, Sig: "(x:T, x_scale:f32, x_zero_point?:T) -> (y:f32); T = i8 u8 i32"},
	&graph.Op{Since: 10, Sig: "-axis"},
), dequantizeGrad)

func inferDequantizeLinear(c *graph.Infer) error {
	if err := inferScales(c); err != nil {
		return err
	}
	if z := c.DType(2); c.Has(2) && z != tensor.Invalid && c.DType(0) != tensor.Invalid && z != c.DType(0) {
		return graph.Typef("tensor %s and zero point %s", c.Type(0), c.Type(2))
	}
	t := c.Type(0)
	t.DType = c.DType(1)
	if t.DType == tensor.Float8E8M0 {
		t.DType = tensor.Float32
	}
	if d := c.Node.Int("output_dtype"); d != 0 {
		t.DType = tensor.DType(d)
		if !t.DType.IsHalf() && t.DType != tensor.Float32 {
			return graph.Typef("dequantization to %s", t.DType)
		}
	}
	c.Set(0, t)
	return nil
}

// dequantizeGrad: y = (x − z)·s gives dx = g·s, ds = Σ g·(x − z) and dz = −Σ g·s over the elements that share a scale; dx and dz where they are floating point.
func dequantizeGrad(r rule) []*graph.Value {
	x, scale, zero := r.x(0), r.x(1), r.input(2)
	to := func(v *graph.Value, d tensor.DType) *graph.Value {
		if v.Type.DType == d {
			return v
		}
		return r.Op("Cast", v, graph.Int("to", int(d)))
	}
	of := func(v *graph.Value) *graph.Value { return to(v, tensor.Float32) }
	share := r.shared(scale)
	g := of(r.g(0))
	number := of(x)
	if zero != nil {
		number = r.sub(number, share.spread(of(zero)))
	}
	grads := []*graph.Value{nil, nil, nil}
	if scale.Type.DType != tensor.Float8E8M0 { // powers of two have no derivative
		grads[1] = to(share.sum(r.mul(g, number)), scale.Type.DType)
	}
	if x.Type.DType.IsFloat() {
		grads[0] = r.mul(g, share.spread(of(scale)))
		if zero != nil {
			grads[2] = r.neg(share.sum(grads[0]))
		}
	}
	return grads
}

// sharing is how elements of a tensor share scales: spread gives scales a shape that can be broadcast to the tensor's, sum adds up what belongs to each scale.
type sharing struct {
	spread, sum func(v *graph.Value) *graph.Value
}

// shared is the sharing of input 0 with a scale of the form of input 1. Blocks are told apart by the extent of their axis, which must be known.
func (r rule) shared(scale *graph.Value) sharing {
	x, block := r.x(0), r.n.Int("block_size")
	rank := r.rank(x)
	if r.rank(scale) == 0 || rank == 0 {
		return sharing{
			spread: func(v *graph.Value) *graph.Value { return r.Op("Reshape", v, r.Ints()) },
			sum: func(v *graph.Value) *graph.Value {
				return r.like(r.Op("ReduceSum", v, graph.Int("keepdims", 0)), scale)
			},
		}
	}
	axis, err := quantAxis(r.n, rank)
	if err != nil {
		r.Fail(err)
		return sharing{}
	}
	if block == 0 || r.rank(scale) < rank {
		row := slices.Repeat([]int{1}, rank)
		row[axis] = -1
		return sharing{
			spread: func(v *graph.Value) *graph.Value { return r.Op("Reshape", v, r.Ints(row...)) },
			sum: func(v *graph.Value) *graph.Value {
				return r.like(r.SumTo(v, r.Op("Reshape", scale, r.Ints(row...))), scale)
			},
		}
	}
	n, ok := x.Type.Shape[axis].Int()
	if !ok {
		r.Fail(graph.Unsupportedf("the gradient of blocks along axis %d of %s, whose extent is not known", axis, x.Type))
		return sharing{}
	}
	at := make([]int, n)
	for i := range at {
		at[i] = i / block
	}
	places := r.Ints(at...)
	return sharing{
		spread: func(v *graph.Value) *graph.Value { return r.Op("Gather", v, places, graph.Int("axis", axis)) },
		sum:    func(v *graph.Value) *graph.Value { return r.put(v, places, axis, r.Ints(ceilDiv(n, block))) },
	}
}

func runDequantizeLinear(c *graph.Ctx) error {
	if y := c.Out[0].DType(); !y.IsHalf() && y != tensor.Float32 {
		return graph.Typef("dequantization to %s", c.Out[0])
	}
	if x := c.In[0].DType(); !x.IsInt() && !x.IsFloat() || x.Bits() > 32 {
		return graph.Typef("dequantization of %s", c.In[0])
	}
	t, err := newQuantTask(c)
	if err != nil {
		return err
	}
	graph.Parallel(c, t.x.Len(), quantGrain, dequantizeTask(t))
	return nil
}

type dequantizeTask quantTask

func (t *dequantizeTask) Do(_, lo, hi int) {
	var buf [quantBuffer]float32
	half := t.y.DType().IsHalf()
	for i := lo; i < hi; {
		n, at, step := t.scaleLayout.run(i, hi-i)
		y := buf[:min(n, len(buf))]
		if half {
			n = len(y)
		} else {
			y = tensor.Data[float32](t.y)[i : i+n]
		}
		scale, zero := t.scale[at:at+1+(n-1)*step], t.zero[at:at+1+(n-1)*step]
		switch t.x.DType() {
		case tensor.Int8:
			dequantize(y, tensor.Data[int8](t.x)[i:i+n], scale, zero)
		case tensor.Uint8:
			dequantize(y, tensor.Data[uint8](t.x)[i:i+n], scale, zero)
		case tensor.Int16:
			dequantize(y, tensor.Data[int16](t.x)[i:i+n], scale, zero)
		case tensor.Uint16:
			dequantize(y, tensor.Data[uint16](t.x)[i:i+n], scale, zero)
		default:
			quantFloats(y, t.x, i)
			dequantize(y, y, scale, zero)
		}
		if half {
			kernel.Narrow(tensor.Data[uint16](t.y)[i:i+n], y, t.y.DType() == tensor.BFloat16)
		}
		i += n
	}
}

func dequantize[T int8 | int16 | uint8 | uint16 | float32](y []float32, x []T, scale, zero []float32) {
	if len(scale) == 1 {
		kernel.Dequantize(y, x, scale[0], zero[0])
	} else {
		kernel.DequantizeEach(y, x, scale, zero)
	}
}
