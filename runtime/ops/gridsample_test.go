package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestGridSample(t *testing.T) {
	row := f32([]float32{1, 2, 3, 4}, 1, 1, 4)
	at := func(v ...float32) *tensor.Tensor { return f32(v, 1, len(v), 1) }
	corners, nearest := graph.Int("align_corners", 1), graph.Str("mode", "nearest")
	border, reflection := graph.Str("padding_mode", "border"), graph.Str("padding_mode", "reflection")
	optest.Run(t, Registry(), "GridSample", []optest.Case{
		// -1 and 1 are elements 0 and 3
		{Name: "aligned", In: []*tensor.Tensor{row, at(-1, 0, 1./3, 1)}, Attrs: []graph.Attr{corners}, Want: []*tensor.Tensor{f32([]float32{1, 2.5, 3, 4}, 1, 1, 4)}, Tol: 1e-6},
		// -1 is position -0.5: half of element 0 and half of a zero
		{Name: "edges", In: []*tensor.Tensor{row, at(-1, -.75, 1)}, Want: []*tensor.Tensor{f32([]float32{.5, 1, 2}, 1, 1, 3)}},
		{Name: "far out", In: []*tensor.Tensor{row, at(-1e30, visInf, visNaN)}, Want: []*tensor.Tensor{f32([]float32{0, 0, 0}, 1, 1, 3)}},
		{Name: "border", In: []*tensor.Tensor{row, at(-1e30, visInf, visNaN)}, Attrs: []graph.Attr{border}, Want: []*tensor.Tensor{f32([]float32{1, 4, 1}, 1, 1, 3)}},
		// positions 4 and -2 mirrored at 3 and 0
		{Name: "reflection", In: []*tensor.Tensor{row, at(5./3, -7./3)}, Attrs: []graph.Attr{corners, reflection}, Want: []*tensor.Tensor{f32([]float32{3, 3}, 1, 1, 2)}, Tol: 1e-6},
		{Name: "nearest, ties to even", In: []*tensor.Tensor{row, at(-2./3, 0)}, Attrs: []graph.Attr{corners, nearest}, Want: []*tensor.Tensor{f32([]float32{1, 3}, 1, 1, 2)}},
		{Name: "x is the last axis", In: []*tensor.Tensor{f32([]float32{1, 2, 3, 4}, 1, 1, 2, 2), f32([]float32{1, -1}, 1, 1, 1, 2)}, Attrs: []graph.Attr{corners}, Want: []*tensor.Tensor{f32([]float32{2}, 1, 1, 1, 1)}},
		{Name: "strings", In: []*tensor.Tensor{tensor.Must(tensor.OfStrings([]string{"a", "b"}, 1, 1, 2)), at(1, 9)}, Attrs: []graph.Attr{corners, nearest}, Want: []*tensor.Tensor{tensor.Must(tensor.OfStrings([]string{"b", ""}, 1, 1, 2))}},
		{Name: "integers are cut off", In: []*tensor.Tensor{i64([]int64{-1, -2}, 1, 1, 2), at(.5)}, Attrs: []graph.Attr{corners}, Want: []*tensor.Tensor{i64([]int64{-1}, 1, 1, 1)}},
		// on an element the cubic weights are 0 1 0 0; half-way -0.09375 0.59375 0.59375 -0.09375
		{Name: "cubic", In: []*tensor.Tensor{row, at(-1, 0)}, Attrs: []graph.Attr{corners, graph.Str("mode", "cubic")}, Want: []*tensor.Tensor{f32([]float32{1, 2.5}, 1, 1, 2)}},
		{Name: "16", Since: 16, In: []*tensor.Tensor{row, at(0)}, Want: []*tensor.Tensor{f32([]float32{2.5}, 1, 1, 1)}},
		{Name: "empty", In: []*tensor.Tensor{row, f32(nil, 1, 0, 1)}, Want: []*tensor.Tensor{f32(nil, 1, 1, 0)}},
		{Name: "nothing to sample", In: []*tensor.Tensor{f32(nil, 1, 1, 0), at(0)}, Attrs: []graph.Attr{border}, Err: graph.ErrShape, Text: "f32[1,1,0]"},
		{Name: "grid", In: []*tensor.Tensor{row, f32([]float32{0, 0}, 1, 1, 2)}, Err: graph.ErrShape, Text: "grid [1,1,2]"},
	})
}

func TestAffineGrid(t *testing.T) {
	same := f32([]float32{1, 0, 0, 0, 1, 0}, 1, 2, 3)
	optest.Run(t, Registry(), "AffineGrid", []optest.Case{
		{Name: "identity", In: []*tensor.Tensor{same, i64([]int64{1, 1, 1, 2}, 4)}, Want: []*tensor.Tensor{f32([]float32{-.5, 0, .5, 0}, 1, 1, 2, 2)}},
		{Name: "corners", In: []*tensor.Tensor{f32([]float32{0, 1, 5, 1, 0, 0}, 1, 2, 3), i64([]int64{1, 1, 2, 2}, 4)}, Attrs: []graph.Attr{graph.Int("align_corners", 1)},
			Want: []*tensor.Tensor{f32([]float32{4, -1, 4, 1, 6, -1, 6, 1}, 1, 2, 2, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 2, 3), i64([]int64{0, 1, 2, 2}, 4)}, Want: []*tensor.Tensor{f32(nil, 0, 2, 2, 2)}},
		{Name: "size", In: []*tensor.Tensor{same, i64([]int64{1, 1, -1, 2}, 4)}, Err: graph.ErrShape, Text: "size is [1,1,-1,2]"},
		{Name: "theta", In: []*tensor.Tensor{same, i64([]int64{1, 1, 1, 1, 1}, 5)}, Err: graph.ErrShape, Text: "size of 5 elements"},
	})
}

func TestRoi(t *testing.T) {
	x := f32([]float32{1, 2, 3, 4}, 1, 1, 2, 2)
	zero := i64([]int64{0}, 1)
	optest.Run(t, Registry(), "RoiAlign", []optest.Case{
		// one sample in the middle of all four elements
		{Name: "mean", In: []*tensor.Tensor{x, f32([]float32{0, 0, 2, 2}, 1, 4), zero}, Attrs: []graph.Attr{graph.Int("sampling_ratio", 1)}, Want: []*tensor.Tensor{f32([]float32{2.5}, 1, 1, 1, 1)}},
		{Name: "largest", In: []*tensor.Tensor{x, f32([]float32{0, 0, 2, 2}, 1, 4), zero}, Attrs: []graph.Attr{graph.Int("sampling_ratio", 1), graph.Str("mode", "max")}, Want: []*tensor.Tensor{f32([]float32{1}, 1, 1, 1, 1)}},
		{Name: "10", Since: 10, In: []*tensor.Tensor{x, f32([]float32{0, 0, 1, 1}, 1, 4), zero}, Want: []*tensor.Tensor{f32([]float32{2.5}, 1, 1, 1, 1)}},
		{Name: "strange regions", In: []*tensor.Tensor{x, f32([]float32{visNaN, 0, 1, 1, -visInf, 0, visInf, 2, -9e30, -9e30, -8e30, -8e30}, 3, 4), i64([]int64{0, 0, 0}, 3)}, Want: []*tensor.Tensor{f32([]float32{0, 0, 0}, 3, 1, 1, 1)}},
		{Name: "empty", In: []*tensor.Tensor{x, f32(nil, 0, 4), i64(nil, 0)}, Want: []*tensor.Tensor{f32(nil, 0, 1, 1, 1)}},
		{Name: "image", In: []*tensor.Tensor{x, f32([]float32{0, 0, 2, 2}, 1, 4), i64([]int64{1}, 1)}, Err: graph.ErrShape, Text: "batch index 1 of 1"},
	})
	pooled := graph.Ints("pooled_shape", 1, 2)
	optest.Run(t, Registry(), "MaxRoiPool", []optest.Case{
		{Name: "bins", In: []*tensor.Tensor{x, f32([]float32{0, 0, 0, 1, 1}, 1, 5)}, Attrs: []graph.Attr{pooled}, Want: []*tensor.Tensor{f32([]float32{3, 4}, 1, 1, 1, 2)}},
		{Name: "outside", Since: 1, In: []*tensor.Tensor{x, f32([]float32{0, 5, 5, visInf, visInf}, 1, 5)}, Attrs: []graph.Attr{pooled}, Want: []*tensor.Tensor{f32([]float32{0, 0}, 1, 1, 1, 2)}},
		{Name: "empty", In: []*tensor.Tensor{x, f32(nil, 0, 5)}, Attrs: []graph.Attr{pooled}, Want: []*tensor.Tensor{f32(nil, 0, 1, 1, 2)}},
		{Name: "image", In: []*tensor.Tensor{x, f32([]float32{-1, 0, 0, 1, 1}, 1, 5)}, Attrs: []graph.Attr{pooled}, Err: graph.ErrShape, Text: "of 1 images"},
	})
}
