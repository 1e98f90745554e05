package ops

import "github.com/onnxrun/onnxrun/graph"

// Inputs of MultiHeadAttention.
const (
	mhaQuery = iota
	mhaKey
	mhaValue
	mhaBias
	mhaMask
	mhaScoreBias
	mhaPastK
	mhaPastV
	mhaPastLength
	mhaIndirection
)

// MultiHeadAttention attends by queries [batch, seq, width], to keys and values of the same kind or with their heads apart, [batch, heads, seq, size]. All three
// may come in one tensor [batch, seq, heads, 3, size], keys and values in one of [batch, seq, heads, 2, size]. The bias belongs to what projected them.
var multiHeadAttention = contribOp("MultiHeadAttention", `(query:T, key?:T, value?:T, bias?:T, key_padding_mask?:M, attention_bias?:T, past_key?:T, past_value?:T, past_sequence_length?:M, cache_indirection?:M) -> (output:T, present_key?:T, present_value?:T, qk?:QK)
	T = f32 f16 bf16; M = i32; QK = f32 f16 bf16
	mask_filter_value float; num_heads int!; scale float; unidirectional int = 0`, func(c contrib) []*graph.Value {
	for i := mhaPastLength; i <= mhaIndirection; i++ {
		if c.in(i) != nil {
			c.Fail(graph.Unsupportedf("MultiHeadAttention with input %d, for search by beams", i))
		}
	}
	a := attending{heads: c.n.Int("num_heads"), kvHeads: c.n.Int("num_heads"), causal: c.n.Bool("unidirectional"), mask: c.in(mhaMask), bias: c.in(mhaScoreBias), pastK: c.in(mhaPastK), pastV: c.in(mhaPastV)}
	a.q, a.k, a.v = c.in(mhaQuery), c.in(mhaKey), c.in(mhaValue)
	switch {
	case c.rank(a.q) == 5:
		p := c.packed(a.q, 3)
		a.q, a.k, a.v = p[0], p[1], p[2]
	case a.k != nil && c.rank(a.k) == 5:
		p := c.packed(a.k, 2)
		a.k, a.v = p[0], p[1]
	}
	if c.Err() == nil && (a.k == nil || a.v == nil) {
		c.Fail(graph.Unsupportedf("MultiHeadAttention without keys or values"))
	}
	if bias := c.in(mhaBias); bias != nil && c.Err() == nil {
		a.q, a.k, a.v = c.mhaBiased(bias, a.q, a.k, a.v)
	}
	y, k, v, scores := c.attend(a)
	return []*graph.Value{y, k, v, scores}
})

// packed are the n parts of [batch, seq, heads, n, size], each as [batch, seq, heads·size].
func (c contrib) packed(v *graph.Value, n int) []*graph.Value {
	if d := c.dim(v, 3); d.IsInt() && !d.Is(n) {
		c.Fail(graph.Shapef("%s holds no %d tensors", v.Type, n))
	}
	parts := c.OpN(n, "Split", v, graph.Int("axis", 3), graph.Int("num_outputs", n))
	for i, p := range parts {
		parts[i] = c.Op("Reshape", p, c.Ints(0, 0, -1))
	}
	return parts
}

// mhaBiased adds the parts of the bias to queries, keys and values; those with their heads apart have theirs already.
func (c contrib) mhaBiased(bias, q, k, v *graph.Value) (_, _, _ *graph.Value) {
	all := []*graph.Value{q, k, v}
	if c.rank(k) == 4 {
		all = all[:1]
	}
	var sizes []*graph.Value
	for _, x := range all {
		sizes = append(sizes, c.dims(x, 2, 3))
	}
	if len(all) == 1 { // the rest of the bias is that of projections which ran before
		sizes = append(sizes, c.Op("Sub", c.dims(bias, 0, 1), sizes[0]))
	}
	args := make([]graph.Arg, len(sizes))
	for i, s := range sizes {
		args[i] = s
	}
	parts := c.OpN(len(sizes), "Split", bias, c.join(args...), graph.Int("axis", 0))
	for i, x := range all {
		all[i] = c.Op("Add", x, parts[i])
	}
	if len(all) == 1 {
		return all[0], k, v
	}
	return all[0], all[1], all[2]
}
