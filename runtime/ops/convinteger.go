package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// ConvInteger is Conv of 8-bit integers less their zero points, summed in int32. Padding stands for the zero point of x. That of w is a scalar or
// one for each output channel.
var convInteger = family(
	&graph.Op{
		Name: "ConvInteger", Since: 10,
		Sig: `(x:T1, w:T2, x_zero_point?:T1, w_zero_point?:T2) -> (y:T3)
			T1 = i8 u8; T2 = i8 u8; T3 = i32
			auto_pad string = NOTSET; dilations ints; group int = 1; kernel_shape ints; pads ints; strides ints`,
		Infer: inferConvInteger, Run: runConvInteger,
	},
)

func inferConvInteger(c *graph.Infer) error {
	for i := range 2 {
		if z := c.DType(i + 2); c.Has(i+2) && z != tensor.Invalid && c.DType(i) != tensor.Invalid && z != c.DType(i) {
			return graph.Typef("zero point of %s for %s", z, c.DType(i))
		}
	}
	if err := inferConvShape(c, tensor.Int32); err != nil {
		return err
	}
	if z, ok := c.Shape(2); ok && !(len(z) == 0 || len(z) == 1 && (z[0].Is(1) || !z[0].IsInt())) {
		return graph.Shapef("x_zero_point is %s, want a scalar", c.Type(2))
	}
	w, okW := c.Shape(1)
	if z, ok := c.Shape(3); ok && okW && !(len(z) == 0 || len(z) == 1 && (z[0].Is(1) || !z[0].IsInt() || !w[0].IsInt() || z[0].Equal(w[0]))) {
		return graph.Shapef("w_zero_point is %s for kernels of %s", c.Type(3), c.Type(1))
	}
	return nil
}

func runConvInteger(c *graph.Ctx) error {
	x, err := lessZero(c, c.In[0], c.Input(2))
	if err != nil {
		return err
	}
	w, err := lessZero(c, c.In[1], c.Input(3))
	if err != nil {
		return err
	}
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	return convolveData(c, x, w, nil, tensor.Data[int32](y))
}

// lessZero is t less its zero point, which is nil for 0, a scalar, or one for each index of axis 0.
func lessZero(c *graph.Ctx, t, zero *tensor.Tensor) ([]int32, error) {
	b := t.Bytes()
	out, err := graph.Scratch[int32](c, len(b))
	if err != nil {
		return nil, err
	}
	var z []byte
	per := len(b)
	if zero != nil {
		if z = zero.Bytes(); len(z) > 0 {
			per = len(b) / len(z)
		}
	}
	switch t.DType() {
	case tensor.Int8, tensor.Uint8:
	default:
		return nil, graph.Typef("integer convolution of %s", t)
	}
	graph.For(c, len(b), 1<<16, lessArgs{out, b, z, per, t.DType() == tensor.Int8}, func(a *lessArgs, _, lo, hi int) {
		for i := lo; i < hi; i++ {
			var z byte
			if len(a.zero) > 0 {
				z = a.zero[i/a.per]
			}
			if a.signed {
				a.out[i] = int32(int8(a.x[i])) - int32(int8(z))
			} else {
				a.out[i] = int32(a.x[i]) - int32(z)
			}
		}
	})
	return out, nil
}

type lessArgs struct {
	out     []int32
	x, zero []byte
	per     int
	signed  bool
}
