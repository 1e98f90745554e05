package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestMatMulInteger(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	u8 := func(v []uint8, shape ...int) *tensor.Tensor { return tensor.Must(tensor.Of(v, shape...)) }
	i8 := func(v []int8, shape ...int) *tensor.Tensor { return tensor.Must(tensor.Of(v, shape...)) }
	i32 := func(v []int32, shape ...int) *tensor.Tensor { return tensor.Must(tensor.Of(v, shape...)) }
	a, b := u8([]uint8{1, 2, 3, 255}, 2, 2), i8([]int8{1, -2, 3, -128}, 2, 2)
	optest.Run(t, Registry(), "MatMulInteger", []optest.Case{
		// products by hand
		{Name: "plain", In: ts(a, b), Want: ts(i32([]int32{7, -258, 768, -32646}, 2, 2))},
		{Name: "scalars", In: ts(a, b, u8([]uint8{1}, []int{}...), i8([]int8{1}, 1)), Want: ts(i32([]int32{2, -129, 508, -32772}, 2, 2))},
		{Name: "rows and columns", In: ts(a, b, u8([]uint8{1, 3}, 2), i8([]int8{1, -2}, 2)), Want: ts(i32([]int32{2, -126, 504, -31752}, 2, 2))},
		{Name: "stack", In: ts(u8([]uint8{1, 2}, 2, 1, 1), u8([]uint8{3, 4}, 2, 1, 1), u8([]uint8{0, 1}, 2, 1, 1), u8([]uint8{1, 0}, 2, 1, 1)), Want: ts(i32([]int32{2, 4}, 2, 1, 1))},
		{Name: "vectors", In: ts(u8([]uint8{1, 2}, 2), u8([]uint8{3, 4}, 2), u8([]uint8{1}, 1)), Want: ts(i32([]int32{4}, []int{}...))},
		{Name: "empty", In: ts(u8(nil, 1, 0), u8(nil, 0, 1), u8([]uint8{3}, 1)), Want: ts(i32([]int32{0}, 1, 1))},
		{Name: "zero point", In: ts(a, b, u8([]uint8{1, 2, 3}, 3)), Err: graph.ErrShape, Text: "zero point u8[3]"},
	})
}
