package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestSkipLayerNorm(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	two := f32([]float32{2, 3}, 2)
	optest.Run(t, Registry(), "ai.onnxrun::SkipLayerNorm", []optest.Case{
		// sums 1 3 and 10 20: the mean ± the deviation
		{Name: "rows", In: []*tensor.Tensor{f32([]float32{0, 1, 4, 5}, 2, 2), f32([]float32{1, 2, 6, 15}, 2, 2), two, f32([]float32{1, -1}, 2)}, Attrs: []graph.Attr{graph.Float("epsilon", 0)},
			Want: []*tensor.Tensor{f32([]float32{-1, 2, -1, 2}, 2, 2), f32([]float32{1, 3, 10, 20}, 2, 2)}},
		{Name: "no bias, no sum", In: []*tensor.Tensor{f32([]float32{0, 1}, 1, 2), f32([]float32{1, 2}, 1, 2), two}, Attrs: []graph.Attr{graph.Float("epsilon", 3)},
			Want: []*tensor.Tensor{f32([]float32{-1, 1.5}, 1, 2)}},
		{Name: "one row with the scale's shape", In: []*tensor.Tensor{f32([]float32{0, 1}, 2), f32([]float32{1, 2}, 2), two}, Attrs: []graph.Attr{graph.Float("epsilon", 0)},
			Want: []*tensor.Tensor{f32([]float32{-2, 3}, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 2), f32(nil, 0, 2), two}, Want: []*tensor.Tensor{f32(nil, 0, 2), f32(nil, 0, 2)}},
		{Name: "nan and inf", In: []*tensor.Tensor{f32([]float32{inf, 1, 1, 2}, 2, 2), f32([]float32{0, 1, nan, 2}, 2, 2), two},
			Want: []*tensor.Tensor{f32([]float32{nan, nan, nan, nan}, 2, 2), f32([]float32{inf, 2, nan, 4}, 2, 2)}},
		{Name: "shapes", In: []*tensor.Tensor{f32([]float32{0, 1}, 1, 2), f32([]float32{1, 2, 3}, 1, 3), two}, Err: graph.ErrShape},
		{Name: "scale", In: []*tensor.Tensor{f32([]float32{0, 1}, 1, 2), f32([]float32{1, 2}, 1, 2), f32([]float32{1, 2, 3}, 3)}, Err: graph.ErrShape},
	})
}

func TestSkipRMSNorm(t *testing.T) {
	optest.Run(t, Registry(), "ai.onnxrun::SkipRMSNorm", []optest.Case{
		// sums 1 7, of mean square 25
		{Name: "row", In: []*tensor.Tensor{f32([]float32{0, 3}, 1, 2), f32([]float32{1, 4}, 1, 2), f32([]float32{5, -5}, 2)}, Attrs: []graph.Attr{graph.Float("epsilon", 0)},
			Want: []*tensor.Tensor{f32([]float32{1, -7}, 1, 2), f32([]float32{1, 7}, 1, 2)}, Tol: 1e-7},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 3, 0), f32(nil, 3, 0), f32(nil, 0)}, Want: []*tensor.Tensor{f32(nil, 3, 0)}},
		{Name: "huge", In: []*tensor.Tensor{f32([]float32{1e18, 0}, 1, 2), f32([]float32{0, 0}, 1, 2), f32([]float32{1, 1}, 2)}, Want: []*tensor.Tensor{f32([]float32{math.Sqrt2, 0}, 1, 2)}, Tol: 1e-6},
		{Name: "types", In: []*tensor.Tensor{f32([]float32{0, 3}, 1, 2), tensor.Must(tensor.Of([]float64{1, 1}, 1, 2)), f32([]float32{1, 1}, 2)}, Err: graph.ErrType},
	})
}
