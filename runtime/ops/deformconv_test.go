package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestDeformConv(t *testing.T) {
	x := f32([]float32{1, 2, 3, 4}, 1, 1, 2, 2)
	w := f32([]float32{10}, 1, 1, 1, 1)
	// one tap: rows move by the first four offsets, columns by the last four
	still := f32(make([]float32, 8), 1, 2, 2, 2)
	moved := f32([]float32{1, 0, -.5, 9, 0, -.5, 0, 0}, 1, 2, 2, 2)
	optest.Run(t, Registry(), "DeformConv", []optest.Case{
		{Name: "still", In: []*tensor.Tensor{x, w, still}, Want: []*tensor.Tensor{f32([]float32{10, 20, 30, 40}, 1, 1, 2, 2)}},
		{Name: "moved", Since: 19, In: []*tensor.Tensor{x, w, moved}, Want: []*tensor.Tensor{f32([]float32{30, 15, 20, 0}, 1, 1, 2, 2)}},
		{Name: "mask and bias", In: []*tensor.Tensor{x, w, still, f32([]float32{1}, 1), f32([]float32{0, 1, 2, .5}, 1, 1, 2, 2)}, Want: []*tensor.Tensor{f32([]float32{1, 21, 61, 21}, 1, 1, 2, 2)}},
		{Name: "extreme", In: []*tensor.Tensor{x, w, f32([]float32{visNaN, visInf, -visInf, 1e30, 0, 0, 0, 0}, 1, 2, 2, 2)}, Want: []*tensor.Tensor{f32([]float32{0, 0, 0, 0}, 1, 1, 2, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 1, 2, 2), w, f32(nil, 0, 2, 2, 2)}, Want: []*tensor.Tensor{f32(nil, 0, 1, 2, 2)}},
		{Name: "offset", In: []*tensor.Tensor{x, w, x}, Err: graph.ErrShape, Text: "input 2 is [1,1,2,2], want [1,2,2,2]"},
		{Name: "groups", In: []*tensor.Tensor{x, w, still}, Attrs: []graph.Attr{graph.Int("offset_group", 2)}, Err: graph.ErrShape, Text: "2 offset groups of 1 channels"},
	})
}
