package finetune

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx"
)

// Save writes the model as it is now to an .onnx file: weights under their old names, everything else as it was imported. Nothing of the
// training is in it.
func (m *Model) Save(path string, opts ...onnx.SaveOption) error {
	return onnx.Save(path, standard(m.Graph), opts...)
}

// standard is g without the operators of ours that only gradients see: each is its input.
func standard(g *graph.Graph) *graph.Graph {
	stops := func(n *graph.Node) bool { return n.Op.Domain == "ai.onnxrun" && n.Op.Name == "StopGradient" }
	if !slices.ContainsFunc(g.Nodes, stops) {
		return g
	}
	g = g.Clone()
	was := map[*graph.Value]*graph.Value{}
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *graph.Node) bool {
		for i, v := range n.In {
			if w := was[v]; w != nil {
				n.In[i] = w
			}
		}
		if stops(n) {
			was[n.Out[0]] = n.In[0]
		}
		return stops(n)
	})
	return g
}
