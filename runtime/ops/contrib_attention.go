package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Attention projects its input [batch, seq, width] to queries, keys and values by one matrix, and attends. Keys and values of the past come before
// them, as [2, batch, heads, past, size]; present is what the next call gets. What mask_index hides has mask_filter_value added to its score.
var contribAttention = contribOp("Attention", `(input:T, weights:T, bias?:T, mask_index?:M, past?:T, attention_bias?:T, past_sequence_length?:M) -> (output:T, present?:T)
	T = f32 f16 bf16; M = i32
	do_rotary int; mask_filter_value float; num_heads int!; past_present_share_buffer int; qkv_hidden_sizes ints
	rotary_embedding_dim int; scale float; unidirectional int = 0`, func(c contrib) []*graph.Value {
	c.rank(c.in(0))
	c.rank(c.in(1))
	c.vector(c.in(2), c.in(1))
	return c.attendProjected(c.add(c.Op("MatMul", c.in(0), c.in(1)), c.in(2)), 3, 4, 5)
})

// attendProjected is the rest of Attention and QAttention: qkv are the queries, keys and values of a token in a row; mask, past and bias are
// the numbers of the inputs.
func (c contrib) attendProjected(qkv *graph.Value, mask, past, bias int) []*graph.Value {
	for _, name := range []string{"do_rotary", "past_present_share_buffer"} {
		if c.n.Bool(name) {
			c.Fail(graph.Unsupportedf("%s with %s", c.n.Op.Name, name))
		}
	}
	if c.rank(qkv) != 3 && c.Err() == nil {
		c.Fail(graph.Shapef("input is %s, want [batch, seq, width]", c.n.In[0].Type))
	}
	a := attending{heads: c.n.Int("num_heads"), kvHeads: c.n.Int("num_heads"), causal: c.n.Bool("unidirectional"), mask: c.in(mask), bias: c.in(bias)}
	q, k, v := c.thirds(qkv)
	a.q, a.k, a.v = q, k, v
	if p := c.in(past); p != nil {
		if c.rank(p) != 5 && c.Err() == nil {
			c.Fail(graph.Shapef("past is %s, want [2, batch, heads, past, size]", p.Type))
		}
		both := c.OpN(2, "Split", p, graph.Int("axis", 0), graph.Int("num_outputs", 2))
		a.pastK, a.pastV = c.Op("Squeeze", both[0], c.Ints(0)), c.Op("Squeeze", both[1], c.Ints(0))
	}
	y, k, v, _ := c.attend(a)
	var present *graph.Value
	if c.n.Wants(1) {
		if k == nil || v == nil {
			return nil
		}
		present = c.Op("Concat", c.Op("Unsqueeze", k, c.Ints(0)), c.Op("Unsqueeze", v, c.Ints(0)), graph.Int("axis", 0))
	}
	return []*graph.Value{y, present}
}

// thirds cuts the last axis in three: equal parts, or those of qkv_hidden_sizes.
func (c contrib) thirds(v *graph.Value) (a, b, d *graph.Value) {
	var out []*graph.Value
	if sizes := c.n.Ints("qkv_hidden_sizes"); len(sizes) > 0 {
		if len(sizes) != 3 {
			c.Fail(graph.Invalidf("qkv_hidden_sizes %v", sizes))
		}
		t, err := tensor.Of(sizes, len(sizes))
		if err != nil {
			c.Fail(err)
			return nil, nil, nil
		}
		out = c.OpN(3, "Split", v, c.Const(t), graph.Int("axis", -1))
	} else {
		if d, ok := c.dim(v, -1).Int(); ok && d%3 != 0 {
			c.Fail(graph.Shapef("queries, keys and values of %d elements", d))
		}
		out = c.OpN(3, "Split", v, graph.Int("axis", -1), graph.Int("num_outputs", 3))
	}
	return out[0], out[1], out[2]
}

// attending is what the operators of attention have in common: queries, keys and values are [batch, seq, heads·size] or
// [batch, heads, seq, size], those of the past always so.
type attending struct {
	q, k, v, pastK, pastV *graph.Value
	mask, bias            *graph.Value // which keys count, in one of the forms of ONNX Runtime; and what is added to the scores
	heads, kvHeads        int
	causal                bool
	softcap               float32
}

// attend is the output as [batch, seq, heads·size], with all keys and values, and the scores when output 3 is wanted.
func (c contrib) attend(a attending) (y, k, v, scores *graph.Value) {
	if c.Err() == nil && a.heads <= 0 {
		c.Fail(graph.Invalidf("attention with %d heads", a.heads))
	}
	if (a.pastK == nil) != (a.pastV == nil) {
		c.Fail(graph.Invalidf("attention has one of past_key and past_value"))
	}
	mixed := c.rank(a.k) != c.rank(a.q) || c.rank(a.v) != c.rank(a.q)
	if mixed { // the keys and values of an encoder come with their heads apart
		a.q, a.k, a.v = c.headed(a.q, a.heads), c.headed(a.k, a.kvHeads), c.headed(a.v, a.kvHeads)
	}
	seqAxis := 1
	if c.rank(a.k) == 4 {
		seqAxis = 2
	}
	if c.Err() != nil {
		return nil, nil, nil, nil
	}
	keys := c.dims(a.k, seqAxis, seqAxis+1)
	if a.pastK != nil {
		keys = c.Op("Add", keys, c.dims(a.pastK, 2, 3))
	}
	mask := c.add(c.keyMask(a.mask, c.dtype(a.q), keys), a.bias)
	args := with([]graph.Arg{graph.Int("q_num_heads", a.heads), graph.Int("kv_num_heads", a.kvHeads)}, a.q, a.k, a.v, mask, a.pastK, a.pastV)
	if s := c.n.Float("scale"); s != 0 {
		args = append(args, graph.Float("scale", s))
	}
	if a.causal {
		args = append(args, graph.Int("is_causal", 1))
	}
	if a.softcap != 0 {
		args = append(args, graph.Float("softcap", a.softcap))
	}
	outs := 3
	if c.n.Wants(3) {
		outs = 4
	}
	out := append(c.OpN(outs, "Attention", args...), nil)
	if mixed {
		out[0] = c.joined(out[0])
	}
	return out[0], out[1], out[2], out[3]
}

// headed brings [batch, seq, heads·size] to [batch, heads, seq, size].
func (c contrib) headed(v *graph.Value, heads int) *graph.Value {
	if c.rank(v) != 3 {
		return v
	}
	if d, ok := c.dim(v, 2).Int(); ok && (heads <= 0 || d%heads != 0) {
		c.Fail(graph.Shapef("%s has %d heads", v.Type, heads))
		return nil
	}
	v = c.Op("Reshape", v, c.join(c.Ints(0, 0, heads), c.Op("Div", c.dims(v, 2, 3), c.Ints(max(1, heads)))))
	return c.permuted(v, 0, 2, 1, 3)
}

// joined brings [batch, heads, seq, size] to [batch, seq, heads·size].
func (c contrib) joined(v *graph.Value) *graph.Value {
	v = c.permuted(v, 0, 2, 1, 3)
	return c.reshape(v, c.join(c.dims(v, 0, 2), c.Op("Mul", c.dims(v, 2, 3), c.dims(v, 3, 4))))
}

// keyMask is what a mask adds to the scores, [batch or 1, 1, seq or 1, keys]. ONNX Runtime knows the mask as how many keys of each batch count, [batch];
// as where they end and, behind all of these, where they start, [2·batch]; and as what is above zero for keys that count, [batch, keys] or [batch, seq, keys].
func (c contrib) keyMask(mask *graph.Value, d tensor.DType, keys *graph.Value) *graph.Value {
	if mask == nil || c.Err() != nil {
		return nil
	}
	var sees *graph.Value
	switch rank := c.rank(mask); rank {
	case 1:
		sees = c.lengthMask(mask, keys)
	case 2:
		sees = c.Op("Unsqueeze", c.Op("Greater", mask, c.Scalar(tensor.Int32, 0)), c.Ints(1, 2))
	case 3:
		sees = c.Op("Unsqueeze", c.Op("Greater", mask, c.Scalar(tensor.Int32, 0)), c.Ints(1))
	default:
		c.Fail(graph.Unsupportedf("a mask of rank %d", rank))
	}
	low := float32(-10000)
	if c.n.HasAttr("mask_filter_value") {
		low = c.n.Float("mask_filter_value")
	}
	if d == tensor.Float16 {
		low = max(low, -65504)
	}
	return c.Op("Where", sees, c.Scalar(d, 0), c.Scalar(d, float64(low)))
}

// lengthMask says which keys lie before the end, and from the start on when the mask has both.
func (c contrib) lengthMask(mask, keys *graph.Value) *graph.Value {
	batch, length := c.dim(c.in(0), 0), c.dim(mask, 0)
	key := c.Op("Cast", c.count(keys), graph.Int("to", int(tensor.Int32)))
	column := func(v *graph.Value) *graph.Value { return c.Op("Reshape", v, c.Ints(-1, 1, 1, 1)) }
	switch {
	case batch.Equal(length), !batch.IsInt() && !batch.Add(batch).Equal(length):
		return c.Op("Less", key, column(mask))
	case batch.Add(batch).Equal(length):
		halves := c.OpN(2, "Split", mask, graph.Int("axis", 0), graph.Int("num_outputs", 2))
		return c.Op("And", c.Op("Less", key, column(halves[0])), c.Op("GreaterOrEqual", key, column(halves[1])))
	}
	c.Fail(graph.Unsupportedf("a mask %s for a batch of %s", mask.Type, batch))
	return nil
}
