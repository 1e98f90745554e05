package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// f32 is a float32 tensor for test rows; i64 an int64 one.
func f32(data []float32, shape ...int) *tensor.Tensor { return tensor.Must(tensor.Of(data, shape...)) }
func i64(data []int64, shape ...int) *tensor.Tensor   { return tensor.Must(tensor.Of(data, shape...)) }

func TestSoftmax(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	optest.Run(t, Registry(), "Softmax", []optest.Case{
		// exp(-1), exp(0), exp(1) over their sum
		{Name: "row", In: []*tensor.Tensor{f32([]float32{-1, 0, 1}, 1, 3)}, Want: []*tensor.Tensor{f32([]float32{0.09003058, 0.24472848, 0.66524094}, 1, 3)}, Tol: 1e-6},
		{Name: "axis0", In: []*tensor.Tensor{f32([]float32{1, 2, 1, 2}, 2, 2)}, Attrs: []graph.Attr{graph.Int("axis", 0)}, Want: []*tensor.Tensor{f32([]float32{.5, .5, .5, .5}, 2, 2)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 3)}, Want: []*tensor.Tensor{f32(nil, 0, 3)}},
		{Name: "huge", In: []*tensor.Tensor{f32([]float32{3e38, -3e38, float32(math.Inf(-1))}, 3)}, Want: []*tensor.Tensor{f32([]float32{1, 0, 0}, 3)}},
		{Name: "nan", In: []*tensor.Tensor{f32([]float32{1, nan, inf}, 3)}, Want: []*tensor.Tensor{f32([]float32{nan, nan, nan}, 3)}},
		// thirds are 0.33398 in bfloat16 (0x3eab), 0.33325 in float16 (0x3555)
		{Name: "bfloat16", In: []*tensor.Tensor{tensor.Must(tensor.FromBytes(tensor.BFloat16, make([]byte, 6), 3))}, Want: []*tensor.Tensor{tensor.Must(tensor.FromBytes(tensor.BFloat16, []byte{0xab, 0x3e, 0xab, 0x3e, 0xab, 0x3e}, 3))}},
		{Name: "float16", In: []*tensor.Tensor{tensor.Must(tensor.FromBytes(tensor.Float16, make([]byte, 6), 3))}, Want: []*tensor.Tensor{tensor.Must(tensor.FromBytes(tensor.Float16, []byte{0x55, 0x35, 0x55, 0x35, 0x55, 0x35}, 3))}},
		{Name: "matrix of before 13", Since: 1, In: []*tensor.Tensor{f32([]float32{0, 0, 0, 0}, 1, 2, 2)}, Want: []*tensor.Tensor{f32([]float32{.25, .25, .25, .25}, 1, 2, 2)}},
		{Name: "axis", In: []*tensor.Tensor{f32([]float32{1}, 1)}, Attrs: []graph.Attr{graph.Int("axis", 1)}, Err: graph.ErrShape, Text: "axis 1"},
	})
}
