package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// Values by hand.
func TestLosses(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	red := func(s string, more ...graph.Attr) []graph.Attr { return append(more, graph.Str("reduction", s)) }
	ignore := graph.Int("ignore_index", -100)
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	log, target, weight := f32([]float32{-1, -2, -3, -4, -5, -6}, 2, 3), i64([]int64{1, 2}, 2), f32([]float32{1, 2, 6}, 3)
	optest.Run(t, Registry(), "NegativeLogLikelihoodLoss", []optest.Case{
		{Name: "mean", In: ts(log, target), Want: ts(tensor.Scalar[float32](4))},
		{Name: "sum", Since: 12, In: ts(log, target), Attrs: red("sum"), Want: ts(tensor.Scalar[float32](8))},
		{Name: "none", Since: 13, In: ts(log, target), Attrs: red("none"), Want: ts(f32([]float32{2, 6}, 2))},
		{Name: "weighted mean", In: ts(log, target, weight), Want: ts(tensor.Scalar[float32](5))}, // (2·2 + 6·6)/8
		{Name: "ignored", In: ts(log, i64([]int64{1, -100}, 2)), Attrs: red("mean", ignore), Want: ts(tensor.Scalar[float32](2))},
		{Name: "all ignored", In: ts(log, i64([]int64{-100, -100}, 2)), Attrs: red("mean", ignore), Want: ts(tensor.Scalar[float32](nan))},
		{Name: "ignored infinity", In: ts(f32([]float32{-inf, -1}, 1, 2), i64([]int64{0}, 1)), Attrs: red("sum", graph.Int("ignore_index", 0)), Want: ts(tensor.Scalar[float32](0))},
		{Name: "int32", In: ts(log, tensor.Must(tensor.Of([]int32{0, 0}, 2))), Attrs: red("none"), Want: ts(f32([]float32{1, 4}, 2))},
		{Name: "empty", In: ts(f32(nil, 0, 3), i64(nil, 0)), Attrs: red("sum"), Want: ts(tensor.Scalar[float32](0))},
		{Name: "no class", In: ts(log, i64([]int64{3, 0}, 2)), Err: graph.ErrShape},
		{Name: "reduction", In: ts(log, target), Attrs: red("max"), Err: graph.ErrInvalid, Text: `"max"`},
	})
	half := float32(math.Log(2))
	optest.Run(t, Registry(), "SoftmaxCrossEntropyLoss", []optest.Case{
		{Name: "even", In: ts(f32([]float32{7, 7, -1e4, 0}, 2, 2), i64([]int64{0, 1}, 2)), Attrs: red("none"), Tol: 1e-6, Want: ts(f32([]float32{half, 0}, 2), f32([]float32{-half, -half, -1e4, 0}, 2, 2))},
		{Name: "extreme", Since: 12, In: ts(f32([]float32{-1e4, 1e4}, 1, 2), i64([]int64{0}, 1)), Want: ts(tensor.Scalar[float32](2e4))},
	})
}

// TestCrossEntropyGrad: every reduction, weights and ignored labels, with and without the gradient of the log-probabilities.
func TestCrossEntropyGrad(t *testing.T) {
	x, w := wave(3, 4), wave(4)
	for i, v := range tensor.Data[float64](w) {
		tensor.Data[float64](w)[i] = v*v + 0.5
	}
	labels := i64([]int64{1, 3, 0}, 3)
	var cases []optest.Case
	for _, r := range []string{"none", "sum", "mean"} {
		red := graph.Str("reduction", r)
		cases = append(cases,
			optest.Case{Name: r, In: []*tensor.Tensor{x, labels}, Attrs: []graph.Attr{red}},
			optest.Case{Name: r + " weights, ignored", In: []*tensor.Tensor{x, labels, w}, Attrs: []graph.Attr{red, graph.Int("ignore_index", 3)}, Want: []*tensor.Tensor{x, x}},
			optest.Case{Name: r + " weights", In: []*tensor.Tensor{wave(2, 4, 3), i64([]int64{0, 1, 2, 3, 3, 1}, 2, 3), w}, Attrs: []graph.Attr{red}})
	}
	optest.Grad(t, Registry(), "SoftmaxCrossEntropyLoss", cases)
}

func TestSwiGLU(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	inf := float32(math.Inf(1))
	sigmoid := float32(1 / (1 + math.Exp(-2)))
	optest.Run(t, Registry(), "SwiGLU", []optest.Case{
		{Name: "alpha", In: ts(f32([]float32{1, 0, inf}, 3), f32([]float32{3, 5, 2}, 3)), Attrs: []graph.Attr{graph.Float("alpha", 2)}, Tol: 1e-6, Want: ts(f32([]float32{3 * sigmoid, 0, inf}, 3))},
		{Name: "empty", In: ts(f32(nil, 0), f32(nil, 0)), Want: ts(f32(nil, 0))},
		{Name: "shapes", In: ts(f32([]float32{1, 2}, 2), f32([]float32{1}, 1)), Err: graph.ErrShape},
	})
	optest.Grad(t, Registry(), "SwiGLU", []optest.Case{{In: ts(wave(2, 3), wave(2, 3)), Attrs: []graph.Attr{graph.Float("alpha", 1.7)}}})
}

func TestCausalConvWithState(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	x, w := f32([]float32{1, 2, 3, 10, 20, 30}, 1, 2, 3), f32([]float32{1, 2, 3, 1}, 2, 1, 2) // y[t] = w₀·x[t−1] + w₁·x[t]
	optest.Run(t, Registry(), "CausalConvWithState", []optest.Case{
		{Name: "start", In: ts(x, w), Want: ts(f32([]float32{2, 5, 8, 10, 50, 90}, 1, 2, 3), f32([]float32{3, 30}, 1, 2, 1))},
		{Name: "state and bias", In: ts(x, w, f32([]float32{100, 0}, 2), f32([]float32{4, 5}, 1, 2, 1)), Want: ts(f32([]float32{106, 105, 108, 25, 50, 90}, 1, 2, 3), f32([]float32{3, 30}, 1, 2, 1))},
		{Name: "one weight", In: ts(x, f32([]float32{2, 3}, 2, 1, 1)), Want: ts(f32([]float32{2, 4, 6, 30, 60, 90}, 1, 2, 3), f32(nil, 1, 2, 0))},
		{Name: "short", In: ts(f32([]float32{5}, 1, 1, 1), f32([]float32{1, 1, 1}, 1, 1, 3)), Want: ts(f32([]float32{5}, 1, 1, 1), f32([]float32{0, 5}, 1, 1, 2))},
		{Name: "weights", In: ts(x, f32([]float32{2, 3}, 1, 2, 1)), Err: graph.ErrShape, Text: "causal"},
		{Name: "state", In: ts(x, w, nil, f32([]float32{4, 5, 4, 5}, 1, 2, 2)), Err: graph.ErrShape, Text: "past state"},
		{Name: "activation", In: ts(x, w), Attrs: []graph.Attr{graph.Str("activation", "gelu")}, Err: graph.ErrInvalid, Text: "gelu"},
	})
}
