package pass

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// FuseRotary finds x·cos + [−second half, first half]·sin along the last axis, the rotary embedding that models in PyTorch write out
// (https://arxiv.org/abs/2104.09864).
func FuseRotary(reg *graph.Registry, g *graph.Graph) (bool, error) {
	return rewrite(reg, g, rotaryRules)
}

var rotaryRules = []rule{
	{parse("Add(Mul(x, cos), Mul(c=Concat(Neg(high=Slice(x, ...)), low=Slice(x, ...)), sin))"), func(b *graph.Builder, m *match) *graph.Value {
		n, ok := lastSize(m.val("x"))
		if !ok || !isSlice(m.node("low"), 0, n/2) || !isSlice(m.node("high"), n/2, n) {
			return nil
		}
		return rotated(b, m, n)
	}},
	{parse("Add(Mul(x, cos), Mul(c=Concat(Neg(Split#1(x, ...)), s=Split(x, ...)), sin))"), func(b *graph.Builder, m *match) *graph.Value {
		n, ok := lastSize(m.val("x"))
		if s := m.node("s"); !ok || len(s.Out) != 2 || !onLast(s, m.val("x")) || !s.Out[0].Type.Ranked || !s.Out[0].Type.Shape[len(m.val("x").Type.Shape)-1].Is(n/2) {
			return nil
		}
		return rotated(b, m, n)
	}},
}

func rotated(b *graph.Builder, m *match, n int) *graph.Value {
	x, cos, sin := m.val("x"), m.val("cos"), m.val("sin")
	if n%2 != 0 || !onLast(m.node("c"), x) || !x.Type.DType.IsFloat() || x.Type.DType == tensor.Float64 {
		return nil
	}
	for _, v := range []*graph.Value{cos, sin} { // each row of x with a row of its own
		if k, ok := lastSize(v); !ok || k != n || !sameOrOne(v.Type.Shape, x.Type.Shape) {
			return nil
		}
	}
	return b.Op("ai.onnxrun::RotateHalves", x, cos, sin)
}

// lastSize is the extent of a value's last axis.
func lastSize(v *graph.Value) (int, bool) {
	if v.Type.Rank() < 1 {
		return 0, false
	}
	return v.Type.Shape[v.Type.Rank()-1].Int()
}

// onLast reports whether a node's attribute axis names the last axis of v.
func onLast(n *graph.Node, v *graph.Value) bool {
	axis, err := graph.Axis(n.Int("axis"), v.Type.Rank())
	return err == nil && axis == v.Type.Rank()-1
}

// sameOrOne reports whether a shape broadcasts to another one for certain.
func sameOrOne(from, to []graph.Dim) bool {
	off := len(to) - len(from)
	for i, d := range from {
		if off < 0 || !d.Is(1) && !(d.Known() && d.Equal(to[off+i])) {
			return false
		}
	}
	return true
}

// isSlice reports whether a node takes the elements lo to hi-1 of its input's last axis, and all of the other ones.
func isSlice(n *graph.Node, lo, hi int) bool {
	x := n.In[0]
	var at [4]int // start, end, axis, step
	at[3] = 1
	for i := range at {
		v := (*graph.Value)(nil)
		if i+1 < len(n.In) {
			v = n.In[i+1]
		}
		switch {
		case v == nil && i == 3:
		case v == nil || v.Const == nil || v.Const.Len() != 1 || !v.Const.DType().IsInt():
			return false
		default:
			at[i] = int(min(max(v.Const.Float(0), -1<<31), 1<<31))
		}
	}
	size, known := lastSize(x)
	axis, err := graph.Axis(at[2], x.Type.Rank())
	for i := range 2 {
		if at[i] < 0 {
			at[i] += size
		}
		at[i] = min(max(at[i], 0), size)
	}
	return known && err == nil && axis == x.Type.Rank()-1 && at[0] == lo && at[1] == hi && at[3] == 1
}
