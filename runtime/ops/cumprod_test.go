package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestCumProd(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	at := func(a ...graph.Attr) []graph.Attr { return a }
	x, inf := f32([]float32{1, 2, 3, 4, 5, 6}, 2, 3), float32(math.Inf(1))
	rows, cols := i64([]int64{-1}), i64([]int64{0}, []int{}...)
	optest.Run(t, Registry(), "CumProd", []optest.Case{
		// products by hand
		{Name: "rows", In: ts(x, rows), Want: ts(f32([]float32{1, 2, 6, 4, 20, 120}, 2, 3))},
		{Name: "columns", In: ts(x, cols), Want: ts(f32([]float32{1, 2, 3, 4, 10, 18}, 2, 3))},
		{Name: "exclusive", In: ts(x, rows), Attrs: at(graph.Int("exclusive", 1)), Want: ts(f32([]float32{1, 1, 2, 1, 4, 20}, 2, 3))},
		{Name: "reverse", In: ts(x, rows), Attrs: at(graph.Int("reverse", 1)), Want: ts(f32([]float32{6, 6, 3, 120, 30, 6}, 2, 3))},
		{Name: "both", In: ts(x, rows), Attrs: at(graph.Int("reverse", 1), graph.Int("exclusive", 1)), Want: ts(f32([]float32{6, 3, 1, 30, 6, 1}, 2, 3))},
		{Name: "infinite", In: ts(f32([]float32{3e38, 3e38, 0}, 3), cols), Want: ts(f32([]float32{3e38, inf, float32(math.NaN())}, 3))},
		{Name: "wraps", In: ts(i64([]int64{math.MaxInt64, 2}), cols), Want: ts(i64([]int64{math.MaxInt64, -2}))},
		{Name: "empty", In: ts(f32(nil, 2, 0), cols), Want: ts(f32(nil, 2, 0))},
		{Name: "axis", In: ts(x, i64([]int64{2})), Err: graph.ErrShape, Text: "axis 2"},
	})
}
