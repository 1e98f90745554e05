package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// 3-4-5 triangles keep the numbers whole.

func TestLp(t *testing.T) {
	x := f32([]float32{3, -4, 0, 0}, 1, 1, 4)
	two := graph.Ints("kernel_shape", 2)
	optest.Run(t, Registry(), "LpPool", []optest.Case{
		{Name: "p 2", In: []*tensor.Tensor{x}, Attrs: []graph.Attr{two}, Want: []*tensor.Tensor{f32([]float32{5, 4, 0}, 1, 1, 3)}},
		{Name: "p 1", In: []*tensor.Tensor{x}, Attrs: []graph.Attr{two, graph.Int("p", 1), graph.Ints("pads", 1, 0)}, Want: []*tensor.Tensor{f32([]float32{3, 7, 4, 0}, 1, 1, 4)}},
		{Name: "p 3", In: []*tensor.Tensor{f32([]float32{3, -4, 5}, 1, 1, 3)}, Attrs: []graph.Attr{graph.Ints("kernel_shape", 3), graph.Int("p", 3)}, Want: []*tensor.Tensor{f32([]float32{6}, 1, 1, 1)}, Tol: 1e-6},
		{Name: "float p", Since: 1, In: []*tensor.Tensor{x}, Attrs: []graph.Attr{two, graph.Float("p", 2)}, Want: []*tensor.Tensor{f32([]float32{5, 4, 0}, 1, 1, 3)}},
		{Name: "extreme", In: []*tensor.Tensor{f32([]float32{3e30, -4e30, visNaN}, 1, 1, 3)}, Attrs: []graph.Attr{two}, Want: []*tensor.Tensor{f32([]float32{5e30, visNaN}, 1, 1, 2)}, Tol: 1e-6},
		{Name: "p 0", In: []*tensor.Tensor{x}, Attrs: []graph.Attr{two, graph.Int("p", 0)}, Err: graph.ErrInvalid, Text: "p is 0"},
	})
	optest.Run(t, Registry(), "GlobalLpPool", []optest.Case{
		{Name: "plane", In: []*tensor.Tensor{x}, Want: []*tensor.Tensor{f32([]float32{5}, 1, 1, 1)}},
		{Name: "float p", Since: 1, In: []*tensor.Tensor{x}, Attrs: []graph.Attr{graph.Float("p", 1)}, Want: []*tensor.Tensor{f32([]float32{7}, 1, 1, 1)}},
		{Name: "empty plane", In: []*tensor.Tensor{f32(nil, 1, 1, 0)}, Want: []*tensor.Tensor{f32([]float32{0}, 1, 1, 1)}},
	})
	optest.Run(t, Registry(), "LpNormalization", []optest.Case{
		{Name: "columns", In: []*tensor.Tensor{f32([]float32{3, 0, -4, 0}, 2, 2)}, Attrs: []graph.Attr{graph.Int("axis", 0)}, Want: []*tensor.Tensor{f32([]float32{.6, 0, -.8, 0}, 2, 2)}},
		{Name: "p 1", Since: 1, In: []*tensor.Tensor{f32([]float32{1, -3}, 2)}, Attrs: []graph.Attr{graph.Int("p", 1)}, Want: []*tensor.Tensor{f32([]float32{.25, -.75}, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 2)}, Want: []*tensor.Tensor{f32(nil, 0, 2)}},
		{Name: "p", In: []*tensor.Tensor{x}, Attrs: []graph.Attr{graph.Int("p", 3)}, Err: graph.ErrInvalid, Text: "p is 3"},
	})
}

func TestLRN(t *testing.T) {
	// with alpha = size, beta = 1: x / (1 + sum of squares of the channels around)
	attrs := []graph.Attr{graph.Int("size", 2), graph.Float("alpha", 2), graph.Float("beta", 1)}
	optest.Run(t, Registry(), "LRN", []optest.Case{
		{Name: "channels", In: []*tensor.Tensor{f32([]float32{1, 2, 3}, 1, 3, 1)}, Attrs: attrs, Want: []*tensor.Tensor{f32([]float32{1. / 6, 2. / 14, .3}, 1, 3, 1)}, Tol: 1e-7},
		{Name: "huge size", Since: 1, In: []*tensor.Tensor{f32([]float32{1, visNaN}, 2, 1)}, Attrs: []graph.Attr{graph.Int("size", 1<<62)}, Want: []*tensor.Tensor{f32([]float32{1, visNaN}, 2, 1)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 1, 0, 2)}, Attrs: attrs, Want: []*tensor.Tensor{f32(nil, 1, 0, 2)}},
		{Name: "size", In: []*tensor.Tensor{f32([]float32{1}, 1, 1)}, Attrs: []graph.Attr{graph.Int("size", 0)}, Err: graph.ErrShape, Text: "size is 0"},
	})
}

func TestMaxUnpool(t *testing.T) {
	x, at := f32([]float32{7, 8}, 1, 1, 2), i64([]int64{1, 2}, 1, 1, 2)
	attrs := []graph.Attr{graph.Ints("kernel_shape", 2), graph.Ints("strides", 2)}
	optest.Run(t, Registry(), "MaxUnpool", []optest.Case{
		{Name: "row", In: []*tensor.Tensor{x, at}, Attrs: attrs, Want: []*tensor.Tensor{f32([]float32{0, 7, 8, 0}, 1, 1, 4)}},
		{Name: "larger", Since: 9, In: []*tensor.Tensor{f32([]float32{7, 8}, 2, 1, 1), i64([]int64{1, 2}, 2, 1, 1), i64([]int64{2, 1, 3}, 3)}, Attrs: attrs, Want: []*tensor.Tensor{f32([]float32{0, 7, 0, 8, 0, 0}, 2, 1, 3)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 1, 2), i64(nil, 0, 1, 2)}, Attrs: attrs, Want: []*tensor.Tensor{f32(nil, 0, 1, 4)}},
		{Name: "index", In: []*tensor.Tensor{x, i64([]int64{4, -1}, 1, 1, 2)}, Attrs: attrs, Err: graph.ErrShape, Text: "index 4 into [1,1,4]"},
		{Name: "smaller", In: []*tensor.Tensor{x, at, i64([]int64{1, 1, 3}, 3)}, Attrs: attrs, Err: graph.ErrShape, Text: "at least"},
	})
}

func TestMeanVarianceNormalization(t *testing.T) {
	optest.Run(t, Registry(), "MeanVarianceNormalization", []optest.Case{
		{Name: "columns", In: []*tensor.Tensor{f32([]float32{1, 5, 3, 9}, 2, 2)}, Attrs: []graph.Attr{graph.Ints("axes", 0)}, Want: []*tensor.Tensor{f32([]float32{-1, -1, 1, 1}, 2, 2)}},
		{Name: "constant", Since: 9, In: []*tensor.Tensor{f32([]float32{4, 4}, 2)}, Attrs: []graph.Attr{graph.Ints("axes", 0)}, Want: []*tensor.Tensor{f32([]float32{0, 0}, 2)}},
		{Name: "axes", In: []*tensor.Tensor{f32([]float32{4, 4}, 2)}, Err: graph.ErrShape, Text: "axis"},
	})
}
