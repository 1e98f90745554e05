package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// residualInput is, by the names of operators on blocked values that can add a value and apply an activation while their results are in registers, the input which they add.
var residualInput = map[string]int{"ConvDirect": 3, "ConvDepthwise": 3, "ConvWinograd": 3, "BatchNormC16": 5}

// open is such a node that computes v, when n alone reads it and no activation follows yet.
func (l *c16) open(v *graph.Value, n *graph.Node) *graph.Node {
	if !l.pending[v] || l.readers.only(v) != n {
		return nil
	}
	k := l.blocked[v].Def
	if k == nil || k.Op.Domain != private || residualInput[k.Op.Name] == 0 || k.HasAttr("activation") {
		return nil
	}
	return k
}

// activate lets the convolution before n apply the activation that n is, or a normalization, if it only bounds.
func (l *c16) activate(n *graph.Node) *graph.Value {
	k := l.open(n.In[0], n)
	if k == nil || k.Op.Name == "BatchNormC16" && n.Op.Name != "Relu" && n.Op.Name != "Clip" {
		return nil
	}
	attrs, ok := activationAttrs(n)
	if !ok {
		return nil
	}
	k.Attrs = append(k.Attrs, attrs...)
	return k.Out[0]
}

// residual lets the convolution or normalization that computes one operand of n, an Add, add the other. Of two it is the one that
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
		if c := l.open(v, n); c != nil && len(c.In) <= residualInput[c.Op.Name] && l.blocked[other] != nil && v.Type.Equal(other.Type) {
			if p := slices.Index(l.b.Graph.Nodes, c); p > at {
				k, r, at = c, l.blocked[other], p
			}
		}
	}
	if k == nil {
		return nil
	}
	for len(k.In) < residualInput[k.Op.Name] {
		k.In = append(k.In, nil)
	}
	k.In = append(k.In, r)
	l.b.Graph.Nodes = append(slices.Delete(l.b.Graph.Nodes, at, at+1), k)
	return k.Out[0]
}
