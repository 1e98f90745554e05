package pass

import (
	"github.com/onnxrun/onnxrun/graph"
)

// binary is for functions of two elements that give finite results for finite operands: lanes beyond the channels must stay finite.
func (l *c16) binary(n *graph.Node) *graph.Value {
	channels, _ := channelsOf(n.Out[0])
	rank := n.Out[0].Type.Rank()
	var in [2]*graph.Value
	for i, v := range n.In {
		if in[i] = l.operand(v, channels, rank); in[i] == nil {
			return nil
		}
	}
	return sameNode(l.b, n, n.Attrs, in[:]...)
}

// add is a sum, which a convolution before it computes where it can.
func (l *c16) add(n *graph.Node) *graph.Value {
	if y := l.residual(n); y != nil {
		return y
	}
	return l.binary(n)
}

// operand is v as an operand of an elementwise operator on blocks of so many channels: in blocks itself, a scalar, or a constant per channel in blocks.
func (l *c16) operand(v *graph.Value, channels, rank int) *graph.Value {
	if v.Const != nil && v.Const.Len() == 1 {
		t, err := v.Const.Reshape(1)
		if err != nil {
			return nil
		}
		return l.b.Const(t)
	}
	if v.Const == nil {
		if c, ok := channelsOf(v); !ok || c != channels || v.Type.Rank() != rank {
			return nil
		}
		return l.block(v)
	}
	s := v.Const.Shape()
	if v.Const.Len() != channels || len(s) > rank || len(s) < rank-1 || s[len(s)-rank+1] != channels { // [C, 1, 1] or [1, C, 1, 1]
		return nil
	}
	t, err := v.Const.Reshape(1, channels, 1, 1)
	if err != nil {
		return nil
	}
	return l.b.Op(private+"::BlockC16", l.b.Const(t))
}

// concat puts blocks behind one another, if all parts but the last are made of whole ones.
func (l *c16) concat(n *graph.Node) *graph.Value {
	if axis := n.Int("axis"); axis != 1 && axis+n.Out[0].Type.Rank() != 1 {
		return nil
	}
	in := make([]*graph.Value, len(n.In))
	for i, v := range n.In {
		c, ok := channelsOf(v)
		if !ok || c%16 != 0 && i < len(n.In)-1 {
			return nil
		}
	}
	for i, v := range n.In {
		in[i] = l.block(v)
	}
	args := []graph.Arg{graph.Int("axis", 1)}
	for _, v := range in {
		args = append(args, v)
	}
	return l.b.Op("Concat", args...)
}
