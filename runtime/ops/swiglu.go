package ops

import "github.com/onnxrun/onnxrun/graph"

// SwiGLU is A·sigmoid(alpha·A)·B (https://arxiv.org/abs/2002.05202).
var swiGLU = family(&graph.Op{
	Name: "SwiGLU", Since: 28,
	Sig: `(A:T, B:T) -> (Y:T)
		T = float
		alpha float = 1`,
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		if x, y := n.In[0].Type, n.In[1].Type; x.Ranked && y.Ranked {
			if err := sameShape(x.Shape, y.Shape); err != nil {
				b.Fail(graph.Shapef("gate %s and value %s differ", x, y))
				return nil
			}
		}
		return []*graph.Value{b.Op("Mul", b.Op("Swish", n.In[0], graph.Float("alpha", n.Float("alpha"))), n.In[1])}
	},
})
