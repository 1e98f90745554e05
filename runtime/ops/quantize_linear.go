package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// QuantizeLinear is round(x / scale) + zero point, ties to even, kept within the range of the output's type, or the nearest number of a small float type.
// There is one scale in all, one for each index of an axis, or one for each block of block_size elements along the axis. NaN becomes the smallest integer.
var quantizeLinear = family(
	&graph.Op{
		Name: "QuantizeLinear", Since: 28,
		Sig: `(x:T1, y_scale:T2, y_zero_point?:T3) -> (y:T3)
			T1 = f16 bf16 f32 i32; T2 = f16 bf16 f32 i32 f8e8m0
			T3 = f8 f4e2m1 f6e2m3 f6e3m2 i8 u8 i16 u16 i4 u4 i2 u2
			axis int = 1; block_size int = 0; output_dtype int = 0; precision int = 0; saturate int = 1`,
		Infer: inferQuantizeLinear, Run: runQuantizeLinear,
	},
	&graph.Op{Since: 25, Sig: "T3 = f8 f4e2m1 i8 u8 i16 u16 i4 u4 i2 u2"},
	&graph.Op{Since: 24, Sig: "T3 = f8 f4e2m1 i8 u8 i16 u16 i4 u4"},
	&graph.Op{Since: 23, Sig: "T2 = f16 bf16 f32 i32"},
	&graph.Op{Since: 21, Sig: `(x:T1, y_scale:T1, y_zero_point?:T2) -> (y:T2)
		T2 = f8 i8 u8 i16 u16 i4 u4
		-precision`},
	&graph.Op{Since: 19, Sig: `T2 = f8 i8 u8
		-block_size
		-output_dtype`},
	&graph.Op{Since: 13, Sig: `(x:T1, y_scale:f32, y_zero_point?:T2) -> (y:T2)
		T1 = f32 i32; T2 = i8 u8
		-saturate`},
	&graph.Op{Since: 10, Sig: "-axis"},
)

func inferQuantizeLinear(c *graph.Infer) error {
	if err := inferScales(c); err != nil {
		return err
	}
	t := c.Type(0)
	t.DType = tensor.DType(c.Node.Int("output_dtype"))
	switch {
	case c.Has(2):
		t.DType = c.DType(2)
	case c.Node.Int("output_dtype") == 0:
		t.DType = tensor.Uint8
	}
	if d := t.DType; d != tensor.Invalid && !(d.IsInt() && d.Bits() <= 16 || d.IsFloat() && d.Bits() <= 8 && d != tensor.Float8E8M0) {
		return graph.Typef("quantization to %s", d)
	}
	c.Set(0, t)
	return nil
}

func runQuantizeLinear(c *graph.Ctx) error {
	if x := c.In[0].DType(); !x.IsHalf() && x != tensor.Float32 && x != tensor.Int32 {
		return graph.Typef("quantization of %s", c.In[0])
	}
	t, err := newQuantTask(c)
	if err != nil {
		return err
	}
	t.precision = c.In[1].DType()
	if p := c.Node.Int("precision"); p != 0 {
		t.precision = tensor.DType(p)
	}
	t.saturate = c.Node.Attr("saturate") == nil || c.Node.Bool("saturate")
	graph.Parallel(c, t.x.Len(), quantGrain, quantizeTask(t))
	return nil
}

type quantizeTask quantTask

func (t *quantizeTask) Do(_, lo, hi int) {
	d := t.y.DType()
	if d.Packed() {
		from, _ := d.Bytes(lo)
		to, _ := d.Bytes(hi)
		clear(t.y.Bytes()[from:to])
	}
	var buf [quantBuffer]float32
	for i := lo; i < hi; {
		n, at, step := t.run(i, hi-i)
		var x []float32
		if direct := t.x.DType() == tensor.Float32 && !t.precision.IsHalf() && !d.Packed() && !d.IsFloat(); direct {
			x = tensor.Data[float32](t.x)[i : i+n]
		} else {
			n = min(n, len(buf))
			x = buf[:n]
			quantFloats(x, t.x, i)
		}
		scale, zero := t.scale[at:at+1+(n-1)*step], t.zero[at:at+1+(n-1)*step]
		if t.precision.IsHalf() {
			halfQuotient(x, scale, t.precision == tensor.BFloat16)
			scale = unitScales[:len(scale)]
		}
		t.store(i, x, scale, zero)
		i += n
	}
}

// unitScales divide by nothing.
var unitScales = func() (one [quantBuffer]float32) {
	for i := range one {
		one[i] = 1
	}
	return one
}()

// halfQuotient divides in half precision: both sides are rounded before and the quotient after it. Half-precision numbers are rounded right
// when their quotient is computed in float32 first.
func halfQuotient(x, scale []float32, b bool) {
	var bits [quantBuffer]uint16
	h := bits[:len(x)]
	kernel.Narrow(h, x, b)
	kernel.Widen(x, h, b)
	var s [quantBuffer]float32
	sh := bits[:len(scale)]
	kernel.Narrow(sh, scale, b)
	kernel.Widen(s[:len(scale)], sh, b)
	for i := range x {
		x[i] /= s[i*min(len(scale)-1, 1)]
	}
	kernel.Narrow(h, x, b)
	kernel.Widen(x, h, b)
}

// store quantizes x into the elements of y from number at on.
func (t *quantizeTask) store(at int, x, scale, zero []float32) {
	switch d := t.y.DType(); d {
	case tensor.Int8:
		quantizeInts(tensor.Data[int8](t.y)[at:at+len(x)], x, scale, zero, -128, 127)
	case tensor.Uint8:
		quantizeInts(tensor.Data[uint8](t.y)[at:at+len(x)], x, scale, zero, 0, 255)
	case tensor.Int16:
		quantizeInts(tensor.Data[int16](t.y)[at:at+len(x)], x, scale, zero, -32768, 32767)
	case tensor.Uint16:
		quantizeInts(tensor.Data[uint16](t.y)[at:at+len(x)], x, scale, zero, 0, 65535)
	case tensor.Int4, tensor.Uint4, tensor.Int2, tensor.Uint2:
		lo, hi := float32(0), float32(int(1)<<d.Bits()-1)
		if d.IsSigned() {
			hi = float32(int(1) << (d.Bits() - 1))
			lo, hi = -hi, hi-1
		}
		var q [quantBuffer]int8
		quantizeInts(q[:len(x)], x, scale, zero, lo, hi)
		var b [quantBuffer]uint8
		for i, v := range q[:len(x)] {
			b[i] = uint8(v)
		}
		tensor.PackBits(d, t.y.Bytes(), at, b[:len(x)])
	default:
		t.storeFloats(d, at, x, scale, zero)
	}
}

// storeFloats encodes quotients in a small float type. Float8 has no zero point.
func (t *quantizeTask) storeFloats(d tensor.DType, at int, x, scale, zero []float32) {
	step := min(len(scale)-1, 1)
	byteFloat := d >= tensor.Float8E4M3FN && d <= tensor.Float8E5M2FNUZ
	for i, v := range x {
		q := v / scale[i*step]
		if !byteFloat {
			q += zero[i*step]
		}
		b := tensor.SmallEncode(d, float64(q), t.saturate)
		if d.Packed() {
			tensor.PackBits(d, t.y.Bytes(), at+i, []uint8{b})
		} else {
			t.y.Bytes()[at+i] = b
		}
	}
}

func quantizeInts[T int8 | int16 | uint8 | uint16](dst []T, x, scale, zero []float32, lo, hi float32) {
	if len(scale) == 1 {
		kernel.Quantize(dst, x, scale[0], zero[0], lo, hi)
	} else {
		kernel.QuantizeEach(dst, x, scale, zero, lo, hi)
	}
}

func (t *quantizeTask) run(i, most int) (n, at, step int) { return t.scaleLayout.run(i, most) }
