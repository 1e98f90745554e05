package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// convs are the convolutions on blocked values, which can add a value and apply an activation while the results are in registers.
var convs = []string{"ConvDirect", "ConvDepthwise", "ConvWinograd"}

// open is the convolution on blocked values that computes v, when n alone reads it and no activation follows yet.
func (l *c16) open(v *graph.Value, n *graph.Node) *graph.Node {
	if !l.pending[v] || l.readers.only(v) != n {
		return nil
	}
	k := l.blocked[v].Def
	if k == nil || k.Op.Domain != private || !slices.Contains(convs, k.Op.Name) || k.HasAttr("activation") {
		return nil
	}
	return k
}

// activate lets the convolution before n apply the activation that n is.
func (l *c16) activate(n *graph.Node) *graph.Value {
	k := l.open(n.In[0], n)
	if k == nil {
		return nil
	}
	attrs, ok := activationAttrs(n)
	if !ok {
		return nil
	}
	k.Attrs = append(k.Attrs, attrs...)
	return k.Out[0]
}

// residual lets the convolution that computes one operand of n, an Add, add the other. Of two convolutions it is the one that
// runs later; it moves behind what computes the other operand.
func (l *c16) residual(n *graph.Node) *graph.Value {
	if len(n.In) != 2 || n.In[0] == n.In[1] {
		return nil
	}
	var k *graph.Node
	var r *graph.Value
	at := -1
	for i, v := range n.In {
		other := n.In[1-i]
		if c := l.open(v, n); c != nil && len(c.In) < 4 && l.blocked[other] != nil && v.Type.Equal(other.Type) {
			if p := slices.Index(l.b.Graph.Nodes, c); p > at {
				k, r, at = c, l.blocked[other], p
			}
		}
	}
	if k == nil {
		return nil
	}
	for len(k.In) < 3 {
		k.In = append(k.In, nil)
	}
	k.In = append(k.In, r)
	l.b.Graph.Nodes = append(slices.Delete(l.b.Graph.Nodes, at, at+1), k)
	return k.Out[0]
}
