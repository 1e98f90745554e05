package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// In these tests epsilon is 0 or 1 where that keeps numbers whole: -1 and 1 have mean 0 and variance 1.

func TestBatchNormalization(t *testing.T) {
	one, zero := f32([]float32{1, 1}, 2), f32([]float32{0, 0}, 2)
	x := f32([]float32{-1, 1, 3, 5}, 2, 2)
	eps := graph.Float("epsilon", 0)
	optest.Run(t, Registry(), "BatchNormalization", []optest.Case{
		// (x - mean)/2·scale + B
		{Name: "test mode", In: []*tensor.Tensor{x, f32([]float32{2, 4}, 2), f32([]float32{0, 1}, 2), f32([]float32{1, 1}, 2), f32([]float32{4, 4}, 2)}, Attrs: []graph.Attr{eps}, Want: []*tensor.Tensor{f32([]float32{-2, 1, 2, 9}, 2, 2)}},
		// columns -1, 3 and 1, 5 have means 1, 3 and variance 4; running·0.5 + own·0.5
		{Name: "training", In: []*tensor.Tensor{x, one, zero, zero, one}, Attrs: []graph.Attr{eps, graph.Int("training_mode", 1), graph.Float("momentum", .5)},
			Want: []*tensor.Tensor{f32([]float32{-1, -1, 1, 1}, 2, 2), f32([]float32{.5, 1.5}, 2), f32([]float32{2.5, 2.5}, 2)}},
		{Name: "test mode with statistics", In: []*tensor.Tensor{x, one, zero, zero, one}, Attrs: []graph.Attr{eps}, Want: []*tensor.Tensor{x, zero, one}},
		{Name: "old", Since: 9, In: []*tensor.Tensor{x, one, zero, one, one}, Attrs: []graph.Attr{eps}, Want: []*tensor.Tensor{f32([]float32{-2, 0, 2, 4}, 2, 2)}},
		{Name: "scalar", In: []*tensor.Tensor{f32([]float32{7}, 1), f32([]float32{1}, 1), f32([]float32{2}, 1), f32([]float32{3}, 1), f32([]float32{4}, 1)}, Attrs: []graph.Attr{eps}, Want: []*tensor.Tensor{f32([]float32{4}, 1)}},
		{Name: "double by float", In: []*tensor.Tensor{tensor.Must(tensor.Of([]float64{3, 5}, 1, 2)), one, zero, one, one}, Attrs: []graph.Attr{eps}, Want: []*tensor.Tensor{tensor.Must(tensor.Of([]float64{2, 4}, 1, 2))}},
		{Name: "extreme", In: []*tensor.Tensor{f32([]float32{visInf, visNaN}, 1, 2), one, zero, one, one}, Want: []*tensor.Tensor{f32([]float32{visInf, visNaN}, 1, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 2, 3), one, zero, one, one}, Want: []*tensor.Tensor{f32(nil, 0, 2, 3)}},
		{Name: "channels", In: []*tensor.Tensor{f32([]float32{1, 2, 3}, 1, 3), one, zero, one, one}, Err: graph.ErrShape, Text: "for 3 channels"},
	})
}

func TestLayerNormalization(t *testing.T) {
	x := f32([]float32{-1, 1, 2, 4}, 2, 2)
	eps := graph.Float("epsilon", 0)
	optest.Run(t, Registry(), "LayerNormalization", []optest.Case{
		{Name: "statistics", In: []*tensor.Tensor{x, f32([]float32{1, 2}, 2), f32([]float32{0, 10}, 2)}, Attrs: []graph.Attr{eps},
			Want: []*tensor.Tensor{f32([]float32{-1, 12, -1, 12}, 2, 2), f32([]float32{0, 3}, 2, 1), f32([]float32{1, 1}, 2, 1)}},
		{Name: "one row", In: []*tensor.Tensor{f32([]float32{-1, 1, 1, -1}, 1, 2, 2), f32([]float32{1, 2, 3, 4}, 2, 2)}, Attrs: []graph.Attr{eps, graph.Int("axis", 1)}, Want: []*tensor.Tensor{f32([]float32{-1, 2, 3, -4}, 1, 2, 2)}},
		{Name: "scale of one element", In: []*tensor.Tensor{x, f32([]float32{3}, 1)}, Attrs: []graph.Attr{eps}, Want: []*tensor.Tensor{f32([]float32{-3, 3, -3, 3}, 2, 2)}},
		{Name: "scale for each row", In: []*tensor.Tensor{x, f32([]float32{1, 2}, 2, 1)}, Attrs: []graph.Attr{eps}, Want: []*tensor.Tensor{f32([]float32{-1, 1, -2, 2}, 2, 2)}},
		{Name: "huge", In: []*tensor.Tensor{f32([]float32{-2e30, 2e30}, 2), f32([]float32{1, 1}, 2)}, Want: []*tensor.Tensor{f32([]float32{-1, 1}, 2)}, Tol: 1e-6},
		{Name: "nan", In: []*tensor.Tensor{f32([]float32{visNaN, 2}, 2), f32([]float32{1, 1}, 2)}, Want: []*tensor.Tensor{f32([]float32{visNaN, visNaN}, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 2), f32([]float32{1, 1}, 2)}, Want: []*tensor.Tensor{f32(nil, 0, 2)}},
		{Name: "scale", In: []*tensor.Tensor{x, f32([]float32{1, 1, 1}, 3)}, Err: graph.ErrShape, Text: "does not broadcast"},
		{Name: "types", In: []*tensor.Tensor{x, tensor.Must(tensor.Of([]float64{1, 1}, 2))}, Err: graph.ErrType, Text: "float64"},
	})
}

func TestRMSNormalization(t *testing.T) {
	x := f32([]float32{3, -3, 1, 1}, 2, 2)
	eps := graph.Float("epsilon", 0)
	optest.Run(t, Registry(), "RMSNormalization", []optest.Case{
		{Name: "rows", In: []*tensor.Tensor{x, f32([]float32{2, 3}, 2)}, Attrs: []graph.Attr{eps}, Want: []*tensor.Tensor{f32([]float32{2, -3, 2, 3}, 2, 2)}},
		{Name: "scale of another type", In: []*tensor.Tensor{x, tensor.Must(tensor.Of([]float64{2, 3}, 2))}, Attrs: []graph.Attr{eps}, Want: []*tensor.Tensor{tensor.Must(tensor.Of([]float64{2, -3, 2, 3}, 2, 2))}},
		{Name: "zeros", In: []*tensor.Tensor{f32([]float32{0, 0}, 2), f32([]float32{1, 1}, 2)}, Want: []*tensor.Tensor{f32([]float32{0, 0}, 2)}},
		{Name: "huge", In: []*tensor.Tensor{f32([]float32{3e30, -3e30}, 2), f32([]float32{1, 1}, 2)}, Want: []*tensor.Tensor{f32([]float32{1, -1}, 2)}, Tol: 1e-6},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 2), f32([]float32{1, 1}, 2)}, Want: []*tensor.Tensor{f32(nil, 0, 2)}},
		{Name: "axis", In: []*tensor.Tensor{x, f32([]float32{1}, 1)}, Attrs: []graph.Attr{graph.Int("axis", 2)}, Err: graph.ErrShape, Text: "axis 2"},
	})
}

func TestGroupNormalization(t *testing.T) {
	x := f32([]float32{-1, 1, 1, 3, 5, 5, 7, 7}, 1, 4, 2) // groups of two channels: mean 1 and 6, variance 2 and 1
	eps := graph.Float("epsilon", 0)
	bias := f32([]float32{0, 0, 10, 10}, 4)
	optest.Run(t, Registry(), "InstanceNormalization", []optest.Case{
		{Name: "planes", Since: 6, In: []*tensor.Tensor{f32([]float32{-1, 1, 2, 4}, 1, 2, 2), f32([]float32{1, 2}, 2), f32([]float32{0, 1}, 2)}, Attrs: []graph.Attr{eps}, Want: []*tensor.Tensor{f32([]float32{-1, 1, -1, 3}, 1, 2, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 1, 4, 0), bias, bias}, Want: []*tensor.Tensor{f32(nil, 1, 4, 0)}},
		{Name: "scale", In: []*tensor.Tensor{x, f32([]float32{1}, 1), bias}, Err: graph.ErrShape, Text: "for 4 channels"},
	})
	optest.Run(t, Registry(), "GroupNormalization", []optest.Case{
		{Name: "groups", In: []*tensor.Tensor{x, f32([]float32{1, 1, 1, 2}, 4), bias}, Attrs: []graph.Attr{eps, graph.Int("num_groups", 2)},
			Want: []*tensor.Tensor{f32([]float32{-1.41421356, 0, 0, 1.41421356, 9, 9, 12, 12}, 1, 4, 2)}, Tol: 1e-7},
		{Name: "scale of groups", Since: 18, In: []*tensor.Tensor{x, f32([]float32{0, 2}, 2), f32([]float32{5, 0}, 2)}, Attrs: []graph.Attr{eps, graph.Int("num_groups", 2)},
			Want: []*tensor.Tensor{f32([]float32{5, 5, 5, 5, -2, -2, 2, 2}, 1, 4, 2)}},
		{Name: "groups of nothing", In: []*tensor.Tensor{x, bias, bias}, Attrs: []graph.Attr{graph.Int("num_groups", 3)}, Err: graph.ErrShape, Text: "3 groups of 4 channels"},
	})
}
