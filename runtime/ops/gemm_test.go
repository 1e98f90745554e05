package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestGemm(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	at := func(a ...graph.Attr) []graph.Attr { return a }
	i32 := func(v []int32, shape ...int) *tensor.Tensor { return tensor.Must(tensor.Of(v, shape...)) }
	a, b := count(2, 3), count(3, 2)
	optest.Run(t, Registry(), "Gemm", []optest.Case{
		// numpy: a @ b is [[10, 13], [28, 40]]
		{Name: "product", In: ts(a, b), Want: ts(f32([]float32{10, 13, 28, 40}, 2, 2))},
		{Name: "row", In: ts(a, b, count(2)), Want: ts(f32([]float32{10, 14, 28, 41}, 2, 2))},
		{Name: "column", In: ts(a, b, count(2, 1)), Want: ts(f32([]float32{10, 13, 29, 41}, 2, 2))},
		{Name: "scalar", In: ts(a, b, f32([]float32{1}, []int{}...)), Want: ts(f32([]float32{11, 14, 29, 41}, 2, 2))},
		{Name: "scaled", In: ts(a, b, count(2, 2)), Attrs: at(graph.Float("alpha", .5), graph.Float("beta", 2)), Want: ts(f32([]float32{5, 8.5, 18, 26}, 2, 2))},
		{Name: "beta 0", In: ts(a, b, count(2)), Attrs: at(graph.Float("beta", 0)), Want: ts(f32([]float32{10, 13, 28, 40}, 2, 2))},
		{Name: "transposed", In: ts(f32([]float32{0, 3, 1, 4, 2, 5}, 3, 2), f32([]float32{0, 2, 4, 1, 3, 5}, 2, 3)), Attrs: at(graph.Int("transA", 1), graph.Int("transB", 1)),
			Want: ts(f32([]float32{10, 13, 28, 40}, 2, 2))},
		{Name: "no inner extent", In: ts(f32(nil, 2, 0), f32(nil, 0, 2), count(2)), Want: ts(f32([]float32{0, 1, 0, 1}, 2, 2))},
		{Name: "empty", In: ts(f32(nil, 0, 3), b, count(2)), Want: ts(f32(nil, 0, 2))},
		{Name: "integers wrap", In: ts(i32([]int32{1 << 30, 1}, 1, 2), i32([]int32{4, 3}, 2, 1), i32([]int32{2}, 1)), Want: ts(i32([]int32{5}, 1, 1))},
		{Name: "broadcast of before 7", Since: 6, In: ts(a, b, count(2)), Attrs: at(graph.Int("broadcast", 1)), Want: ts(f32([]float32{10, 14, 28, 41}, 2, 2))},
		{Name: "inner", In: ts(a, a), Err: graph.ErrShape, Text: "inner extents 3 and 2"},
		{Name: "bias", In: ts(a, b, count(3)), Err: graph.ErrShape},
		{Name: "rank", In: ts(count(4), b), Err: graph.ErrShape},
	})
}
