package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// DequantizeLinear is (x − zero point) · scale, computed in float32, with scales as in QuantizeLinear.
var dequantizeLinear = family(
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
)

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
