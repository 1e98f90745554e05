package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestDet(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	nan := float32(math.NaN())
	optest.Run(t, Registry(), "Det", []optest.Case{
		// by Leibniz's formula
		{Name: "2d", In: ts(f32([]float32{0, 2, 3, 4}, 2, 2)), Want: ts(f32([]float32{-6}, []int{}...))},
		{Name: "stack", In: ts(f32([]float32{1, 2, 3, 4, 2, 0, 0, 2}, 2, 2, 2)), Want: ts(f32([]float32{-2, 4}, 2)), Tol: 1e-6},
		{Name: "singular", In: ts(count(3, 3)), Want: ts(f32([]float32{0}, []int{}...)), Tol: 1e-6},
		{Name: "permutation", In: ts(f32([]float32{0, 1, 0, 0, 0, 1, 1, 0, 0}, 3, 3)), Want: ts(f32([]float32{1}, []int{}...))},
		{Name: "large", In: ts(f32([]float32{1e30, 0, 0, 1e30}, 2, 2)), Want: ts(f32([]float32{float32(math.Inf(1))}, []int{}...))},
		{Name: "nan", In: ts(f32([]float32{nan, 1, 1, 1}, 2, 2)), Want: ts(f32([]float32{nan}, []int{}...))},
		{Name: "no rows", Since: 11, In: ts(f32(nil, 2, 0, 0)), Want: ts(f32([]float32{1, 1}, 2))},
		{Name: "not square", In: ts(count(2, 3)), Err: graph.ErrShape, Text: "square"},
	})
}
