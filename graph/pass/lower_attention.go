package pass

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// LowerAttention turns the standard's Attention of float32 into FusedAttention, with the cache of keys and values as a Concat of its own. What
// only Attention can do stays: windows, lengths, masks shorter than the keys, the scores as an output.
func LowerAttention(reg *graph.Registry, g *graph.Graph) (bool, error) {
	b := graph.NewBuilder(reg, g)
	b.Reserve()
	changed, err := eachGraph(b, func(b *graph.Builder) (bool, error) {
		g, changed := b.Graph, false
		masks := map[*graph.Value]*graph.Value{} // boolean ones as numbers, which all layers share
		old := g.Nodes
		g.Nodes = make([]*graph.Node, 0, len(old))
		for _, n := range old {
			if n.Op.Name == "Attention" && n.Op.Domain == "" {
				mark, consts := len(g.Nodes), len(g.Consts)
				nb := b.Sub(g) // keeps its own error: what cannot be lowered stays
				nb.Prefix(n.Label())
				if out := lowerAttention(nb, n, masks); out != nil && nb.Err() == nil {
					made, err := bear(b, n, out, slices.Clone(g.Nodes[mark:]))
					if err != nil {
						return true, err
					}
					g.Nodes, changed = append(g.Nodes[:mark], made...), true
					continue
				}
				g.Nodes, g.Consts = g.Nodes[:mark], g.Consts[:consts]
			}
			g.Nodes = append(g.Nodes, n)
		}
		return changed, b.Err()
	})
	if err != nil || !changed {
		return changed, err
	}
	if _, err = rewrite(reg, g, []rule{{attentionOutPattern, fuseAttentionOut}}); err != nil {
		return true, err
	}
	return Prune(reg, g)
}

// Inputs and outputs of Attention.
const (
	attnMask   = 3
	attnPast   = 4
	attnLens   = 6
	attnScores = 3
)

func lowerAttention(b *graph.Builder, n *graph.Node, masks map[*graph.Value]*graph.Value) []*graph.Value {
	for _, v := range n.In {
		if v != nil && (!v.Type.Ranked || v.Type.DType != tensor.Float32 && v.Type.DType != tensor.Bool) {
			return nil
		}
	}
	window := func(name string) bool { w, ok := n.Attr(name).(int64); return ok && w >= 0 }
	precision, ok := n.Attr("softmax_precision").(int64)
	if n.Wants(attnScores) || n.Has(attnLens) || n.Has(attnPast) != n.Has(attnPast+1) || window("left_window_size") || window("right_window_size") ||
		ok && precision != int64(tensor.Float32) || len(n.Out) == 0 || n.Out[0] == nil {
		return nil
	}
	out := make([]*graph.Value, 3)
	headed := func(v *graph.Value, heads int) *graph.Value { // [batch, heads, seq, size]
		if v.Type.Rank() == 4 {
			return v
		}
		size, ok := v.Type.Shape[2].Int()
		if !ok || heads <= 0 || size%heads != 0 {
			return nil
		}
		return b.Op("Transpose", b.Op("Reshape", v, b.Ints(0, 0, heads, size/heads)), graph.Ints("perm", 0, 2, 1, 3))
	}
	in := [3]*graph.Value{headed(n.In[0], n.Int("q_num_heads")), headed(n.In[1], n.Int("kv_num_heads")), headed(n.In[2], n.Int("kv_num_heads"))}
	if in[0] == nil || in[1] == nil || in[2] == nil || b.Err() != nil {
		return nil
	}
	square := in[0].Type.Shape[2].Equal(in[1].Type.Shape[2]) // then the last query comes with the last key
	for i := range 2 {
		if n.Has(attnPast + i) {
			in[1+i] = b.Op("Concat", n.In[attnPast+i], in[1+i], graph.Int("axis", 2))
		}
		if out[1+i] = in[1+i]; n.Wants(1+i) && out[1+i] == n.In[1+i] {
			out[1+i] = b.Op("Identity", out[1+i])
		}
	}
	if b.Err() != nil || n.Bool("is_causal") && !square {
		return nil
	}
	q, k, v := operand(in[0], false, false), operand(in[1], false, false), operand(in[2], false, false)
	if q == nil || k == nil || v == nil {
		return nil
	}
	k.copies, _ = quotient(q.heads, k.heads) // each head of K serves several in a row anyway
	v.copies, _ = quotient(q.heads, v.heads)
	if !fit(q, k, v) {
		return nil
	}
	size, ok := q.size.Int()
	if !ok {
		return nil
	}
	mask, ok := lowerMask(b, n, k.seq, masks)
	if !ok {
		return nil
	}
	scale, ok := n.Attr("scale").(float32)
	if !ok {
		scale = float32(1 / math.Sqrt(float64(max(size, 1))))
	}
	qv := q.value(b, nil, nil)
	kv := k.value(b, q, qv)
	y := b.Op(private+"::FusedAttention", qv, kv, v.value(b, k, kv), (*graph.Value)(nil), mask, graph.Str("q", q.letters), graph.Str("k", k.letters),
		graph.Str("v", v.letters), graph.Str("out", "bhsd"), graph.Float("scale", scale*float32(q.factor*k.factor)), graph.Float("softcap", n.Float("softcap")),
		graph.Int("causal", n.Int("is_causal")), graph.Int("zero_empty", 1))
	if v.factor != 1 && b.Err() == nil {
		y = b.Op("Mul", y, b.Scalar(tensor.Float32, v.factor))
	}
	if b.Err() == nil && n.In[0].Type.Rank() == 3 {
		y = b.Op("Reshape", b.Op("Transpose", y, graph.Ints("perm", 0, 2, 1, 3)), b.Ints(0, 0, -1))
	}
	if b.Err() == nil && mask != nil {
		masks[n.In[attnMask]] = mask
	}
	out[0] = y
	return out
}

// lowerMask is the mask as numbers to add, nil for none. A mask of fewer keys than there are would hide the others.
func lowerMask(b *graph.Builder, n *graph.Node, keys graph.Dim, made map[*graph.Value]*graph.Value) (*graph.Value, bool) {
	if !n.Has(attnMask) {
		return nil, true
	}
	m := n.In[attnMask]
	r := m.Type.Rank()
	if r == 0 || r > 4 || !m.Type.Shape[r-1].Equal(keys) {
		return nil, false
	}
	if made[m] != nil {
		return made[m], true
	}
	if m.Type.DType == tensor.Bool {
		m = b.Op("Where", m, b.Scalar(tensor.Float32, 0), b.Scalar(tensor.Float32, math.Inf(-1)))
	}
	return m, b.Err() == nil
}
