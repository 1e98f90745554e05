package finetune

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx"
)

// Save writes the model as it is now to an .onnx file: weights under their old names, everything else as it was imported. Nothing of the
// training is in it. A model that is still trained for int8 is refused: compress.Finish makes standard operators of that.
func (m *Model) Save(path string, opts ...onnx.SaveOption) error {
	g := m.standard()
	var err error
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		if n.Op.Domain == private {
			err = n.Wrap(graph.Unsupportedf("an operator of no standard cannot be saved; compress.Finish replaces FakeQuantize"), nil)
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	if err := m.halves.narrow(m.reg, g); err != nil {
		return err
	}
	return onnx.Save(path, g, opts...)
}

const private = "ai.onnxrun"

// standard is a copy of the graph without what training alone needs: operators that only gradients see, each of which is its input, and new constants that nobody
// reads, as of a head whose adapter has a copy. Constants of the file stay, read or not, and those that were nodes are nodes again.
func (m *Model) standard() *graph.Graph {
	g, at := m.Graph.CloneMap()
	nodes := map[*graph.Value]inline{}
	for v, x := range m.inline {
		if c := at[v]; c != nil {
			nodes[c] = x
		}
	}
	restore(g, nodes)
	stops := func(n *graph.Node) bool { return n.Op.Domain == private && n.Op.Name == "StopGradient" }
	was := map[*graph.Value]*graph.Value{}
	read := map[*graph.Value]bool{}
	for _, v := range g.Outputs {
		read[v] = true
	}
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *graph.Node) bool {
		for i, v := range n.In {
			if w := was[v]; w != nil {
				n.In[i] = w
			}
			read[n.In[i]] = true
		}
		n.Subgraphs(func(s *graph.Graph) {
			for _, v := range s.Captures() {
				read[v] = true
			}
		})
		if stops(n) {
			was[n.Out[0]] = n.In[0]
		}
		return stops(n)
	})
	g.Consts = slices.DeleteFunc(g.Consts, func(v *graph.Value) bool { return v.Origin == nil && !read[v] })
	return g
}
