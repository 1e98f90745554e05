package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestVariadic(t *testing.T) {
	nan := float32(math.NaN())
	a, b, c := f32([]float32{1, 5, nan}, 3), f32([]float32{2}, 1), f32([]float32{3, 0}, 2, 1)
	for op, want := range map[string][4]*tensor.Tensor{
		"Max":  {a, f32([]float32{2, 5, nan}, 3), f32([]float32{3, 5, nan, 2, 5, nan}, 2, 3), f32([]float32{3, 2}, 2, 1)},
		"Min":  {a, f32([]float32{1, 2, nan}, 3), f32([]float32{1, 2, nan, 0, 0, nan}, 2, 3), f32([]float32{2, 0}, 2, 1)},
		"Sum":  {a, f32([]float32{3, 7, nan}, 3), f32([]float32{6, 10, nan, 3, 7, nan}, 2, 3), f32([]float32{5, 2}, 2, 1)},
		"Mean": {a, f32([]float32{1.5, 3.5, nan}, 3), f32([]float32{2, 10. / 3, nan, 1, 7. / 3, nan}, 2, 3), f32([]float32{2.5, 1}, 2, 1)},
	} {
		optest.Run(t, Registry(), op, []optest.Case{
			{Name: "one", In: []*tensor.Tensor{a}, Want: []*tensor.Tensor{want[0]}},
			{Name: "two", In: []*tensor.Tensor{a, b}, Want: []*tensor.Tensor{want[1]}},
			{Name: "three", In: []*tensor.Tensor{a, b, c}, Want: []*tensor.Tensor{want[2]}, Tol: 1e-7},
			{Name: "nan second", In: []*tensor.Tensor{b, a}, Want: []*tensor.Tensor{want[1]}},
			{Name: "columns", In: []*tensor.Tensor{b, c}, Want: []*tensor.Tensor{want[3]}},
			{Name: "old", Since: 1, In: []*tensor.Tensor{a, a}, Want: []*tensor.Tensor{map[string]*tensor.Tensor{"Max": a, "Min": a, "Mean": a, "Sum": f32([]float32{2, 10, nan}, 3)}[op]}},
			{Name: "empty", In: []*tensor.Tensor{f32(nil, 2, 0), b, c}, Want: []*tensor.Tensor{f32(nil, 2, 0)}},
			{Name: "none", In: []*tensor.Tensor{}, Err: graph.ErrShape},
			{Name: "absent", In: []*tensor.Tensor{a, nil}, Err: graph.ErrInvalid, Text: "operand 1"},
			{Name: "types", In: []*tensor.Tensor{a, b, vec[float64](1)}, Err: graph.ErrType},
		})
	}
	optest.Run(t, Registry(), "Max", []optest.Case{
		{Name: "u64", In: []*tensor.Tensor{vec[uint64](1<<63, 1), vec[uint64](1), vec[uint64](0, 2)}, Want: []*tensor.Tensor{vec[uint64](1<<63, 2)}},
		{Name: "i8", In: []*tensor.Tensor{vec[int8](-128, 127), vec[int8](0)}, Want: []*tensor.Tensor{vec[int8](0, 127)}},
	})
	// 2048 + 1 + 1 is 2050 when it is rounded to float16 once, 2048 when after each sum
	optest.Run(t, Registry(), "Sum", []optest.Case{
		{Name: "f16", In: []*tensor.Tensor{as(t, tensor.Float16, []float32{2048}, 1), as(t, tensor.Float16, []float32{1}, 1), as(t, tensor.Float16, []float32{1}, 1)}, Want: []*tensor.Tensor{as(t, tensor.Float16, []float32{2050}, 1)}},
	})
}
