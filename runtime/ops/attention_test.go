package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestAttention(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	at := func(a ...graph.Attr) []graph.Attr { return a }
	causal, heads := graph.Int("is_causal", 1), []graph.Attr{graph.Int("q_num_heads", 2), graph.Int("kv_num_heads", 1)}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	bools := func(v ...bool) *tensor.Tensor { return tensor.Must(tensor.Of(v, 2, len(v)/2)) }
	// Queries of zeros weigh all the keys that they see alike, so that results are means of the values, by hand.
	q, k, v := f32([]float32{0, 0}, 1, 1, 2, 1), count(1, 1, 3, 1), f32([]float32{3, 5, 10}, 1, 1, 3, 1)
	y := func(a, b float32) []*tensor.Tensor { return ts(f32([]float32{a, b}, 1, 1, 2, 1)) }
	optest.Run(t, Registry(), "Attention", []optest.Case{
		{Name: "mean", In: ts(q, k, v), Want: y(6, 6)},
		// exp(0) and exp(1) over their sum weigh 0 and 1
		{Name: "weights", In: ts(f32([]float32{1}, 1, 1, 1, 1), count(1, 1, 2, 1), count(1, 1, 2, 1)), Want: ts(f32([]float32{0.7310586}, 1, 1, 1, 1)), Tol: 1e-6},
		{Name: "scale and cap", In: ts(f32([]float32{1}, 1, 1, 1, 1), count(1, 1, 2, 1), count(1, 1, 2, 1)), Attrs: at(graph.Float("scale", 100), graph.Float("softcap", 1)),
			Want: ts(f32([]float32{0.7310586}, 1, 1, 1, 1)), Tol: 1e-6}, // tanh(100) = 1
		{Name: "causal", Since: 23, In: ts(q, k, v), Attrs: at(causal), Want: y(3, 4)},
		{Name: "mask", In: ts(q, k, v, bools(false, true, true, false, false, false)), Want: y(7.5, 0)},
		{Name: "short mask", In: ts(q, k, v, bools(true, true, false, true)), Want: y(4, 5)},
		{Name: "added mask", In: ts(q, k, v, f32([]float32{0, -inf, 0}, 3)), Want: y(6.5, 6.5)},
		{Name: "window", In: ts(q, k, v), Attrs: at(graph.Int("left_window_size", 0), graph.Int("right_window_size", 1)), Want: y(4, 7.5)},
		{Name: "lengths", In: ts(q, k, f32([]float32{3, 5, 7}, 1, 1, 3, 1), nil, nil, nil, i64([]int64{2}, 1)), Attrs: at(causal), Want: y(3, 4)},
		{Name: "longer than the keys", In: ts(q, k, v, nil, nil, nil, i64([]int64{1}, 1)), Attrs: at(causal), Want: y(0, 3)},
		{Name: "past", In: ts(q, count(1, 1, 2, 1), f32([]float32{3, 5}, 1, 1, 2, 1), nil, count(1, 1, 1, 1), f32([]float32{1}, 1, 1, 1, 1)), Attrs: at(causal),
			Want: ts(f32([]float32{2, 3}, 1, 1, 2, 1), f32([]float32{0, 0, 1}, 1, 1, 3, 1), f32([]float32{1, 3, 5}, 1, 1, 3, 1), f32(make([]float32, 6), 1, 1, 2, 3))},
		{Name: "heads of tokens", In: ts(f32(make([]float32, 8), 2, 2, 2), count(2, 2, 1), count(2, 2, 1)), Attrs: append(heads, causal),
			Want: ts(f32([]float32{0, 0, .5, .5, 2, 2, 2.5, 2.5}, 2, 2, 2), count(2, 1, 2, 1))},
		{Name: "masked scores", In: ts(q, k, v), Attrs: at(causal, graph.Int("qk_matmul_output_mode", 2)), Want: ts(y(3, 4)[0], nil, nil, f32([]float32{0, -inf, -inf, 0, 0, -inf}, 1, 1, 2, 3))},
		{Name: "probabilities", In: ts(q, k, v), Attrs: at(causal, graph.Int("qk_matmul_output_mode", 3)), Want: ts(y(3, 4)[0], nil, nil, f32([]float32{1, 0, 0, .5, .5, 0}, 1, 1, 2, 3))},
		{Name: "no keys", In: ts(q, f32(nil, 1, 1, 0, 1), f32(nil, 1, 1, 0, 1)), Want: y(0, 0)},
		{Name: "nan stays in its row", In: ts(f32([]float32{nan, 0}, 1, 1, 2, 1), k, v), Want: y(nan, 6)},
		{Name: "float64", In: ts(tensor.Must(tensor.Of([]float64{0}, 1, 1, 1, 1)), tensor.Must(tensor.Of([]float64{0, 0}, 1, 1, 2, 1)), tensor.Must(tensor.Of([]float64{1, 2}, 1, 1, 2, 1))),
			Want: ts(tensor.Must(tensor.Of([]float64{1.5}, 1, 1, 1, 1)))},
		{Name: "keys", In: ts(q, count(1, 1, 3, 2), v), Err: graph.ErrShape, Text: "attention of"},
		{Name: "wrong mask", In: ts(q, k, v, count(2, 4)), Err: graph.ErrShape, Text: "mask"},
		{Name: "half a past", In: ts(q, k, v, nil, k), Err: graph.ErrInvalid, Text: "one of past_key"},
	})
}
