package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func i32s(v ...int32) *tensor.Tensor { return tensor.Must(tensor.Of(v, len(v))) }

// The numbers of these rows come from ONNX Runtime, fed with the same eighths; it has no float64, no layout 1 and no empty sequences, which
// other rows hold against the formulas.
func TestLSTM(t *testing.T) {
	x, w := f32([]float32{1, 1}, 2, 1, 1), f32([]float32{0, 0, 0, 1}, 1, 4, 1)
	r := f32(make([]float32, 4), 1, 4, 1)
	optest.Run(t, Registry(), "LSTM", []optest.Case{
		{Name: "bidirectional, lengths, peepholes", Tol: 1e-5,
			In:    []*tensor.Tensor{f32([]float32{0.375, 0.625, -1, 0.625, -0.125, 0, 0.25, -0.5, 1, -1, -0.5, -0.25}, 3, 2, 2), f32([]float32{0.125, -0.25, -0.75, -1, -1, -1, -0.75, 1, -0.625, 0.375, 0.5, -0.625, -0.5, -0.125, -0.5, 1, -0.625, 0.875, 0.625, 0.75, -0.875, -0.25, 0.25, 0, 0.375, 0.375, 0.375, -0.875, 1, 0.125, 0.875, -0.5}, 2, 8, 2), f32([]float32{-0.25, 0.75, -0.625, -0.875, -0.25, 0.375, -0.75, 0.75, -0.375, -0.625, 0.125, 0.875, 0.875, 0.75, -0.375, -1, 0.625, 0.5, 0.625, -1, -1, 0, -0.375, -0.125, 0.875, -0.625, 0, -0.375, -0.375, 0.625, -0.75, -0.375}, 2, 8, 2), f32([]float32{-0.75, -0.75, -0.5, 0.375, 0.125, -0.125, -0.75, 0.625, 0.625, -0.5, -0.875, -0.375, -0.75, 0.625, 0, 0, -0.5, 0, 1, -0.5, 0.625, -1, -0.375, 0.875, 0.75, -0.875, 0.75, 0.75, -0.125, -0.25, 1, 1}, 2, 16), i32s(3, 1), f32([]float32{0.375, -0.25, -0.625, 0.875, -0.5, 0.125, 0.375, -0.5}, 2, 2, 2), f32([]float32{-0.375, 0.5, -0.625, 0.375, 1, 0.375, 0.25, -0.125}, 2, 2, 2), f32([]float32{1, -0.625, -0.25, 0.25, 0.375, -0.875, -0.75, 0.375, 0.75, 0.25, 0.875, -0.25}, 2, 6)},
			Attrs: []graph.Attr{graph.Str("direction", "bidirectional")},
			Want:  []*tensor.Tensor{f32([]float32{-0.0242469, 0.13024, -0.136419, 0.275113, 0.694338, 0.267792, -0.250274, 0.0999449, -0.078463, 0.143192, 0, 0, 0.615117, 0.173825, 0, 0, -0.0992443, 0.0070318, 0, 0, 0.595121, 0.252987, 0, 0}, 3, 2, 2, 2), f32([]float32{-0.0992443, 0.0070318, -0.136419, 0.275113, 0.694338, 0.267792, -0.250274, 0.0999449}, 2, 2, 2), f32([]float32{-0.453663, 0.0409731, -0.36, 0.30517, 1.21947, 0.52572, -0.297275, 0.205443}, 2, 2, 2)}},
		{Name: "reverse", Tol: 1e-5,
			In:    []*tensor.Tensor{f32([]float32{-0.375, 0.625, -1, -0.625}, 2, 1, 2), f32([]float32{-0.625, -0.25, -0.75, 0.625, 0.75, -0.25, -1, 0.5}, 1, 4, 2), f32([]float32{-0.875, 0.25, -0.75, 0.875}, 1, 4, 1), nil, nil, f32([]float32{0.375}, 1, 1, 1), f32([]float32{1}, 1, 1, 1), nil},
			Attrs: []graph.Attr{graph.Str("direction", "reverse")},
			Want:  []*tensor.Tensor{f32([]float32{0.35928, 0.39331}, 2, 1, 1, 1), f32([]float32{0.35928}, 1, 1, 1), f32([]float32{0.584042}, 1, 1, 1)}},
		// the gates are 1/2 and tanh(1): c = tanh(1)/2, then c/2 + tanh(1)/2; h = tanh(c)/2
		{Name: "batch first", Tol: 1e-6, In: []*tensor.Tensor{f32([]float32{1, 1}, 1, 2, 1), w, r}, Attrs: []graph.Attr{graph.Int("layout", 1), graph.Int("hidden_size", 1)},
			Want: []*tensor.Tensor{f32([]float32{0.18169979, 0.2581184}, 1, 2, 1, 1), f32([]float32{0.2581184}, 1, 1, 1), f32([]float32{0.57119562}, 1, 1, 1)}},
		{Name: "no steps", Since: 7, In: []*tensor.Tensor{f32(nil, 0, 1, 1), w, r, nil, nil, f32([]float32{3}, 1, 1, 1)}, Want: []*tensor.Tensor{f32(nil, 0, 1, 1, 1), f32([]float32{3}, 1, 1, 1)}},
		{Name: "saturated", Since: 1, In: []*tensor.Tensor{f32([]float32{1e38}, 1, 1, 1), f32([]float32{9, 9, 9, 9}, 1, 4, 1), r}, Tol: 1e-6, Want: []*tensor.Tensor{f32([]float32{0.76159416}, 1, 1, 1, 1), nil, f32([]float32{1}, 1, 1, 1)}},
		{Name: "shape of R", In: []*tensor.Tensor{x, w, f32(make([]float32, 3), 1, 3, 1)}, Err: graph.ErrShape, Text: "R is"},
		{Name: "length", In: []*tensor.Tensor{x, w, r, nil, i32s(3)}, Err: graph.ErrShape, Text: "sequence_lens[0] is 3 of 2"},
		{Name: "activation", In: []*tensor.Tensor{x, w, r}, Attrs: []graph.Attr{{Name: "activations", Value: []string{"Sigmoid", "Tanh", "Gelu"}}}, Err: graph.ErrUnsupported, Text: "Gelu"},
	})
}

func TestGRU(t *testing.T) {
	optest.Run(t, Registry(), "GRU", []optest.Case{
		{Name: "reset before R", Tol: 1e-5,
			In:    []*tensor.Tensor{f32([]float32{0.25, 0.5, -0.25, 0.625}, 2, 1, 2), f32([]float32{-0.875, -0.75, -0.25, 0.5, 0, 0.75, 1, -0.25, -0.125, 0.125, 0.25, 0}, 1, 6, 2), f32([]float32{0.25, 1, 0.5, -0.375, -0.125, -0.25, -0.75, -1, 0.625, -0.125, -0.375, 0.25}, 1, 6, 2), f32([]float32{0.125, 0.875, 0.25, 0.875, 0.125, -0.375, -0.375, 1, 0.125, -0.625, 0.75, 0.625}, 1, 12), nil, f32([]float32{-1, -0.75}, 1, 1, 2)},
			Attrs: []graph.Attr{},
			Want:  []*tensor.Tensor{f32([]float32{0.277866, -0.592331, 0.675231, -0.549761}, 2, 1, 1, 2), f32([]float32{0.675231, -0.549761}, 1, 1, 2)}},
		{Name: "reset behind R", Tol: 1e-5,
			In:    []*tensor.Tensor{f32([]float32{0.375, -0.25, -0.375, -0.875}, 2, 2, 1), f32([]float32{-0.625, 0.75, 0.75, 0.75, 0.125, -0.75, -0.375, 0, 1, -0.5, 0.125, 0}, 2, 6, 1), f32([]float32{0, 0.125, 0.375, -0.875, 1, 0.75, 0.625, -0.5, -0.125, -0.125, -0.375, -1, 0.5, -1, 0.5, -0.625, 0.25, -0.375, -0.5, 0.875, 0, 0.875, -0.625, 0}, 2, 6, 2), f32([]float32{-0.375, -0.125, -1, 0.375, -0.375, 0.75, -0.625, -0.375, -1, 0.625, 0.125, -0.25, 0.875, 0.25, 1, 0.5, 0.125, 0, -0.625, 0.375, 0.625, 0.375, -0.125, -1}, 2, 12), i32s(1, 2), f32([]float32{0.5, -1, 0.625, -0.75, -0.375, -0.625, 0.125, -0.625}, 2, 2, 2)},
			Attrs: []graph.Attr{graph.Str("direction", "bidirectional"), graph.Int("linear_before_reset", 1)},
			Want:  []*tensor.Tensor{f32([]float32{-0.13336, -0.474146, -0.0917508, -0.0443257, -0.385905, -0.562012, -0.11974, -0.60242, 0, 0, -0.307025, 0.645597, 0, 0, -0.000256367, -0.623125}, 2, 2, 2, 2), f32([]float32{-0.13336, -0.474146, -0.307025, 0.645597, -0.385905, -0.562012, -0.11974, -0.60242}, 2, 2, 2)}},
		{Name: "no batch", In: []*tensor.Tensor{f32(nil, 2, 0, 1), f32(make([]float32, 3), 1, 3, 1), f32(make([]float32, 3), 1, 3, 1)}, Want: []*tensor.Tensor{f32(nil, 2, 1, 0, 1), f32(nil, 1, 0, 1)}},
		// z = 1/2, h = tanh(1): a spelling of the first version's default
		{Name: "version 1", Since: 1, Tol: 1e-6, In: []*tensor.Tensor{f32([]float32{1}, 1, 1, 1), f32([]float32{0, 0, 1}, 1, 3, 1), f32(make([]float32, 3), 1, 3, 1)}, Want: []*tensor.Tensor{nil, f32([]float32{0.38079708}, 1, 1, 1)}},
		{Name: "direction", In: []*tensor.Tensor{f32([]float32{1}, 1, 1, 1), f32([]float32{0, 0, 1}, 1, 3, 1), f32(make([]float32, 3), 1, 3, 1)}, Attrs: []graph.Attr{graph.Str("direction", "up")}, Err: graph.ErrInvalid, Text: "up"},
	})
}

func TestRNN(t *testing.T) {
	optest.Run(t, Registry(), "RNN", []optest.Case{
		{Name: "bidirectional", Tol: 1e-5,
			In:    []*tensor.Tensor{f32([]float32{-0.5, -1, 1, -0.625}, 2, 1, 2), f32([]float32{-0.625, 0.25, -0.75, 0.875, 0.625, -0.375, -0.25, -0.25}, 2, 2, 2), f32([]float32{0.5, -0.125, -0.5, 0.375, -0.75, 0.625, -0.125, 0.875}, 2, 2, 2), f32([]float32{-0.5, -0.25, 0.75, 0.5, -1, -0.375, -1, 0.75}, 2, 4), nil, f32([]float32{-0.125, -0.625, 0.5, 0.75}, 2, 1, 2)},
			Attrs: []graph.Attr{graph.Str("direction", "bidirectional"), graph.Float("clip", 0.5)},
			Want:  []*tensor.Tensor{f32([]float32{0.316835, -0.398509, -0.462117, 0.462117, -0.312234, -0.462117, -0.462117, 0.462117}, 2, 2, 1, 2), f32([]float32{-0.312234, -0.462117, -0.462117, 0.462117}, 2, 1, 2)}},
		{Name: "double", Tol: 1e-15, In: []*tensor.Tensor{tensor.Must(tensor.Of([]float64{1}, 1, 1, 1)), tensor.Must(tensor.Of([]float64{-2}, 1, 1, 1)), tensor.Must(tensor.Of([]float64{1}, 1, 1, 1))},
			Attrs: []graph.Attr{{Name: "activations", Value: []string{"leakyrelu"}}, {Name: "activation_alpha", Value: []float32{0.25}}},
			Want:  []*tensor.Tensor{nil, tensor.Must(tensor.Of([]float64{-0.5}, 1, 1, 1))}},
		{Name: "no hidden units", Since: 1, In: []*tensor.Tensor{f32([]float32{1}, 1, 1, 1), f32(nil, 1, 0, 1), f32(nil, 1, 0, 0)}, Want: []*tensor.Tensor{f32(nil, 1, 1, 1, 0)}},
		{Name: "rank", In: []*tensor.Tensor{f32([]float32{1}, 1, 1), f32(nil, 1, 0, 1), f32(nil, 1, 0, 0)}, Err: graph.ErrShape, Text: "want 3 axes"},
	})
}
