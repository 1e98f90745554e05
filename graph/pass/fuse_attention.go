package pass

import (
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// FuseAttention turns softmax(Q·Kᵀ·scale + mask)·V into FusedAttention, which reads Q, K and V where they lie: the heads may be any axis of the
// memory, parts of one product for all three, or serve several heads of Q.
func FuseAttention(reg *graph.Registry, g *graph.Graph) (bool, error) {
	fused, err := rewrite(reg, g, []rule{{attentionPattern, fuseAttention}})
	if err != nil || !fused {
		return fused, err
	}
	if _, err = rewrite(reg, g, []rule{{attentionOutPattern, fuseAttentionOut}}); err != nil {
		return true, err
	}
	return Prune(reg, g) // of the views that nobody reads now, for the passes that follow
}

var (
	// The scores may be scaled, capped (https://arxiv.org/abs/2408.00118), biased, and masked with other axes, as when windows are a part of the batch.
	// PyTorch takes 0 for the rows of the softmax without any key.
	attentionPattern = parse(`MatMul(Where(IsNaN(s), 0, s=` + softmaxPattern + `) | s=` + softmaxPattern + `, v)`)

	// What follows exchanges the axes of the heads and the sequence.
	attentionOutPattern = parse(`Transpose(Reshape?(Reshape?(f=ai.onnxrun::FusedAttention(...), ...), ...))`)
)

const softmaxPattern = `Softmax(
	Where(other, masked=` + scoresPattern + `, #low) | Where(fill, #low, masked=` + scoresPattern + `) |
	Reshape?(Add?(t=Reshape?(Add?(` + scoresPattern + `, bias), ...), mask), ...))`

const scoresPattern = `Div?(Mul?(s0=MatMul(q, k), #mul), #div) | Mul(Tanh(Div(Div?(Mul?(s0=MatMul(q, k), #mul), #div), #cap)), #capped)`

func fuseAttention(b *graph.Builder, m *match) *graph.Value {
	s := m.node("s")
	y := m.root.Out[0].Type
	if y.DType != tensor.Float32 || !y.Ranked || s.Int("axis") != -1 && s.Int("axis") != y.Rank()-1 {
		return nil
	}
	if m.val("cap") != nil && m.float("cap") != m.float("capped") {
		return nil
	}
	for _, joint := range []bool{false, true} {
		q, k, v := operand(m.val("q"), false, joint), operand(m.val("k"), true, joint), operand(m.val("v"), false, joint)
		if q == nil || k == nil || v == nil || !fit(q, k, v) {
			continue
		}
		masks, ok := attentionMasks(b, m, q, k)
		if !ok {
			continue
		}
		scale := q.factor * k.factor
		if m.val("mul") != nil {
			scale *= m.float("mul")
		}
		if m.val("div") != nil {
			scale /= m.float("div")
		}
		qv := q.value(b, nil, nil)
		kv := k.value(b, q, qv)
		args := []graph.Arg{qv, kv, v.value(b, k, kv), masks[0], masks[1],
			graph.Str("q", q.letters), graph.Str("k", k.letters), graph.Str("v", v.letters), graph.Str("out", "bhsd"), graph.Float("scale", float32(scale))}
		if m.val("cap") != nil {
			args = append(args, graph.Float("softcap", float32(m.float("cap"))))
		}
		if m.node("s") != nil && m.root.In[0] != m.val("s") {
			args = append(args, graph.Int("zero_nan", 1))
		}
		o := b.Op(private+"::FusedAttention", args...)
		if b.Err() != nil {
			return nil
		}
		o = reshaped(b, o, y.Shape)
		if v.factor != 1 {
			o = b.Op("Mul", o, b.Scalar(tensor.Float32, v.factor))
		}
		return o
	}
	return nil
}

// fit reports whether the extents of the operands surely agree.
func fit(q, k, v *heads) bool {
	serves := func(d graph.Dim) bool { return d.Equal(q.batch) || d.Is(1) }
	if !serves(k.batch) || !k.batch.Equal(v.batch) || !k.seq.Equal(v.seq) || !q.size.Equal(k.size) || !q.copies.Is(1) {
		return false
	}
	return k.heads.Equal(v.heads) && k.copies.Equal(v.copies) && (k.heads.Is(1) || q.heads.Equal(k.heads.Mul(k.copies)))
}

// attentionMasks are the values that are added to the scores, as [batch, heads, seq, keys] or with less axes.
func attentionMasks(b *graph.Builder, m *match, q, k *heads) (masks [2]*graph.Value, ok bool) {
	rank := m.val("s0").Type.Rank()
	if bias := m.val("bias"); bias != nil {
		if masks[0] = attentionMask(b, bias, rank, q); masks[0] == nil {
			return masks, false
		}
	}
	if mask := m.val("mask"); mask != nil {
		if masks[1] = attentionMask(b, mask, m.val("t").Type.Rank(), q); masks[1] == nil {
			return masks, false
		}
	}
	if m.val("low") == nil {
		return masks, true
	}
	// What is filled must vanish beside a number so low that nothing is left of the score that is added to it.
	low, zero := m.val("low"), b.Scalar(tensor.Float32, 0)
	if low.Const.DType() != tensor.Float32 || low.Const.Float(0) > -1e30 {
		return masks, false
	}
	fill := m.val("fill")
	if fill == nil {
		fill, low, zero = m.val("other"), zero, low
	}
	masks[1] = attentionMask(b, b.Op("Where", fill, low, zero), rank, q)
	return masks, masks[1] != nil
}

// attentionMask brings a mask that is added to scores of the given rank to at most four axes.
func attentionMask(b *graph.Builder, mask *graph.Value, rank int, q *heads) *graph.Value {
	s := mask.Type.Shape
	if mask.Type.DType != tensor.Float32 || !mask.Type.Ranked {
		return nil
	}
	switch {
	case len(s) > rank || rank > 5:
		return nil
	case len(s) == 5 && s[0].Is(1): // the batch is cut in two: a mask for each of the inner part
		return b.Op("Squeeze", mask, b.Ints(0))
	case len(s) == 5:
		return nil
	case rank == 3 && len(s) == 3 && !s[0].Is(1): // batch and heads are one axis
		if !q.heads.Is(1) {
			return nil
		}
		return b.Op("Unsqueeze", mask, b.Ints(1))
	}
	return mask
}

// fuseAttentionOut lets the operator write its result in the order that a Transpose brings it to.
func fuseAttentionOut(b *graph.Builder, m *match) *graph.Value {
	f := m.val("f")
	n := f.Def
	old := n.Str("out")
	var w *view
	if w, _ = viewed(m.root.Out[0], func(w *view) bool { return w.base == f }); w == nil || len(w.atoms) != len(old) { // or an axis is cut in parts
		return nil
	}
	var order strings.Builder
	for _, axis := range w.axes {
		for _, a := range axis {
			for i, o := range w.atoms {
				if a == o && !a.size.Is(1) {
					order.WriteByte(old[i])
				}
			}
		}
	}
	out := ""
	for _, o := range []string{"bshd", "sbhd", "bhsd", "hbsd"} {
		if out == "" && sameOrder(o, order.String()) {
			out = o
		}
	}
	if out == "" {
		return nil
	}
	args := make([]graph.Arg, 0, len(n.In)+len(n.Attrs))
	for _, v := range n.In {
		args = append(args, v)
	}
	for _, a := range n.Attrs {
		if a.Name != "out" {
			args = append(args, a)
		}
	}
	y := b.Op(private+"::FusedAttention", append(args, graph.Str("out", out))...)
	return reshaped(b, y, m.root.Out[0].Type.Shape)
}

// sameOrder reports whether the letters of part stand in the same order in whole; those that are missing have extent 1.
func sameOrder(whole, part string) bool {
	for i := range part {
		at := strings.IndexByte(whole, part[i])
		if at < 0 {
			return false
		}
		whole = whole[at+1:]
	}
	return true
}
