package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestLogSoftmax(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	optest.Run(t, Registry(), "LogSoftmax", []optest.Case{
		// logarithms of exp(-1), exp(0), exp(1) over their sum
		{Name: "row", In: ts(f32([]float32{-1, 0, 1}, 1, 3)), Want: ts(f32([]float32{-2.407606, -1.4076059, -0.40760595}, 1, 3)), Tol: 1e-6},
		{Name: "axis0", In: ts(f32([]float32{1, 2, 1, 2}, 2, 2)), Attrs: []graph.Attr{graph.Int("axis", 0)}, Want: ts(f32([]float32{-0.6931472, -0.6931472, -0.6931472, -0.6931472}, 2, 2)), Tol: 1e-7},
		{Name: "empty", In: ts(f32(nil, 0, 3)), Want: ts(f32(nil, 0, 3))},
		{Name: "huge", In: ts(f32([]float32{10000, 10001, -inf}, 3)), Want: ts(f32([]float32{-1.3132616, -0.31326166, -inf}, 3)), Tol: 1e-6},
		{Name: "nan", In: ts(f32([]float32{1, nan}, 2)), Want: ts(f32([]float32{nan, nan}, 2))},
		{Name: "matrix of before 13", Since: 1, In: ts(f32([]float32{0, 0, 0, 0}, 1, 2, 2)), Want: ts(f32([]float32{-1.3862944, -1.3862944, -1.3862944, -1.3862944}, 1, 2, 2)), Tol: 1e-6},
		{Name: "axis", In: ts(f32([]float32{1}, 1)), Attrs: []graph.Attr{graph.Int("axis", 1)}, Err: graph.ErrShape, Text: "axis 1"},
	})
}
