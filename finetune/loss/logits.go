package loss

import (
	"github.com/onnxrun/onnxrun/graph"
)

// OnLogits is l of what a model computes before the probabilities that it ends in: losses such as cross-entropy want logits, and exported classifiers often end in a Softmax or
// Sigmoid. Outputs that are no probabilities are taken as they are.
func OnLogits(l Loss) Loss { return onLogits{l} }

type onLogits struct{ Loss }

func (l onLogits) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	before := make([]*graph.Value, len(out))
	for i, v := range out {
		before[i] = v
		if w := Logits(v); w != nil {
			before[i] = w
		}
	}
	return l.Loss.Of(b, before, target)
}

// Logits is the value of which v is the Softmax over the last axis or the Sigmoid, nil when it is neither.
func Logits(v *graph.Value) *graph.Value {
	for v != nil && v.Def != nil && v.Def.Op.Domain == "" {
		n := v.Def
		switch n.Op.Name {
		case "Identity":
			v = n.In[0]
			continue
		case "Sigmoid":
			return n.In[0]
		case "Softmax":
			axis, rank := n.Int("axis"), n.In[0].Type.Rank()
			if axis == -1 || n.In[0].Type.Ranked && axis == rank-1 {
				return n.In[0]
			}
		}
		return nil
	}
	return nil
}
