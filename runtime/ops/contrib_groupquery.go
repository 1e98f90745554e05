package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Inputs of GroupQueryAttention.
const (
	gqaQuery = iota
	gqaKey
	gqaValue
	gqaPastK
	gqaPastV
	gqaLengths
	gqaTotal
	gqaCos
	gqaSin
	gqaPositions
	gqaBias
	gqaSink
	gqaScaleK
	gqaScaleV
	gqaNormQ
	gqaNormK
	gqaQueryLengths
)

// GroupQueryAttention attends with fewer heads of keys than of queries (https://arxiv.org/abs/2305.13245). seqlens_k is, for each batch, how many keys there are
// with those of this call, less one; total_sequence_length is how many there are at most, so that it is the length of the query when the sequence begins. The caches of
// the past [batch, heads, past, size] may have room: the new keys come behind those that are there. Without keys the query holds all three. What comes out for tokens
// that seqlens_k does not count means nothing. Of position_ids each is for its token; ONNX Runtime takes the first alone for a sequence that begins.
var groupQueryAttention = contribOp("GroupQueryAttention", `(query:T, key?:T, value?:T, past_key?:C, past_value?:C, seqlens_k:M, total_sequence_length:M, cos_cache?:T, sin_cache?:T, position_ids?:i64, attention_bias?:T, head_sink?:T, k_scale?:S, v_scale?:S, q_norm_weight?:T, k_norm_weight?:T, query_seqlens?:M) -> (output:T, present_key?:C, present_value?:C, output_qk?:T)
	T = f16 bf16 f32; C = f32 f16 bf16 u8 i8 f8e4m3fn; S = f32; M = i32
	causal int = 1; do_rotary int; k_norm_epsilon float; k_quant_type string = NONE; kv_cache_bit_width int; kv_num_heads int!; local_window_size int = -1
	num_heads int!; q_norm_epsilon float; qk_norm_epsilon float = 1e-6; qk_output int = 0; rotary_interleaved int; scale float; sliding_window_cache int = 0
	smooth_softmax int = -1; softcap float; v_quant_type string = NONE`, func(c contrib) []*graph.Value { return gqa{contrib: c}.expand() })

// gqa is the work on one GroupQueryAttention; extents and positions are int64 vectors.
type gqa struct {
	contrib
	heads, kvHeads int
	seq            *graph.Value // [1], tokens of this call
	before         *graph.Value // [batch, 1], how many keys came before
	row            *graph.Value // 0 … seq-1
}

func (c gqa) expand() []*graph.Value {
	c.heads, c.kvHeads = c.n.Int("num_heads"), c.n.Int("kv_num_heads")
	if c.heads <= 0 || c.kvHeads <= 0 || c.heads%c.kvHeads != 0 {
		c.Fail(graph.Invalidf("attention with %d heads on %d", c.heads, c.kvHeads))
	}
	for _, i := range []int{gqaScaleK, gqaScaleV, gqaQueryLengths} {
		if c.in(i) != nil {
			c.Fail(graph.Unsupportedf("GroupQueryAttention with input %d", i))
		}
	}
	if c.n.Wants(3) || c.n.Bool("sliding_window_cache") || c.n.Str("k_quant_type") != "NONE" || c.n.Str("v_quant_type") != "NONE" {
		c.Fail(graph.Unsupportedf("GroupQueryAttention with scores as output or with a cache of another kind"))
	}
	if c.rank(c.in(gqaQuery)) != 3 && c.Err() == nil {
		c.Fail(graph.Shapef("query is %s, want [batch, seq, width]", c.n.In[0].Type))
	}
	if c.Err() != nil {
		return nil
	}
	q, k, v := c.operands()
	c.seq = c.dims(q, 2, 3)
	c.row = c.count(c.seq)
	total := c.Op("Cast", c.Op("Reshape", c.in(gqaTotal), c.Ints(1)), graph.Int("to", int(tensor.Int64)))
	lengths := c.Op("Cast", c.Op("Reshape", c.in(gqaLengths), c.Ints(-1, 1)), graph.Int("to", int(tensor.Int64)))
	begins := c.Op("Equal", c.seq, total)
	c.before = c.Op("Max", c.Op("Sub", c.Op("Add", lengths, c.Ints(1)), c.seq), c.Ints(0))
	c.before = c.Op("Where", begins, c.Ints(0), c.before)
	if c.n.Bool("do_rotary") {
		pos := c.in(gqaPositions)
		if pos == nil {
			pos = c.Op("Add", c.before, c.row)
		}
		rotary := c.n.Bool("rotary_interleaved")
		q = c.rotated(q, c.in(gqaCos), c.in(gqaSin), pos, rotary, 0, 0)
		k = c.rotated(k, c.in(gqaCos), c.in(gqaSin), pos, rotary, 0, 0)
	}
	if past := c.in(gqaPastK); past != nil && c.in(gqaPastV) != nil {
		if c.rank(past) != 4 || c.rank(c.in(gqaPastV)) != 4 {
			c.Fail(graph.Shapef("past is %s, want [batch, heads, past, size]", past.Type))
			return nil
		}
		at := c.places(c.dims(past, 2, 3), total)
		k, v = c.appended(past, k, at), c.appended(c.in(gqaPastV), v, at)
	}
	presentK, presentV := k, v
	a := attending{heads: c.heads, kvHeads: c.kvHeads, softcap: c.n.Float("softcap")}
	a.q, a.k, a.v, a.bias = q, k, v, c.in(gqaBias)
	if window := c.n.Int("local_window_size"); c.in(gqaPastK) == nil && window <= 0 && c.n.Bool("causal") {
		a.causal = true
	} else {
		sees := c.sees(c.count(c.dims(k, 2, 3)), window)
		d := c.dtype(q)
		a.bias = c.add(c.Op("Where", sees, c.Scalar(d, 0), c.Scalar(d, math.Inf(-1))), a.bias)
	}
	if c.in(gqaSink) != nil || c.n.Int("smooth_softmax") == 1 {
		c.sink(&a)
	}
	y, _, _, _ := c.attend(a)
	return []*graph.Value{c.joined(y), presentK, presentV}
}

// operands are queries, keys and values with their heads apart, normalized if the node says so.
func (c gqa) operands() (q, k, v *graph.Value) {
	q, k, v = c.in(gqaQuery), c.in(gqaKey), c.in(gqaValue)
	if k == nil && v == nil {
		all := c.heads + 2*c.kvHeads
		if d, ok := c.dim(q, 2).Int(); ok && d%all != 0 {
			c.Fail(graph.Shapef("%s for %d heads", q.Type, all))
		}
		size := c.Op("Div", c.dims(q, 2, 3), c.Ints(all))
		parts := c.OpN(3, "Split", q, c.Op("Mul", size, c.Ints(c.heads, c.kvHeads, c.kvHeads)), graph.Int("axis", 2))
		q, k, v = parts[0], parts[1], parts[2]
	}
	norm := func(x *graph.Value, weight int, epsilon string) *graph.Value {
		if c.in(weight) == nil {
			return x
		}
		if !c.n.HasAttr(epsilon) {
			epsilon = "qk_norm_epsilon"
		}
		return c.Op("RMSNormalization", x, c.in(weight), graph.Float("epsilon", c.n.Float(epsilon)))
	}
	q, k, v = c.headed(q, c.heads), c.headed(k, c.kvHeads), c.headed(v, c.kvHeads)
	return norm(q, gqaNormQ, "q_norm_epsilon"), norm(k, gqaNormK, "k_norm_epsilon"), v
}

// places says for each batch and each key of the cache that goes out where it is among the keys that came in, those of this call behind them, and a zero: [batch, keys].
func (c gqa) places(past, total *graph.Value) *graph.Value {
	at := c.count(c.Op("Max", past, total))
	fresh := c.Op("Sub", at, c.before)
	return c.Op("Where", c.Op("Less", fresh, c.Ints(0)), at, c.Op("Add", past, c.Op("Min", fresh, c.seq)))
}

// appended is the cache with the keys of this call at their places; what is behind them is zero.
func (c gqa) appended(past, x, at *graph.Value) *graph.Value {
	zero := c.Op("Expand", c.Scalar(c.dtype(x), 0), c.join(c.dims(x, 0, 2), c.Ints(1), c.dims(x, 3, 4)))
	all := c.Op("Concat", past, x, zero, graph.Int("axis", 2))
	if c.dim(x, 0).Is(1) {
		return c.Op("Gather", all, c.Op("Squeeze", at, c.Ints(0)), graph.Int("axis", 2))
	}
	all = c.Op("GatherND", c.permuted(all, 0, 2, 1, 3), c.Op("Unsqueeze", at, c.Ints(-1)), graph.Int("batch_dims", 1))
	return c.permuted(all, 0, 2, 1, 3)
}

// sees says which keys each query sees: [batch, 1, seq, keys].
func (c gqa) sees(key *graph.Value, window int) *graph.Value {
	last := c.Op("Add", c.before, c.row) // [batch, seq], the key of the query's own token
	if !c.n.Bool("causal") {
		last = c.Op("Sub", c.Op("Add", c.before, c.seq), c.Ints(1))
	}
	last = c.Op("Unsqueeze", last, c.Ints(1, 3))
	sees := c.Op("LessOrEqual", key, last)
	if window > 0 {
		sees = c.Op("And", sees, c.Op("Greater", key, c.Op("Sub", last, c.Ints(window))))
	}
	return sees
}

// sink gives each query one more key, whose score is a number of its head and whose value is zero.
func (c gqa) sink(a *attending) {
	d := c.dtype(a.q)
	score := c.in(gqaSink)
	if score == nil {
		score = c.Scalar(d, 0)
	}
	more := func(x *graph.Value) *graph.Value {
		zero := c.Op("Expand", c.Scalar(d, 0), c.join(c.dims(x, 0, 2), c.Ints(1), c.dims(x, 3, 4)))
		return c.Op("Concat", x, zero, graph.Int("axis", 2))
	}
	bias := a.bias
	if a.causal {
		bias = c.add(c.Op("Where", c.sees(c.count(c.dims(a.k, 2, 3)), 0), c.Scalar(d, 0), c.Scalar(d, math.Inf(-1))), bias)
		a.causal = false
	}
	bias = c.Op("Expand", bias, c.join(c.Ints(1, c.heads, 1, 1)))
	score = c.Op("Expand", c.Op("Reshape", score, c.Ints(1, -1, 1, 1)), c.join(c.dims(bias, 0, 1), c.Ints(c.heads), c.dims(bias, 2, 3), c.Ints(1)))
	a.bias = c.Op("Concat", bias, score, graph.Int("axis", 3))
	a.k, a.v = more(a.k), more(a.v)
}
