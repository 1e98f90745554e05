package nn

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Attention are the settings of [Net.MultiHeadAttention].
type Attention struct {
	Heads     int
	Causal    bool         // a position sees itself and those before it
	IgnoreKey *graph.Value // bool [N, S]: keys that nobody sees, as padding (PyTorch's key_padding_mask)
	Mask      *graph.Value // bool [T, S] (or to be broadcast to [N, heads, T, S]): true is not seen; or float32, added to the scores
	Dropout   float64      // of the weights
	NoBias    bool
}

// MultiHeadAttention lets every position of query [N, T, C] look at all positions of key and value [N, S, channels] (Vaswani et al., https://arxiv.org/abs/1706.03762).
// Parameters: in_proj_weight [3·C, C] and in_proj_bias [3·C] for query, key, value one below the other, out_proj.weight [C, C], out_proj.bias [C]; where key or value have other
// channels, q_proj_weight, k_proj_weight, v_proj_weight instead of in_proj_weight. A query all of whose keys are masked sees them all alike, where PyTorch gives NaN.
func (n *Net) MultiHeadAttention(name string, query, key, value *graph.Value, a Attention) *graph.Value {
	s := n.layer(name)
	b := s.B
	c := s.extent(query, -1)
	kc, vc := s.extent(key, -1), s.extent(value, -1)
	if b.Err() != nil {
		return nil
	}
	for _, v := range []*graph.Value{query, key, value} {
		if v.Type.Rank() != 3 {
			b.Fail(graph.Shapef("attention of %s, want [N, T, channels]", v.Type))
		}
	}
	if a.Heads < 1 || c%a.Heads != 0 {
		b.Fail(graph.Shapef("%d channels on %d heads", c, a.Heads))
		return nil
	}
	q, k, v := s.project(query, key, value, c, kc, vc, !a.NoBias)
	size := c / a.Heads
	heads := func(x *graph.Value, perm ...int64) *graph.Value {
		return b.Op("Transpose", b.Op("Reshape", x, b.Ints(0, 0, a.Heads, size)), graph.Ints("perm", perm...))
	}
	scores := b.Op("MatMul", heads(q, 0, 2, 1, 3), heads(k, 0, 2, 3, 1))
	scores = b.Op("Mul", scores, b.Scalar(tensor.Float32, 1/math.Sqrt(float64(size))))
	scores = s.masked(scores, query, key, a)
	weights := s.Dropout(b.Op("Softmax", scores, graph.Int("axis", -1)), a.Dropout)
	y := s.beside(b.Op("MatMul", weights, heads(v, 0, 2, 1, 3)), 0, 2, 1, 3)
	w := s.Scope("out_proj").weight(usual, c, c)
	var bias *graph.Value
	if !a.NoBias {
		bias = s.Param("out_proj.bias", Zeros(), c)
	}
	return s.affine(y, w, bias)
}

// project are the linear layers before the attention, in one product where all three come from one value.
func (n *Net) project(query, key, value *graph.Value, c, kc, vc int, biased bool) (q, k, v *graph.Value) {
	b := n.B
	thirds := func(x *graph.Value, axis int) []*graph.Value {
		return b.OpN(3, "Split", x, b.Ints(c, c, c), graph.Int("axis", axis))
	}
	init := XavierUniform(1)
	if n.draw != nil {
		init = n.draw
	}
	var w, bias *graph.Value
	weights, biases := make([]*graph.Value, 3), make([]*graph.Value, 3)
	joint := kc == c && vc == c
	if joint {
		w = n.Param("in_proj_weight", init, 3*c, c)
	} else {
		weights = []*graph.Value{n.Param("q_proj_weight", init, c, c), n.Param("k_proj_weight", init, c, kc), n.Param("v_proj_weight", init, c, vc)}
	}
	if biased {
		bias = n.Param("in_proj_bias", Zeros(), 3*c)
	}
	if joint && query == key && key == value {
		parts := thirds(n.affine(query, w, bias), -1)
		return parts[0], parts[1], parts[2]
	}
	if joint {
		weights = thirds(w, 0)
	}
	if biased {
		biases = thirds(bias, 0)
	}
	return n.affine(query, weights[0], biases[0]), n.affine(key, weights[1], biases[1]), n.affine(value, weights[2], biases[2])
}

// masked hides from the scores [N, heads, T, S] what must not be seen.
func (n *Net) masked(scores, query, key *graph.Value, a Attention) *graph.Value {
	b := n.B
	if b.Err() != nil {
		return nil
	}
	var hide *graph.Value
	add := func(m *graph.Value) {
		if hide != nil {
			m = b.Op("Or", hide, m)
		}
		hide = m
	}
	if a.Causal {
		positions := func(x *graph.Value, axis int) *graph.Value {
			length := b.Op("Gather", b.Op("Shape", x), b.Const(tensor.Scalar(int64(1))))
			r := b.Op("Range", b.Const(tensor.Scalar(int64(0))), length, b.Const(tensor.Scalar(int64(1))))
			return b.Op("Unsqueeze", r, b.Ints(axis))
		}
		add(b.Op("Less", positions(query, 1), positions(key, 0)))
	}
	if a.IgnoreKey != nil {
		add(b.Op("Unsqueeze", a.IgnoreKey, b.Ints(1, 2)))
	}
	if a.Mask != nil {
		if a.Mask.Type.DType == tensor.Bool {
			add(a.Mask)
		} else {
			scores = b.Op("Add", scores, a.Mask)
		}
	}
	if hide == nil {
		return scores
	}
	return b.Op("Where", hide, b.Scalar(tensor.Float32, -math.MaxFloat32), scores)
}

// Transformer are the settings of [Net.TransformerEncoderLayer].
type Transformer struct {
	Attention
	Inner      int    // channels between the two linear layers
	Activation string // relu by default
	NormFirst  bool   // normalize the input of each part, not the sum after it
	Epsilon    float64
}

// TransformerEncoderLayer is attention of [N, T, C] to itself and a perceptron for each position, each with a residual and a LayerNorm; dropout as of [Attention] in all of PyTorch's places.
// Parameters: self_attn.…, linear1.…, linear2.…, norm1.…, norm2.… .
func (n *Net) TransformerEncoderLayer(name string, x *graph.Value, t Transformer) *graph.Value {
	s := n.Scope(name)
	if t.Activation == "" {
		t.Activation = "relu"
	}
	c := s.extent(x, -1)
	attend := func(x *graph.Value) *graph.Value {
		return s.Dropout(s.MultiHeadAttention("self_attn", x, x, x, t.Attention), t.Dropout)
	}
	perceive := func(x *graph.Value) *graph.Value {
		h := s.Dropout(s.Activation(t.Activation, s.Linear("linear1", x, t.Inner)), t.Dropout)
		return s.Dropout(s.Linear("linear2", h, c), t.Dropout)
	}
	norm := func(name string, x *graph.Value) *graph.Value { return s.LayerNorm(name, x, Norm{Epsilon: t.Epsilon}) }
	if t.NormFirst {
		x = s.B.Op("Add", x, attend(norm("norm1", x)))
		return s.B.Op("Add", x, perceive(norm("norm2", x)))
	}
	x = norm("norm1", s.B.Op("Add", x, attend(x)))
	return norm("norm2", s.B.Op("Add", x, perceive(x)))
}
