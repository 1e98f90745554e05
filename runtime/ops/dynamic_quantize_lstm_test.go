package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// The numbers come from ONNX Runtime.
func TestDynamicQuantizeLSTM(t *testing.T) {
	in := []*tensor.Tensor{
		f32([]float32{0.241908938, 0.575132728, 0.231305957, -0.912210047}, 2, 1, 2),
		i8s([]int8{-65, -49, 94, -20, -59, 83, -63, -24}, 1, 2, 4),
		i8s([]int8{36, 12, -107, -121}, 1, 1, 4),
		nil,
		nil,
		f32([]float32{0.0198955685}, 1, 1, 1),
		f32([]float32{0.382699102}, 1, 1, 1),
		nil,
		f32([]float32{0.00829731673, 0.0128842872, 0.00803194847, 0.00953497924}, 1, 4),
		i8s([]int8{0, 0, 0, 0}, 1, 4),
		f32([]float32{0.00634041708, 0.00903113, 0.00703455228, 0.00762313325}, 1, 4),
		i8s([]int8{0, 0, 0, 0}, 1, 4),
	}
	swapped := append([]*tensor.Tensor{}, in...)
	swapped[9] = u8s(make([]uint8, 4), 1, 4)
	narrow := append([]*tensor.Tensor{}, in...)
	narrow[8] = f32([]float32{1, 2, 3}, 1, 3)
	empty := append([]*tensor.Tensor{}, in...)
	empty[0] = f32(nil, 0, 1, 2)
	optest.Run(t, Registry(), "com.microsoft::DynamicQuantizeLSTM", []optest.Case{
		{Name: "scales of columns", Tol: 1e-5, In: in, Want: []*tensor.Tensor{f32([]float32{0.0624478124, 0.0312627554}, 2, 1, 1, 1), f32([]float32{0.0312627554}, 1, 1, 1), f32([]float32{0.127145588}, 1, 1, 1)}},
		{Name: "no steps", In: empty, Want: []*tensor.Tensor{f32(nil, 0, 1, 1, 1), in[5], in[6]}},
		{Name: "types", In: swapped, Err: graph.ErrType, Text: "input 9"},
		{Name: "scales", In: narrow, Err: graph.ErrShape, Text: "input 8"},
	})
}
