package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestHardmax(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	optest.Run(t, Registry(), "Hardmax", []optest.Case{
		{Name: "first of equals", In: []*tensor.Tensor{f32([]float32{3, 1, 3, 2}, 1, 4)}, Want: []*tensor.Tensor{f32([]float32{1, 0, 0, 0}, 1, 4)}},
		{Name: "axis 0", In: []*tensor.Tensor{f32([]float32{1, 5, 2, 4}, 2, 2)}, Attrs: []graph.Attr{graph.Int("axis", 0)}, Want: []*tensor.Tensor{f32([]float32{0, 1, 1, 0}, 2, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 2, 0)}, Want: []*tensor.Tensor{f32(nil, 2, 0)}},
		{Name: "extreme", In: []*tensor.Tensor{f32([]float32{inf, nan, -inf}, 3)}, Want: []*tensor.Tensor{f32([]float32{0, 1, 0}, 3)}},
		{Name: "matrix of before 13", Since: 1, In: []*tensor.Tensor{f32([]float32{1, 2, 3, 4}, 1, 2, 2)}, Want: []*tensor.Tensor{f32([]float32{0, 0, 0, 1}, 1, 2, 2)}},
		{Name: "axis out of range", In: []*tensor.Tensor{f32([]float32{1}, 1)}, Attrs: []graph.Attr{graph.Int("axis", -2)}, Err: graph.ErrShape, Text: "axis -2"},
	})
}
