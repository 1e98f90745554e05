package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestNormalizationGradients: every input, axes from both ends, rows of nothing, of one element and of very large ones.
func TestNormalizationGradients(t *testing.T) {
	x, scale, bias := drawn(1, -2, 2, 2, 3, 4), drawn(2, 0.5, 2, 4), drawn(3, -1, 1, 4)
	large := drawn(4, -1e4, 1e4, 2, 4)
	axis := graph.Int("axis", 1)
	optest.Grad(t, Registry(), "LayerNormalization", []optest.Case{
		{Name: "last axis", In: args(x, scale, bias)},
		{Name: "no bias", In: args(x, scale), Attrs: []graph.Attr{graph.Float("epsilon", 0.1)}},
		{Name: "two axes", In: args(x, drawn(2, 0.5, 2, 3, 4), drawn(3, -1, 1, 3, 4)), Attrs: []graph.Attr{axis}},
		{Name: "negative axis", In: args(x, drawn(2, 0.5, 2, 3, 4)), Attrs: []graph.Attr{graph.Int("axis", -2)}},
		{Name: "broadcast scale", In: args(x, drawn(2, 0.5, 2, 1), drawn(3, -1, 1, 3, 1)), Attrs: []graph.Attr{axis}},
		{Name: "large", In: args(large, scale, bias)},
		{Name: "equal elements", In: args(f64([]float64{3, 3, 3, 3, 0, 0, 0, 0}, 2, 4), scale, bias), Attrs: []graph.Attr{graph.Float("epsilon", 1)}},
		{Name: "one element", In: args(drawn(1, -1, 1, 3, 1), row(2), row(1))},
		{Name: "no rows", In: args(drawn(1, -1, 1, 0, 4), scale, bias)},
	})
	optest.Grad(t, Registry(), "RMSNormalization", []optest.Case{
		{Name: "last axis", In: args(x, scale)},
		{Name: "large", In: args(large, scale)},
		{Name: "zeros", In: args(f64(make([]float64, 4), 1, 4), scale), Attrs: []graph.Attr{graph.Float("epsilon", 1)}},
		{Name: "no rows", In: args(drawn(1, -1, 1, 0, 4), scale)},
	})
	planes, s, b := drawn(1, -2, 2, 2, 4, 3), drawn(2, 0.5, 2, 4), drawn(3, -1, 1, 4)
	none := drawn(1, -2, 2, 0, 4, 3)
	optest.Grad(t, Registry(), "InstanceNormalization", []optest.Case{
		{Name: "planes", In: args(planes, s, b)}, {Name: "large", In: args(drawn(1, -1e4, 1e4, 1, 4, 3), s, b)}, {Name: "empty", In: args(none, s, b)},
	})
	optest.Grad(t, Registry(), "GroupNormalization", []optest.Case{
		{Name: "groups", In: args(planes, s, b), Attrs: []graph.Attr{graph.Int("num_groups", 2)}}, {Name: "empty", In: args(none, s, b), Attrs: []graph.Attr{graph.Int("num_groups", 4)}},
	})
	optest.Grad(t, Registry(), "BatchNormalization", []optest.Case{
		{Name: "fixed", In: args(planes, s, b, drawn(4, -1, 1, 4), drawn(5, 0.5, 2, 4))},
		{Name: "large", In: args(drawn(1, -1e4, 1e4, 2, 4, 3), s, b, drawn(4, -1e3, 1e3, 4), drawn(5, 1e3, 1e4, 4))},
		{Name: "training", In: args(planes, s, b, drawn(4, -1, 1, 4), drawn(5, 0.5, 2, 4)), Grad: []int{0, 1, 2}, Attrs: []graph.Attr{graph.Int("training_mode", 1)}},
		{Name: "empty", In: args(none, s, b, drawn(4, -1, 1, 4), drawn(5, 0.5, 2, 4))},
	})
	for _, op := range []string{"LpNormalization", "LRN"} {
		attr := graph.Int("size", 3)
		if op == "LpNormalization" {
			attr = graph.Int("axis", -1)
		}
		optest.Grad(t, Registry(), op, []optest.Case{
			{Name: "large", In: args(drawn(1, 1e3, 1e4, 2, 4, 2)), Attrs: []graph.Attr{attr}}, {Name: "empty", In: args(none), Attrs: []graph.Attr{attr}},
		})
	}
	// A row with NaN is lost, those beside it are not.
	checkExact(t, []exactGradient{
		{name: "NaN", op: "LayerNormalization", in: args(f64([]float64{nan, 1, -1, 1}, 2, 2), row(1, 1)), cot: f64([]float64{1, 1, 1, 1}, 2, 2), attrs: []graph.Attr{graph.Float("epsilon", 3)},
			want: args(f64([]float64{nan, nan, 0, 0}, 2, 2), row(nan, nan))},
	})
}

// TestWindowGradients: images of nothing, of very large elements, and with NaN outside of the windows looked at.
func TestWindowGradients(t *testing.T) {
	x, w, b := drawn(1, -1e4, 1e4, 1, 2, 4, 4), drawn(2, -1e3, 1e3, 2, 2, 2, 2), drawn(3, -1, 1, 2)
	none := drawn(1, 0, 1, 0, 2, 4, 4)
	two, strides := graph.Ints("kernel_shape", 2, 2), graph.Ints("strides", 2, 2)
	for _, op := range []string{"Conv", "ConvTranspose"} {
		optest.Grad(t, Registry(), op, []optest.Case{{Name: "large", In: args(x, w, b), Attrs: []graph.Attr{strides}}, {Name: "no images", In: args(none, w, b)}})
	}
	for _, op := range []string{"AveragePool", "MaxPool", "LpPool"} {
		optest.Grad(t, Registry(), op, []optest.Case{{Name: "large", In: args(x), Attrs: []graph.Attr{two}}, {Name: "no images", In: args(none), Attrs: []graph.Attr{two, strides}}})
	}
	for _, op := range []string{"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"} {
		optest.Grad(t, Registry(), op, []optest.Case{{Name: "large", In: args(x)}, {Name: "no images", In: args(none)}, {Name: "line", In: args(drawn(1, -1, 1, 2, 3, 5))}})
	}
	image := func(v ...float64) *tensor.Tensor { return f64(v, 1, 1, 2, len(v)/2) }
	checkExact(t, []exactGradient{
		{name: "the first of equals", op: "MaxPool", in: args(image(1, 3, 0, 3, 3, 0)), want: args(image(0, 1, 0, 0, 0, 0)), attrs: []graph.Attr{two, strides}},
		{name: "all of equals", op: "GlobalAveragePool", in: args(image(nan, 3, inf, 3)), want: args(image(0.25, 0.25, 0.25, 0.25))},
		{name: "NaN in one window", op: "LpPool", in: args(image(nan, 1, 3, 0, 1, 1, 4, 0)), want: args(image(nan, nan, 0.6, 0, nan, nan, 0.8, 0)), attrs: []graph.Attr{two, strides}},
		{name: "zeros", op: "GlobalLpPool", in: args(image(0, 0, 0, 0)), want: args(image(0, 0, 0, 0))},
	})
}

func TestSignalGradients(t *testing.T) {
	step, length := tensor.Scalar[int64](2), tensor.Scalar[int64](4)
	window := drawn(2, 0.2, 1, 4)
	optest.Grad(t, Registry(), "STFT", []optest.Case{
		{Name: "window", In: args(drawn(1, -1, 1, 2, 9, 1), step, window)},
		{Name: "length", In: args(drawn(1, -1, 1, 1, 8, 1), step, nil, length)},
		{Name: "both sides", In: args(drawn(1, -1e4, 1e4, 1, 8, 1), step, window, length), Attrs: []graph.Attr{graph.Int("onesided", 0)}},
		{Name: "complex", In: args(drawn(1, -1, 1, 1, 7, 2), step, window), Attrs: []graph.Attr{graph.Int("onesided", 0)}},
		{Name: "empty", In: args(drawn(1, -1, 1, 0, 8, 1), step, window)},
	})
	optest.Grad(t, Registry(), "Det", []optest.Case{
		{Name: "matrix", In: args(drawn(1, -1, 1, 3, 3))},
		{Name: "batch", In: args(drawn(1, -1, 1, 2, 2, 4, 4))},
		{Name: "number", In: args(drawn(1, -1, 1, 2, 1, 1))},
		{Name: "singular", In: args(f64([]float64{1, 2, 2, 4}, 2, 2))},
		{Name: "rank one", In: args(f64([]float64{1, 2, 3, 2, 4, 6, 3, 6, 9}, 3, 3))},
		{Name: "zeros", In: args(f64(make([]float64, 9), 3, 3))},
		{Name: "large", In: args(drawn(1, -1e4, 1e4, 3, 3))},
		{Name: "empty", In: args(drawn(1, -1, 1, 0, 2, 2))},
	})
}

// TestChosenGradients: gradients that are no derivatives, since they are defined so.
func TestChosenGradients(t *testing.T) {
	yes, no := tensor.Must(tensor.Of([]bool{true})), tensor.Must(tensor.Of([]bool{false}))
	optest.Grad(t, Registry(), "Dropout", []optest.Case{
		{Name: "evaluation", In: args(drawn(1, -1, 1, 2, 3), f64([]float64{0.4}), no), Grad: []int{0}},
		{Name: "nothing dropped", In: args(drawn(1, -1, 1, 2, 3), f64([]float64{0}), yes), Grad: []int{0}},
		{Name: "no mode", In: args(drawn(1, -1, 1, 2, 3))},
		{Name: "seed", In: args(drawn(1, -1, 1, 4, 5), f64([]float64{0.4}), yes), Grad: []int{0}, Attrs: []graph.Attr{graph.Int("seed", 5)}},
		{Name: "empty", In: args(drawn(1, -1, 1, 0, 3), f64([]float64{0.4}), yes), Grad: []int{0}},
	})
	bounds := []graph.Attr{graph.Float("lo", -4), graph.Float("hi", 3)}
	checkExact(t, []exactGradient{
		{name: "nothing passes", op: "ai.onnxrun::StopGradient", in: args(row(1, nan, inf)), want: args(row(0, 0, 0))},
		{name: "empty", op: "ai.onnxrun::StopGradient", in: args(row()), want: args(row())},
		{name: "straight through", op: "ai.onnxrun::FakeQuantize", in: args(row(-2.3, -2.2, -0.1, 0, 1.7, 1.8, inf), f64([]float64{0.5})), want: args(row(0, 1, 1, 1, 1, 0, 0)), attrs: bounds},
		{name: "own scale", op: "ai.onnxrun::FakeQuantize", in: args(row(-3, 0.3, 3)), want: args(row(1, 1, 1)), attrs: bounds},
		{name: "zeros", op: "ai.onnxrun::FakeQuantize", in: args(row(0, zero)), want: args(row(1, 1)), attrs: bounds},
		{name: "zero", op: "Dropout", in: args(row(nan, 1, inf), f64([]float64{0.5}), no), want: args(row(1, 1, 1))},
	})
}
