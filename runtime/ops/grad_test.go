package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// wave is a float64 tensor of numbers between −1 and 1 that do not repeat.
func wave(shape ...int) *tensor.Tensor {
	v := make([]float64, tensor.Shape(shape).Elems())
	for i := range v {
		v[i] = math.Sin(1.7*float64(i) + float64(len(v)))
	}
	return tensor.Must(tensor.Of(v, shape...))
}

// wave32 is wave in float32.
func wave32(shape ...int) *tensor.Tensor {
	v := make([]float32, tensor.Shape(shape).Elems())
	for i := range v {
		v[i] = float32(math.Sin(1.7*float64(i) + float64(len(v))))
	}
	return f32(v, shape...)
}

func TestEinsumGrad(t *testing.T) {
	eq := func(name, s string, in ...*tensor.Tensor) optest.Case {
		return optest.Case{Name: name, In: in, Attrs: []graph.Attr{graph.Str("equation", s)}}
	}
	optest.Grad(t, Registry(), "Einsum", []optest.Case{
		eq("product", "ij,jk->ik", wave(2, 3), wave(3, 4)),
		eq("diagonal", "iij->j", wave(3, 3, 2)),
		eq("diagonal kept", "ii,i->i", wave(3, 3), wave(3)),
		eq("sum", "ijk->", wave(2, 3, 2)),
		eq("three", "ab,bc,cd->da", wave(2, 3), wave(3, 2), wave(2, 4)),
		eq("broadcast", "...ij,...jk->...ik", wave(2, 1, 2, 3), wave(4, 3, 2)),
		eq("extent of one", "ij,ij->j", wave(3, 2), wave(1, 2)),
		eq("implicit", "ba", wave(2, 3)),
		eq("empty", "ij,jk->ik", wave(2, 0), wave(0, 3)),
	})
}

func TestScatterGrad(t *testing.T) {
	red := func(s string) []graph.Attr { return []graph.Attr{graph.Str("reduction", s)} }
	places, twice := i64([]int64{2, 0}, 2, 1), i64([]int64{1, 1, 3}, 3, 1)
	var cases []optest.Case
	for _, s := range []string{"add", "mul", "max", "min"} {
		cases = append(cases, optest.Case{Name: s, In: []*tensor.Tensor{wave(4, 2), twice, wave(3, 2)}, Attrs: red(s)})
	}
	zero := wave(4, 2) // a product with one factor 0
	tensor.Data[float64](zero)[2] = 0
	optest.Grad(t, Registry(), "ScatterND", append(cases,
		optest.Case{Name: "none", In: []*tensor.Tensor{wave(4, 2), places, wave(2, 2)}},
		optest.Case{Name: "zero", In: []*tensor.Tensor{zero, twice, wave(3, 2)}, Attrs: red("mul")},
		optest.Case{Name: "empty", In: []*tensor.Tensor{wave(4, 2), i64(nil, 0, 1), wave(0, 2)}},
	))
	axis := append(red("mul"), graph.Int("axis", -1))
	optest.Grad(t, Registry(), "ScatterElements", []optest.Case{
		{Name: "none", In: []*tensor.Tensor{wave(3, 2), i64([]int64{2, 0, 1, 2}, 2, 2), wave(2, 2)}},
		{Name: "mul", In: []*tensor.Tensor{wave(2, 3), i64([]int64{1, 1, 0, 2}, 2, 2), wave(2, 2)}, Attrs: axis},
	})
}

func TestRotaryEmbeddingGrad(t *testing.T) {
	pos := i64([]int64{2, 0, 0, 1}, 2, 2)
	optest.Grad(t, Registry(), "RotaryEmbedding", []optest.Case{
		{Name: "halves", In: []*tensor.Tensor{wave32(2, 3, 2, 4), wave32(3, 2), wave32(3, 2), pos}},
		{Name: "pairs", In: []*tensor.Tensor{wave32(2, 2, 12), wave32(2, 2, 2), wave32(2, 2, 2)}, Attrs: []graph.Attr{graph.Int("interleaved", 1), graph.Int("num_heads", 3)}},
		{Name: "part", In: []*tensor.Tensor{wave32(2, 1, 2, 4), wave32(1, 2, 1), wave32(1, 2, 1)}, Attrs: []graph.Attr{graph.Int("rotary_embedding_dim", 2)}},
	})
}

func TestDFTGrad(t *testing.T) {
	attrs := func(inverse, onesided int) []graph.Attr {
		return []graph.Attr{graph.Int("inverse", inverse), graph.Int("onesided", onesided)}
	}
	n := func(v int64) *tensor.Tensor { return i64([]int64{v}) }
	optest.Grad(t, Registry(), "DFT", []optest.Case{
		{Name: "real", In: []*tensor.Tensor{wave(2, 5, 1)}},
		{Name: "complex", In: []*tensor.Tensor{wave(2, 4, 2)}, Attrs: attrs(1, 0)},
		{Name: "longer", In: []*tensor.Tensor{wave(3, 2, 1), n(5), n(0)}, Attrs: attrs(0, 1)},
		{Name: "shorter", In: []*tensor.Tensor{wave(2, 6, 2), n(4)}},
		{Name: "half", In: []*tensor.Tensor{wave(2, 4, 2)}, Attrs: attrs(1, 1)},
		{Name: "odd half", In: []*tensor.Tensor{wave(2, 3, 2), n(5), n(1)}, Attrs: attrs(1, 1)},
		{Name: "half too long", In: []*tensor.Tensor{wave(1, 5, 2), n(4)}, Attrs: attrs(1, 1)},
		{Name: "opset 17", Since: 17, In: []*tensor.Tensor{wave(1, 3, 2, 1)}},
	})
}

func TestAttentionGrad(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	causal, heads := graph.Int("is_causal", 1), []graph.Attr{graph.Int("q_num_heads", 4), graph.Int("kv_num_heads", 2)}
	q, k, v := wave(2, 4, 3, 2), wave(2, 2, 5, 2), wave(2, 2, 5, 3)
	optest.Grad(t, Registry(), "Attention", []optest.Case{
		{Name: "groups", In: ts(q, k, v)},
		{Name: "cap and window", In: ts(q, k, v), Attrs: []graph.Attr{causal, graph.Float("softcap", 0.7), graph.Float("scale", 1.3), graph.Int("left_window_size", 1)}},
		{Name: "short mask", In: ts(q, k, v, wave(2, 1, 3, 4))},
		{Name: "past", In: ts(wave(1, 2, 8), wave(1, 2, 4), wave(1, 2, 6), nil, wave(1, 2, 3, 2), wave(1, 2, 3, 3)), Attrs: append(heads, causal), Want: ts(q, k, v)},
		{Name: "lengths", In: ts(q, k, v, nil, nil, nil, i64([]int64{2, 4}, 2)), Attrs: []graph.Attr{causal}}, // the first query of batch 0 sees nothing
		{Name: "empty", In: ts(wave(0, 4, 3, 2), wave(0, 2, 5, 2), wave(0, 2, 5, 3))},
	})
}

func TestLossGrad(t *testing.T) {
	target := i64([]int64{1, -1, 2, 0}, 2, 2)
	for _, red := range []string{"none", "sum", "mean"} {
		attrs := []graph.Attr{graph.Str("reduction", red), graph.Int("ignore_index", -1)}
		cases := []optest.Case{
			{Name: red, In: []*tensor.Tensor{wave(2, 3, 2), target}, Attrs: attrs},
			{Name: red + " weighted", In: []*tensor.Tensor{wave(2, 3, 2), target, tensor.Must(tensor.Of([]float64{0.5, 2, 1}, 3))}, Attrs: attrs},
			{Name: red + " all classes", In: []*tensor.Tensor{wave(2, 3), i64([]int64{2, 1}, 2)}, Attrs: attrs[:1]},
		}
		optest.Grad(t, Registry(), "NegativeLogLikelihoodLoss", cases)
		optest.Grad(t, Registry(), "SoftmaxCrossEntropyLoss", cases)
	}
	optest.Grad(t, Registry(), "SoftmaxCrossEntropyLoss", []optest.Case{
		{Name: "both outputs", In: []*tensor.Tensor{wave(2, 3), i64([]int64{2, 1}, 2)}, Want: []*tensor.Tensor{wave(), wave(2, 3)}},
	})
}

func TestRecurrentGrad(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	lens := tensor.Must(tensor.Of([]int32{3, 0}, 2))
	both := graph.Str("direction", "bidirectional")
	y := ts(wave(), wave())
	optest.Grad(t, Registry(), "LSTM", []optest.Case{
		{Name: "all inputs", In: ts(wave(3, 2, 2), wave(2, 12, 2), wave(2, 12, 3), wave(2, 24), lens, wave(2, 2, 3), wave(2, 2, 3), wave(2, 9)), Attrs: []graph.Attr{both}, Want: append(y, wave())},
		{Name: "coupled", In: ts(wave(2, 3, 2), wave(1, 8, 2), wave(1, 8, 2)), Want: y,
			Attrs: []graph.Attr{graph.Int("input_forget", 1), graph.Int("layout", 1), {Name: "activations", Value: []string{"Softsign", "ScaledTanh", "Elu"}}}},
		{Name: "last state", In: ts(wave(2, 1, 2), wave(1, 4, 2), wave(1, 4, 1)), Attrs: []graph.Attr{graph.Float("clip", 0.3), graph.Str("direction", "reverse")}, Want: ts(nil, wave())},
		{Name: "no steps", In: ts(wave(0, 2, 2), wave(1, 8, 2), wave(1, 8, 2), nil, nil, wave(1, 2, 2)), Want: y},
		{Name: "no hidden units", In: ts(wave(2, 2, 2), wave(1, 0, 2), wave(1, 0, 0)), Want: y},
	})
	for i := range 2 {
		optest.Grad(t, Registry(), "GRU", []optest.Case{
			{Name: "all inputs", In: ts(wave(3, 2, 2), wave(2, 9, 2), wave(2, 9, 3), wave(2, 18), lens, wave(2, 2, 3)), Attrs: []graph.Attr{both, graph.Int("linear_before_reset", i)}, Want: y},
			{Name: "no hidden units", In: ts(wave(2, 2, 2), wave(1, 0, 2), wave(1, 0, 0)), Attrs: []graph.Attr{graph.Int("linear_before_reset", i)}, Want: y},
		})
	}
	optest.Grad(t, Registry(), "RNN", []optest.Case{
		{Name: "all inputs", In: ts(wave(2, 3, 2), wave(2, 3, 2), wave(2, 3, 3), wave(2, 6), lens, wave(2, 2, 3)), Want: y,
			Attrs: []graph.Attr{both, graph.Int("layout", 1), {Name: "activations", Value: []string{"Softplus", "HardSigmoid"}}}},
	})
}
