package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestRotateHalves: numbers by hand; the expansion into products and sums is held against the rest.
func TestRotateHalves(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	half := func(v ...float64) *tensor.Tensor { return tensor.Must(tensor.FromFloats(tensor.Float16, v, len(v))) }
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	x := f32([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 1, 4)
	optest.Run(t, Registry(), "ai.onnxrun::RotateHalves", []optest.Case{
		{Name: "a row for all", In: ts(x, f32([]float32{1, 0, 2, 3}, 4), f32([]float32{0, 1, 10, 100}, 1, 1, 4)), Want: ts(f32([]float32{1, -4, 16, 212, 5, -8, 64, 624}, 2, 1, 4))},
		{Name: "rows of their own", In: ts(x, f32([]float32{1, 0, 2, 3}, 1, 4), f32([]float32{0, 1, 10, 100, 1, 1, 1, 1}, 2, 1, 4)), Want: ts(f32([]float32{1, -4, 16, 212, -2, -8, 19, 30}, 2, 1, 4))},
		{Name: "heads between", In: ts(f32([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 1, 2, 2, 2), f32([]float32{0, 0, 1, 1}, 1, 1, 2, 2), f32([]float32{1, 1, 0, 0}, 2, 2)),
			Want: ts(f32([]float32{-2, 1, 3, 4, -6, 5, 7, 8}, 1, 2, 2, 2))},
		{Name: "halves", In: ts(half(1, 2), half(0.5, 0.5), half(1, 1)), Want: ts(half(-1.5, 2))},
		{Name: "extreme", In: ts(f32([]float32{inf, 1, 1, 2}, 4), f32([]float32{1, nan, 1, 1}, 4), f32([]float32{0, 1, 1, float32(math.Copysign(0, -1))}, 4)), Want: ts(f32([]float32{inf, nan, inf, 2}, 4))},
		{Name: "empty", In: ts(f32(nil, 0, 2), f32([]float32{1, 1}, 2), f32([]float32{1, 1}, 1, 2)), Want: ts(f32(nil, 0, 2))},
		{Name: "no elements", In: ts(f32(nil, 2, 0), f32(nil, 0), f32(nil, 1, 0)), Want: ts(f32(nil, 2, 0))},
		{Name: "odd", In: ts(count(1, 3), count(1, 3), count(1, 3)), Err: graph.ErrShape, Text: "3 elements"},
		{Name: "scalar", In: ts(tensor.Scalar(float32(1)), tensor.Scalar(float32(1)), tensor.Scalar(float32(1))), Err: graph.ErrShape, Text: "scalar"},
		{Name: "narrow", In: ts(count(1, 4), count(1), count(1, 4)), Err: graph.ErrShape, Text: "last axis"},
		{Name: "more rows", In: ts(count(1, 4), count(2, 4), count(1, 4)), Err: graph.ErrShape, Text: "broadcast"},
	})
}
