package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// attnBuilder writes an Attention in simpler operators; its gradient is theirs.
type attnBuilder struct {
	*graph.Builder
	n *graph.Node
}

func (a attnBuilder) has(i int) bool { return a.n.Has(i) }

// dims are the extents start to end-1 of v.
func (a attnBuilder) dims(v *graph.Value, start, end int) *graph.Value {
	return a.Op("Shape", v, graph.Int("start", start), graph.Int("end", end))
}

func (a attnBuilder) join(parts ...graph.Arg) *graph.Value {
	return a.Op("Concat", append(parts, graph.Int("axis", 0))...)
}

func (a attnBuilder) reshape(v, shape *graph.Value) *graph.Value {
	return a.Op("Reshape", v, shape, graph.Int("allowzero", 1))
}

// cast brings v to type d.
func (a attnBuilder) cast(v *graph.Value, d tensor.DType) *graph.Value {
	if a.Err() != nil || v.Type.DType == d {
		return v
	}
	return a.Op("Cast", v, graph.Int("to", int(d)))
}

// heads brings input i to [batch, heads, seq, size].
func (a attnBuilder) heads(i int, attr string) *graph.Value {
	v := a.n.In[i]
	if len(v.Type.Shape) == 4 {
		return v
	}
	heads := a.Ints(a.n.Int(attr))
	v = a.reshape(v, a.join(a.dims(v, 0, 2), heads, a.Op("Div", a.dims(v, 2, 3), heads)))
	return a.Op("Transpose", v, graph.Ints("perm", 0, 2, 1, 3))
}

func expandAttention(b *graph.Builder, n *graph.Node) []*graph.Value {
	a := attnBuilder{b, n}
	in := make([]graph.Info, len(n.In))
	for i, v := range n.In {
		if v != nil {
			in[i].Type = v.Type
		}
	}
	if err := inferAttention(&graph.Infer{Node: n, In: in, Out: make([]graph.Info, 4)}); err != nil {
		b.Fail(err)
		return nil
	}
	for i := attnQ; i <= attnV; i++ {
		if !in[i].Type.Ranked || in[i].Type.DType == tensor.Invalid {
			b.Fail(graph.Unsupportedf("attention of inputs of unknown rank"))
			return nil
		}
	}
	d := n.In[attnQ].Type.DType
	q, k, v := a.heads(attnQ, "q_num_heads"), a.heads(attnK, "kv_num_heads"), a.heads(attnV, "kv_num_heads")
	seq, past := a.dims(q, 2, 3), b.Ints(0)
	if a.has(attnPastK) && a.has(attnPastV) {
		past = a.dims(n.In[attnPastK], 2, 3)
		k = b.Op("Concat", n.In[attnPastK], k, graph.Int("axis", 2))
		v = b.Op("Concat", n.In[attnPastV], v, graph.Int("axis", 2))
	}
	presentK, presentV := k, v
	if b.Err() != nil {
		return nil
	}
	keys := a.dims(k, 2, 3)
	scores := a.join(a.dims(q, 0, 3), keys)
	q, k = a.scaled(q, k)
	v = a.cast(v, d)
	grouped := !q.Type.Shape[1].Equal(k.Type.Shape[1])
	five := a.join(a.dims(q, 0, 1), a.dims(k, 1, 2), b.Op("Div", a.dims(q, 1, 2), a.dims(k, 1, 2)), seq) // each head of K has a group of those of Q
	kT := b.Op("Transpose", k, graph.Ints("perm", 0, 1, 3, 2))
	var s *graph.Value
	if grouped {
		s = b.Op("MatMul", a.reshape(q, a.join(five, a.dims(q, 3, 4))), b.Op("Unsqueeze", kT, b.Ints(2)))
		s = a.reshape(s, scores)
	} else {
		s = b.Op("MatMul", q, kT)
	}
	show := [4]*graph.Value{s}
	if c := n.Float("softcap"); c > 0 {
		limit := b.Scalar(d, float64(c))
		s = b.Op("Mul", b.Op("Tanh", b.Op("Div", s, limit)), limit)
	}
	show[1] = s
	s = a.masked(s, seq, keys, past)
	show[2] = s
	none := b.Scalar(d, math.Inf(-1))
	empty := b.Op("Equal", b.Op("ReduceMax", s, b.Ints(-1)), none)
	p := s
	if to := n.Int("softmax_precision"); to != 0 {
		p = a.cast(p, tensor.DType(to))
	}
	p = a.cast(b.Op("Softmax", p, graph.Int("axis", -1)), d)
	p = b.Op("Where", empty, b.Scalar(d, 0), p)
	show[3] = p
	var y *graph.Value
	if grouped {
		y = b.Op("MatMul", a.reshape(p, a.join(five, keys)), b.Op("Unsqueeze", v, b.Ints(2)))
		y = a.reshape(y, a.join(a.dims(q, 0, 3), a.dims(v, 3, 4)))
	} else {
		y = b.Op("MatMul", p, v)
	}
	if len(n.In[attnQ].Type.Shape) == 3 {
		y = b.Op("Transpose", y, graph.Ints("perm", 0, 2, 1, 3))
		y = a.reshape(y, a.join(a.dims(y, 0, 2), b.Op("Mul", a.dims(y, 2, 3), a.dims(y, 3, 4))))
	}
	mode := n.Int("qk_matmul_output_mode")
	if mode < 0 || mode > 3 {
		mode = 0
	}
	return []*graph.Value{y, presentK, presentV, show[mode]}
}

// scaled multiplies the queries by the scale; for half types, queries and keys by its root, so that their products do not overflow.
func (a attnBuilder) scaled(q, k *graph.Value) (*graph.Value, *graph.Value) {
	d := q.Type.DType
	size, static := k.Type.Shape[3].Int()
	explicit, ok := a.n.Attr("scale").(float32)
	half := d.IsHalf()
	var f *graph.Value
	switch {
	case ok || static:
		v := 1 / math.Sqrt(float64(max(size, 1)))
		if ok {
			v = float64(explicit)
		}
		if half {
			v = math.Sqrt(v)
		}
		f = a.Scalar(d, v)
	default:
		f = a.Op("Reciprocal", a.Op("Sqrt", a.Op("Cast", a.Op("Squeeze", a.dims(k, 3, 4)), graph.Int("to", int(tensor.Float32)))))
		if half {
			f = a.Op("Sqrt", f)
		}
		f = a.cast(f, d)
	}
	if half {
		k = a.Op("Mul", k, f)
	}
	return a.Op("Mul", q, f), k
}

// masked adds the mask to the scores and sets those to −∞ that a query must not see.
func (a attnBuilder) masked(s, seq, keys, past *graph.Value) *graph.Value {
	n, d := a.n, s.Type.DType
	none := a.Scalar(d, math.Inf(-1))
	count := func(to *graph.Value) *graph.Value {
		return a.Op("Range", a.Scalar(tensor.Int64, 0), a.Op("Squeeze", to, a.Ints(0)), a.Scalar(tensor.Int64, 1))
	}
	key := count(keys)                             // [keys]
	at := a.Op("Unsqueeze", count(seq), a.Ints(1)) // [seq, 1], the place of each query among the keys
	at = a.Op("Add", at, past)
	var sees *graph.Value // nil: everything
	and := func(cond *graph.Value) {
		if sees == nil {
			sees = cond
		} else {
			sees = a.Op("And", sees, cond)
		}
	}
	if a.has(attnLen) {
		length := a.Op("Min", a.Op("Max", n.In[attnLen], a.Ints(0)), keys)
		length = a.Op("Reshape", length, a.Ints(-1, 1, 1, 1))
		and(a.Op("Less", key, length))
		if !a.has(attnPastK) { // the queries are the last of the keys that count
			at = a.Op("Sub", a.Op("Add", at, length), seq)
		}
	}
	if n.Bool("is_causal") {
		and(a.Op("LessOrEqual", key, at))
	}
	if w, ok := n.Attr("right_window_size").(int64); ok && w >= 0 {
		and(a.Op("LessOrEqual", a.Op("Sub", key, at), a.Ints(int(w))))
	}
	if w, ok := n.Attr("left_window_size").(int64); ok && w >= 0 {
		and(a.Op("LessOrEqual", a.Op("Sub", at, key), a.Ints(int(w))))
	}
	if a.has(attnMask) {
		m := n.In[attnMask]
		if m.Type.DType == tensor.Bool {
			m = a.Op("Where", m, a.Scalar(d, 0), none)
		}
		m = a.cast(m, d)
		if a.Err() == nil && (!m.Type.Ranked || !s.Type.Ranked || len(m.Type.Shape) == 0 || !m.Type.Shape[len(m.Type.Shape)-1].Equal(s.Type.Shape[3])) { // keys behind the mask are not seen
			missing := a.Op("Sub", keys, a.Op("Gather", a.Op("Shape", m), a.Ints(-1)))
			m = a.Op("Concat", m, a.Op("Expand", none, a.join(a.Op("Shape", m, graph.Int("end", -1)), missing)), graph.Int("axis", -1))
		}
		s = a.Op("Where", a.Op("Equal", m, none), none, a.Op("Add", s, m))
	}
	if sees != nil {
		s = a.Op("Where", sees, s, none)
	}
	return s
}
