package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func u8s(v []uint8, shape ...int) *tensor.Tensor { return tensor.Must(tensor.Of(v, shape...)) }
func i8s(v []int8, shape ...int) *tensor.Tensor  { return tensor.Must(tensor.Of(v, shape...)) }

// smallBits is a tensor of a small type from its bytes.
func smallBits(d tensor.DType, b []byte, shape ...int) *tensor.Tensor {
	return tensor.Must(tensor.FromBytes(d, b, shape...))
}

func TestQuantizeLinear(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	zero, one := tensor.Scalar[uint8](128), tensor.Scalar[float32](2)
	dtype := func(d tensor.DType) graph.Attr { return graph.Int("output_dtype", int(d)) }
	block := graph.Int("block_size", 2)
	optest.Run(t, Registry(), "QuantizeLinear", []optest.Case{
		// halves go to the even neighbour; the range is 0 … 255
		{Name: "ties", In: []*tensor.Tensor{f32([]float32{0, 1, 3, 5, -1, -3, 1e9, -1e9}, 8), one, zero}, Want: []*tensor.Tensor{u8s([]uint8{128, 128, 130, 130, 128, 126, 255, 0}, 8)}},
		{Name: "extreme", In: []*tensor.Tensor{f32([]float32{inf, -inf, nan, float32(math.Copysign(0, -1))}, 4), one, tensor.Scalar[int8](0)}, Want: []*tensor.Tensor{i8s([]int8{127, -128, -128, 0}, 4)}},
		{Name: "per axis", Since: 13, In: []*tensor.Tensor{f32([]float32{2, 2, 2, 2}, 2, 2, 1), f32([]float32{1, 2}, 2), u8s([]uint8{0, 10}, 2)}, Want: []*tensor.Tensor{u8s([]uint8{2, 11, 2, 11}, 2, 2, 1)}},
		{Name: "per axis, outer", In: []*tensor.Tensor{f32([]float32{2, 4, 2, 4}, 2, 2), f32([]float32{1, 2}, 2)}, Attrs: []graph.Attr{graph.Int("axis", 0)}, Want: []*tensor.Tensor{u8s([]uint8{2, 4, 1, 2}, 2, 2)}},
		{Name: "blocks of columns", In: []*tensor.Tensor{f32([]float32{2, 4, 6, 8, 10, 12}, 2, 3), f32([]float32{1, 2, 2, 4}, 2, 2)}, Attrs: []graph.Attr{block}, Want: []*tensor.Tensor{u8s([]uint8{2, 4, 3, 4, 5, 3}, 2, 3)}},
		{Name: "blocks of rows", In: []*tensor.Tensor{f32([]float32{2, 4, 6, 8, 10, 12}, 3, 2), f32([]float32{1, 2, 5, 4}, 2, 2)}, Attrs: []graph.Attr{block, graph.Int("axis", -2)}, Want: []*tensor.Tensor{u8s([]uint8{2, 2, 6, 4, 2, 3}, 3, 2)}},
		{Name: "int4", In: []*tensor.Tensor{f32([]float32{-100, -1, 7, 100, 3}, 5), tensor.Scalar[float32](1)}, Attrs: []graph.Attr{dtype(tensor.Int4)}, Want: []*tensor.Tensor{smallBits(tensor.Int4, []byte{0xf8, 0x77, 0x03}, 5)}},
		{Name: "uint2", In: []*tensor.Tensor{f32([]float32{-1, 1, 2, 9, 1}, 5), tensor.Scalar[float32](1)}, Attrs: []graph.Attr{dtype(tensor.Uint2)}, Want: []*tensor.Tensor{smallBits(tensor.Uint2, []byte{0xe4, 0x01}, 5)}},
		// 448 is the largest number of the format, 0x7e; NaN is 0x7f
		{Name: "float8", Since: 19, In: []*tensor.Tensor{f32([]float32{1, -2, 1e6, nan}, 4), tensor.Scalar[float32](1), smallBits(tensor.Float8E4M3FN, []byte{0})}, Want: []*tensor.Tensor{smallBits(tensor.Float8E4M3FN, []byte{0x38, 0xc0, 0x7e, 0x7f}, 4)}},
		{Name: "float8 without saturation", In: []*tensor.Tensor{f32([]float32{1e6}, 1), tensor.Scalar[float32](1), smallBits(tensor.Float8E5M2, []byte{0})}, Attrs: []graph.Attr{graph.Int("saturate", 0)}, Want: []*tensor.Tensor{smallBits(tensor.Float8E5M2, []byte{0x7c}, 1)}},
		{Name: "float4", In: []*tensor.Tensor{f32([]float32{0.5, -6, 100}, 3), tensor.Scalar[float32](1)}, Attrs: []graph.Attr{dtype(tensor.Float4E2M1)}, Want: []*tensor.Tensor{smallBits(tensor.Float4E2M1, []byte{0xf1, 0x07}, 3)}},
		// 2.0001/0.8 is 2.5001 in float32, which rounds to 3, but 2/0.7998 is 2.5 in float16, which rounds to 2
		{Name: "precision", In: []*tensor.Tensor{f32([]float32{2.0001}, 1), tensor.Scalar[float32](0.8)}, Attrs: []graph.Attr{graph.Int("precision", int(tensor.Float16))}, Want: []*tensor.Tensor{u8s([]uint8{2}, 1)}},
		{Name: "ints", Since: 10, In: []*tensor.Tensor{tensor.Must(tensor.Of([]int32{-300, 6, 7}, 3)), one, tensor.Scalar[uint8](1)}, Want: []*tensor.Tensor{u8s([]uint8{0, 4, 5}, 3)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 2), f32([]float32{1, 2}, 2)}, Want: []*tensor.Tensor{u8s(nil, 0, 2)}},
		{Name: "scales", In: []*tensor.Tensor{f32([]float32{1, 2}, 1, 2), f32([]float32{1, 2, 3}, 3)}, Err: graph.ErrShape, Text: "axis 1"},
		{Name: "type", In: []*tensor.Tensor{f32([]float32{1}, 1), one}, Attrs: []graph.Attr{dtype(tensor.String)}, Err: graph.ErrType, Text: "string"},
	})
}

func TestDequantizeLinear(t *testing.T) {
	half := tensor.Scalar[float32](0.5)
	optest.Run(t, Registry(), "DequantizeLinear", []optest.Case{
		{Name: "uint8", Since: 10, In: []*tensor.Tensor{u8s([]uint8{0, 128, 255}, 3), half, tensor.Scalar[uint8](128)}, Want: []*tensor.Tensor{f32([]float32{-64, 0, 63.5}, 3)}},
		{Name: "per axis", Since: 13, In: []*tensor.Tensor{i8s([]int8{1, 2, 3, 4}, 2, 2), f32([]float32{1, 10}, 2), i8s([]int8{0, 1}, 2)}, Want: []*tensor.Tensor{f32([]float32{1, 10, 3, 30}, 2, 2)}},
		{Name: "int32", In: []*tensor.Tensor{tensor.Must(tensor.Of([]int32{math.MaxInt32, -4}, 2)), half}, Want: []*tensor.Tensor{f32([]float32{1 << 30, -2}, 2)}},
		{Name: "blocks of int4", In: []*tensor.Tensor{smallBits(tensor.Int4, []byte{0xf8, 0x77, 0x03}, 5, 1), f32([]float32{1, 2, 3}, 3, 1)}, Attrs: []graph.Attr{graph.Int("axis", 0), graph.Int("block_size", 2)}, Want: []*tensor.Tensor{f32([]float32{-8, -1, 14, 14, 9}, 5, 1)}},
		{Name: "float8 to float16", Since: 23, In: []*tensor.Tensor{smallBits(tensor.Float8E4M3FN, []byte{0x38, 0xc0}, 2), half}, Attrs: []graph.Attr{graph.Int("output_dtype", int(tensor.Float16))}, Want: []*tensor.Tensor{smallBits(tensor.Float16, []byte{0, 0x38, 0, 0xbc}, 2)}},
		// 127 stands for 1, 130 for 8
		{Name: "powers of two", Since: 24, In: []*tensor.Tensor{smallBits(tensor.Float4E2M1, []byte{0xf1}, 2), smallBits(tensor.Float8E8M0, []byte{127, 130}, 2)}, Attrs: []graph.Attr{graph.Int("block_size", 1)}, Want: []*tensor.Tensor{f32([]float32{0.5, -48}, 2)}},
		{Name: "empty", In: []*tensor.Tensor{u8s(nil, 0), half}, Want: []*tensor.Tensor{f32(nil, 0)}},
		{Name: "zero point", In: []*tensor.Tensor{u8s([]uint8{1}, 1), half, i8s([]int8{1}, 1)}, Err: graph.ErrType, Text: "zero point"},
		{Name: "blocks", In: []*tensor.Tensor{u8s([]uint8{1, 2, 3}, 3), f32([]float32{1}, 1)}, Attrs: []graph.Attr{graph.Int("block_size", 2)}, Err: graph.ErrShape, Text: "blocks of 2"},
	})
}

func TestDynamicQuantizeLinear(t *testing.T) {
	big := float32(math.MaxFloat32)
	optest.Run(t, Registry(), "DynamicQuantizeLinear", []optest.Case{
		// the example of the standard
		{Name: "example", Tol: 1e-6, In: []*tensor.Tensor{f32([]float32{0, 2, -3, -2.5, 1.34, 0.5}, 6)}, Want: []*tensor.Tensor{u8s([]uint8{153, 255, 0, 26, 221, 179}, 6), tensor.Scalar[float32](0.0196078438), tensor.Scalar[uint8](153)}},
		{Name: "zeros", In: []*tensor.Tensor{f32([]float32{0, 0}, 2)}, Want: []*tensor.Tensor{u8s([]uint8{0, 0}, 2), tensor.Scalar[float32](1), tensor.Scalar[uint8](0)}},
		{Name: "huge", In: []*tensor.Tensor{f32([]float32{-big, big}, 2)}, Want: []*tensor.Tensor{u8s([]uint8{0, 255}, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0)}, Want: []*tensor.Tensor{u8s(nil, 0), tensor.Scalar[float32](1), tensor.Scalar[uint8](0)}},
		{Name: "type", In: []*tensor.Tensor{u8s([]uint8{1}, 1)}, Err: graph.ErrType, Text: "u8"},
	})
}
