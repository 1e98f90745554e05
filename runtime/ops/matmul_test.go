package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// count is the tensor with the elements 0, 1, 2, …
func count(shape ...int) *tensor.Tensor {
	d := make([]float32, tensor.Shape(shape).Elems())
	for i := range d {
		d[i] = float32(i)
	}
	return f32(d, shape...)
}

func TestMatMul(t *testing.T) {
	inf := float32(math.Inf(1))
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	long := make([]float32, 1000) // 0 + 1 + … + 999 = 499500, over several blocks of the sum
	for i := range long {
		long[i] = 1
	}
	optest.Run(t, Registry(), "MatMul", []optest.Case{
		// numpy.matmul of numpy.arange in the given shapes
		{Name: "2d", In: ts(count(2, 3), count(3, 2)), Want: ts(f32([]float32{10, 13, 28, 40}, 2, 2))},
		{Name: "stack by matrix", In: ts(count(2, 1, 2), count(2, 2)), Want: ts(f32([]float32{2, 3, 6, 11}, 2, 1, 2))},
		{Name: "broadcast", In: ts(count(2, 1, 1, 2), count(2, 2, 1)), Want: ts(f32([]float32{1, 3, 3, 13}, 2, 2, 1, 1))},
		{Name: "repeated left", In: ts(count(1, 2), count(2, 2, 1)), Want: ts(f32([]float32{1, 3}, 2, 1, 1))},
		{Name: "vectors", In: ts(count(1000), f32(long, 1000)), Want: ts(f32([]float32{499500}, []int{}...))},
		{Name: "row", In: ts(count(2), count(2, 2, 2)), Want: ts(f32([]float32{2, 3, 6, 7}, 2, 2))},
		{Name: "column", In: ts(count(2, 2, 2), count(2)), Want: ts(f32([]float32{1, 3, 5, 7}, 2, 2))},
		{Name: "int64", In: ts(i64([]int64{1 << 40, -1}, 1, 2), i64([]int64{1 << 20, 1}, 2, 1)), Want: ts(i64([]int64{1<<60 - 1}, 1, 1))},
		{Name: "no inner extent", In: ts(f32(nil, 2, 0), f32(nil, 0, 2)), Want: ts(f32([]float32{0, 0, 0, 0}, 2, 2))},
		{Name: "empty stack", In: ts(f32(nil, 0, 2, 2), count(2, 2)), Want: ts(f32(nil, 0, 2, 2))},
		{Name: "infinite", In: ts(f32([]float32{inf, 0}, 1, 2), f32([]float32{1, 0, 0, 1}, 2, 2)), Want: ts(f32([]float32{inf, float32(math.NaN())}, 1, 2))},
		{Name: "oldest", Since: 1, In: ts(count(1, 1), count(1, 1)), Want: ts(f32([]float32{0}, 1, 1))},
		{Name: "inner", In: ts(count(2, 3), count(2, 3)), Err: graph.ErrShape, Text: "inner extents 3 and 2"},
		{Name: "scalar", In: ts(f32([]float32{1}, []int{}...), count(1)), Err: graph.ErrShape, Text: "scalar"},
		{Name: "stacks", In: ts(count(2, 1, 1), count(3, 1, 1)), Err: graph.ErrShape, Text: "broadcast"},
	})
}
