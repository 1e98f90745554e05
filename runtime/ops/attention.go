package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Attention is softmax(Q·Kᵀ·scale + bias)·V for each head (https://arxiv.org/abs/1706.03762). Q is [batch, heads, seq, size] or
// [batch, seq, heads·size], K and V likewise with kv_num_heads heads, each of which serves heads/kv_num_heads heads of Q in a row
// (https://arxiv.org/abs/2305.13245). Past keys and values come before K and V; nonpad_kv_seqlen is how many keys of each batch count.
// A row of the softmax that has no key at all is zero.
var attention = family(
	&graph.Op{
		Name: "Attention", Since: 25,
		Sig: `(Q:T1, K:T1, V:T2, attn_mask?:U, past_key?:T1, past_value?:T2, nonpad_kv_seqlen?:i64) -> (Y:T1, present_key?:T1, present_value?:T2, qk_matmul_output?:T1)
			T1 = float; T2 = float; U = float int bool
			is_causal int = 0; kv_num_heads int; q_num_heads int; qk_matmul_output_mode int = 0; scale float; softcap float = 0; softmax_precision int
			left_window_size int = -1; right_window_size int = -1`,
		Infer: inferAttention, Run: runAttention, Expand: expandAttention,
	},
	&graph.Op{Since: 24, Sig: "-left_window_size; -right_window_size"},
	&graph.Op{Since: 23, Sig: `(Q:T1, K:T1, V:T2, attn_mask?:U, past_key?:T1, past_value?:T2) -> (Y:T1, present_key?:T1, present_value?:T2, qk_matmul_output?:T1)`},
)

// Inputs and outputs of Attention.
const (
	attnQ = iota
	attnK
	attnV
	attnMask
	attnPastK
	attnPastV
	attnLen

	attnY        = 0
	attnPresentK = 1
	attnPresentV = 2
	attnQK       = 3
)

// attnDims are the extents of one attention: total = past + kv keys of size elements, values of sizeV.
type attnDims struct {
	batch, heads, kvHeads        int
	seq, kv, past, total         int
	size, sizeV                  int
	maskB, maskH, maskQ, maskLen int  // strides of the mask, and how many keys it has
	flat                         bool // heads of one token lie together
}

func inferAttention(c *graph.Infer) error {
	q, okQ := c.Shape(attnQ)
	k, okK := c.Shape(attnK)
	v, okV := c.Shape(attnV)
	c.Set(attnY, graph.Unranked(c.DType(attnQ)))
	c.Set(attnPresentK, graph.Unranked(c.DType(attnK)))
	c.Set(attnPresentV, graph.Unranked(c.DType(attnV)))
	c.Set(attnQK, graph.Unranked(c.DType(attnQ)))
	if !okQ || !okK || !okV {
		return nil
	}
	if len(q) != 3 && len(q) != 4 || len(k) != len(q) || len(v) != len(q) {
		return graph.Shapef("attention of %s, %s and %s", c.Type(attnQ), c.Type(attnK), c.Type(attnV))
	}
	if (c.Has(attnPastK)) != (c.Has(attnPastV)) {
		return graph.Invalidf("attention has one of past_key and past_value")
	}
	heads, kvHeads := graph.Size(c.Node.Int("q_num_heads")), graph.Size(c.Node.Int("kv_num_heads"))
	seq, kv := q[1], k[1]
	size, sizeV := k[len(k)-1], v[len(v)-1]
	if len(q) == 4 {
		heads, kvHeads, seq, kv = q[1], k[1], q[2], k[2]
	} else {
		if heads.Is(0) || kvHeads.Is(0) {
			return graph.Invalidf("attention of %s needs q_num_heads and kv_num_heads", c.Type(attnQ))
		}
		size, sizeV = size.Div(kvHeads), sizeV.Div(kvHeads)
	}
	total := kv
	if p, ok := c.Shape(attnPastK); c.Has(attnPastK) {
		if total = graph.Unknown(); ok && len(p) == 4 {
			total = p[2].Add(kv)
		}
	}
	if len(q) == 4 {
		c.SetTensor(attnY, c.DType(attnQ), q[0], heads, seq, sizeV)
	} else {
		c.SetTensor(attnY, c.DType(attnQ), q[0], seq, heads.Mul(sizeV))
	}
	c.SetTensor(attnPresentK, c.DType(attnK), k[0], kvHeads, total, size)
	c.SetTensor(attnPresentV, c.DType(attnV), k[0], kvHeads, total, sizeV)
	c.SetTensor(attnQK, c.DType(attnQ), q[0], heads, seq, total)
	shapes := make([]tensor.Shape, 7)
	for i := range shapes {
		s, ok := c.Type(i).Static()
		if !ok && c.Has(i) {
			return nil
		}
		if c.Has(i) {
			shapes[i] = s
		}
	}
	_, err := attnDimsOf(c.Node, shapes)
	return err
}

// attnDimsOf checks the shapes of the inputs, nil for those that are absent, against each other.
func attnDimsOf(n *graph.Node, in []tensor.Shape) (attnDims, error) {
	q, k, v := in[attnQ], in[attnK], in[attnV]
	d := attnDims{batch: q[0], flat: len(q) == 3}
	switch {
	case len(q) != len(k) || len(q) != len(v) || k[0] != q[0] || v[0] != q[0]:
		return d, graph.Shapef("attention of %v, %v and %v", q, k, v)
	case d.flat:
		d.heads, d.kvHeads, d.seq, d.kv = n.Int("q_num_heads"), n.Int("kv_num_heads"), q[1], k[1]
		if d.heads <= 0 || d.kvHeads <= 0 || q[2]%d.heads != 0 || k[2]%d.kvHeads != 0 || v[2]%d.kvHeads != 0 {
			return d, graph.Shapef("attention of %v, %v and %v with %d and %d heads", q, k, v, d.heads, d.kvHeads)
		}
		d.size, d.sizeV = q[2]/d.heads, v[2]/d.kvHeads
		if d.size*d.kvHeads != k[2] || v[1] != d.kv {
			return d, graph.Shapef("attention of %v, %v and %v with %d and %d heads", q, k, v, d.heads, d.kvHeads)
		}
	default:
		d.heads, d.kvHeads, d.seq, d.kv, d.size, d.sizeV = q[1], k[1], q[2], k[2], q[3], v[3]
		if v[1] != d.kvHeads || v[2] != d.kv || k[3] != d.size {
			return d, graph.Shapef("attention of %v, %v and %v", q, k, v)
		}
	}
	if d.kvHeads == 0 && d.heads > 0 || d.kvHeads > 0 && d.heads%d.kvHeads != 0 {
		return d, graph.Shapef("attention with %d heads on %d", d.heads, d.kvHeads)
	}
	if pk, pv := in[attnPastK], in[attnPastV]; pk != nil && pv != nil {
		if len(pk) != 4 || len(pv) != 4 || pk[2] != pv[2] || !pk.Equal([]int{d.batch, d.kvHeads, pk[2], d.size}) || !pv.Equal([]int{d.batch, d.kvHeads, pk[2], d.sizeV}) {
			return d, graph.Shapef("attention of %v, %v and %v with the past %v and %v", q, k, v, pk, pv)
		}
		d.past = pk[2]
	}
	d.total = d.past + d.kv
	if s := in[attnLen]; s != nil && !s.Equal([]int{d.batch}) {
		return d, graph.Shapef("attention: nonpad_kv_seqlen is %v for a batch of %d", s, d.batch)
	}
	mask := in[attnMask]
	if d.total == 0 && len(mask) > 0 && mask[len(mask)-1] == 1 { // it spreads over no keys
		return d, nil
	}
	return d, d.mask(mask)
}

// mask sets the strides of a mask of shape s, which broadcasts to [batch, heads, seq, total] but may have fewer keys.
func (d *attnDims) mask(s tensor.Shape) error {
	if s == nil {
		return nil
	}
	if len(s) == 0 || len(s) > 4 || s[len(s)-1] > d.total {
		return graph.Shapef("attention: mask %v for %d keys", s, d.total)
	}
	d.maskLen = s[len(s)-1]
	stride := d.maskLen
	for i, to := range []struct {
		n    int
		step *int
	}{{d.seq, &d.maskQ}, {d.heads, &d.maskH}, {d.batch, &d.maskB}} {
		at := len(s) - 2 - i
		if at < 0 {
			break
		}
		if s[at] != 1 {
			*to.step = stride
		}
		if s[at] != 1 && s[at] != to.n {
			return graph.Shapef("attention: mask %v for %v", s, []int{d.batch, d.heads, d.seq, d.total})
		}
		stride *= s[at]
	}
	return nil
}
