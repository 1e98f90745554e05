package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestPow has numpy's results, but for integers with negative exponents, which numpy refuses.
func TestPow(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	optest.Run(t, Registry(), "Pow", []optest.Case{
		{Name: "f32", In: []*tensor.Tensor{vec[float32](2, -2, 4, -8, 0, 0, nan, 1), vec[float32](3, 3, .5, .5, -1, 0, 0, nan)}, Want: []*tensor.Tensor{vec[float32](8, -8, 2, nan, inf, 1, 1, 1)}, Tol: 1e-6},
		{Name: "square", In: []*tensor.Tensor{vec[float32](-3, .5), tensor.Scalar[float32](2)}, Want: []*tensor.Tensor{vec[float32](9, .25)}},
		{Name: "f32 by i64", In: []*tensor.Tensor{vec[float32](2, 3), vec[int64](-1, 4)}, Want: []*tensor.Tensor{vec[float32](.5, 81)}},
		{Name: "i64 by i64", In: []*tensor.Tensor{vec[int64](3, -1, -1, 1, 2, 5, 10), vec[int64](33, 3, -2, -9, -1, 0, 15)}, Want: []*tensor.Tensor{vec[int64](5559060566555523, -1, 1, 1, 0, 1, 1e15)}},
		{Name: "i32 wraps", In: []*tensor.Tensor{vec[int32](3), vec[uint8](21)}, Want: []*tensor.Tensor{vec[int32](1870418611)}}, // 3^21 mod 2^32
		{Name: "i32 by f32", In: []*tensor.Tensor{vec[int32](2, 9), vec[float32](3.5, .5)}, Want: []*tensor.Tensor{vec[int32](11, 3)}},
		{Name: "f16 by f32", In: []*tensor.Tensor{as(t, tensor.Float16, []float32{2}, 1), vec[float32](10)}, Want: []*tensor.Tensor{as(t, tensor.Float16, []float32{1024}, 1)}},
		{Name: "broadcast", In: []*tensor.Tensor{f32([]float32{2, 3}, 2, 1), f32([]float32{1, 2, 3}, 3)}, Want: []*tensor.Tensor{f32([]float32{2, 4, 8, 3, 9, 27}, 2, 3)}},
		{Name: "old", Since: 1, In: []*tensor.Tensor{vec[float32](2, 3), vec[float32](2)}, Attrs: []graph.Attr{graph.Int("broadcast", 1)}, Want: []*tensor.Tensor{vec[float32](4, 9)}},
		{Name: "empty", In: []*tensor.Tensor{vec[float32](), vec[float32](2)}, Want: []*tensor.Tensor{vec[float32]()}},
		{Name: "bools", In: []*tensor.Tensor{vec[float32](2), vec(true)}, Err: graph.ErrType},
	})
}
