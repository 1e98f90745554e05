package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// vec is a tensor of rank 1, or of the given shape.
func vec[T tensor.Elem](v ...T) *tensor.Tensor { return tensor.Must(tensor.Of(v, len(v))) }

// TestNumericIntegers holds one-input operators at the ends of integer types, which wrap around.
func TestNumericIntegers(t *testing.T) {
	optest.Run(t, Registry(), "Abs", []optest.Case{
		{Name: "i8", In: []*tensor.Tensor{vec[int8](-128, -127, 0, 127)}, Want: []*tensor.Tensor{vec[int8](-128, 127, 0, 127)}},
		{Name: "u64", In: []*tensor.Tensor{vec[uint64](0, 1<<52)}, Want: []*tensor.Tensor{vec[uint64](0, 1<<52)}},
		{Name: "old", Since: 6, In: []*tensor.Tensor{vec[int32](-5)}, Want: []*tensor.Tensor{vec[int32](5)}},
	})
	optest.Run(t, Registry(), "Neg", []optest.Case{
		{Name: "i32", In: []*tensor.Tensor{vec[int32](math.MinInt32, -1, 0, 7)}, Want: []*tensor.Tensor{vec[int32](math.MinInt32, 1, 0, -7)}},
		{Name: "unsigned", In: []*tensor.Tensor{vec[uint8](1)}, Err: graph.ErrType},
	})
	optest.Run(t, Registry(), "Sign", []optest.Case{
		{Name: "i16", In: []*tensor.Tensor{vec[int16](-32768, 0, 5)}, Want: []*tensor.Tensor{vec[int16](-1, 0, 1)}},
		{Name: "u8", In: []*tensor.Tensor{vec[uint8](0, 255)}, Want: []*tensor.Tensor{vec[uint8](0, 1)}},
	})
	optest.Run(t, Registry(), "Erf", []optest.Case{
		{Name: "i8 of before 13", Since: 9, In: []*tensor.Tensor{vec[int8](-6, -1, 0, 1, 6)}, Want: []*tensor.Tensor{vec[int8](-1, 0, 0, 0, 1)}},
	})
	optest.Run(t, Registry(), "BitwiseNot", []optest.Case{
		{Name: "u16", In: []*tensor.Tensor{vec[uint16](0, 0xf0f0)}, Want: []*tensor.Tensor{vec[uint16](0xffff, 0x0f0f)}},
		{Name: "i64", In: []*tensor.Tensor{vec[int64](-1, 5)}, Want: []*tensor.Tensor{vec[int64](0, -6)}},
		{Name: "float", In: []*tensor.Tensor{vec[float32](1)}, Err: graph.ErrType},
	})
	optest.Run(t, Registry(), "Shrink", []optest.Case{ // −3 + 1.5 = −1.5 and 3 − 1.5 = 1.5, cut toward zero
		{Name: "i32", In: []*tensor.Tensor{vec[int32](-3, -1, 0, 1, 3)}, Attrs: []graph.Attr{graph.Float("bias", 1.5), graph.Float("lambd", 1)}, Want: []*tensor.Tensor{vec[int32](-1, 0, 0, 0, 1)}},
		{Name: "u8", In: []*tensor.Tensor{vec[uint8](0, 200)}, Attrs: []graph.Attr{graph.Float("bias", 50)}, Want: []*tensor.Tensor{vec[uint8](0, 150)}},
	})
}

// TestIsNaN and TestIsInf use every float type that has such numbers.
func TestIsNaN(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	small := tensor.Must(tensor.FromBytes(tensor.Float8E4M3FN, []byte{0x7f, 0xff, 0x7e, 0}, 4)) // NaN, NaN, 448, 0
	optest.Run(t, Registry(), "IsNaN", []optest.Case{
		{Name: "f32", In: []*tensor.Tensor{f32([]float32{nan, 1, inf, -nan}, 4)}, Want: []*tensor.Tensor{vec(true, false, false, true)}},
		{Name: "f16", In: []*tensor.Tensor{as(t, tensor.Float16, []float32{nan, 1}, 2)}, Want: []*tensor.Tensor{vec(true, false)}},
		{Name: "f8", In: []*tensor.Tensor{small}, Want: []*tensor.Tensor{vec(true, true, false, false)}},
		{Name: "int", In: []*tensor.Tensor{vec[int32](1)}, Err: graph.ErrType},
	})
}

func TestIsInf(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	x := f32([]float32{nan, -inf, inf, 3e38}, 4)
	optest.Run(t, Registry(), "IsInf", []optest.Case{
		{Name: "both", In: []*tensor.Tensor{x}, Want: []*tensor.Tensor{vec(false, true, true, false)}},
		{Name: "positive", In: []*tensor.Tensor{x}, Attrs: []graph.Attr{graph.Int("detect_negative", 0)}, Want: []*tensor.Tensor{vec(false, false, true, false)}},
		{Name: "negative", Since: 10, In: []*tensor.Tensor{x}, Attrs: []graph.Attr{graph.Int("detect_positive", 0)}, Want: []*tensor.Tensor{vec(false, true, false, false)}},
		{Name: "f8e5m2", In: []*tensor.Tensor{tensor.Must(tensor.FromBytes(tensor.Float8E5M2, []byte{0x7c, 0xfc, 0x7b, 0x7e}, 4))}, Want: []*tensor.Tensor{vec(true, true, false, false)}},
	})
}

func TestClip(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	at := func(v float32) *tensor.Tensor { return tensor.Scalar(v) }
	x := f32([]float32{-inf, -2, 0, 2, inf, nan}, 6)
	optest.Run(t, Registry(), "Clip", []optest.Case{
		{Name: "both", In: []*tensor.Tensor{x, at(-1), at(1)}, Want: []*tensor.Tensor{f32([]float32{-1, -1, 0, 1, 1, nan}, 6)}},
		{Name: "neither", In: []*tensor.Tensor{x}, Want: []*tensor.Tensor{x}},
		{Name: "max", In: []*tensor.Tensor{x, nil, at(1)}, Want: []*tensor.Tensor{f32([]float32{-inf, -2, 0, 1, 1, nan}, 6)}},
		{Name: "min above max", In: []*tensor.Tensor{x, at(5), at(1)}, Want: []*tensor.Tensor{f32([]float32{1, 1, 1, 1, 1, nan}, 6)}}, // as numpy.clip
		{Name: "u64", In: []*tensor.Tensor{vec[uint64](0, 1<<63), tensor.Scalar[uint64](5)}, Want: []*tensor.Tensor{vec[uint64](5, 1<<63)}},
		{Name: "attributes", Since: 6, In: []*tensor.Tensor{x}, Attrs: []graph.Attr{graph.Float("min", -1)}, Want: []*tensor.Tensor{f32([]float32{-1, -1, 0, 2, math.MaxFloat32, nan}, 6)}},
		{Name: "oldest", Since: 1, In: []*tensor.Tensor{x}, Attrs: []graph.Attr{graph.Float("max", 1)}, Want: []*tensor.Tensor{f32([]float32{-inf, -2, 0, 1, 1, nan}, 6)}},
		{Name: "f16", Since: 6, In: []*tensor.Tensor{as(t, tensor.Float16, []float32{-inf, 2}, 2)}, Want: []*tensor.Tensor{as(t, tensor.Float16, []float32{-inf, 2}, 2)}},
		{Name: "bounds", In: []*tensor.Tensor{x, f32([]float32{1, 2}, 2)}, Err: graph.ErrShape, Text: "f32[2]"},
	})
}
