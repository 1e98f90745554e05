package pass

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// recurrentGates are the matrices in W and R of the recurrent operators.
var recurrentGates = map[string]int{"LSTM": 4, "GRU": 3, "RNN": 1}

// PackRecurrent turns LSTM, GRU and RNN of float32 into PackedLSTM and its like, whose weights folding lays out as kernels read them. Weights that are no
// constants are laid out in every run, once for all of its steps.
func PackRecurrent(reg *graph.Registry, g *graph.Graph) (bool, error) {
	b := graph.NewBuilder(reg, g)
	b.Reserve()
	return eachGraph(b, func(b *graph.Builder) (bool, error) {
		old := b.Graph.Nodes
		b.Graph.Nodes = make([]*graph.Node, 0, len(old))
		changed := false
		for _, n := range old {
			if gates := recurrentGates[n.Op.Name]; gates > 0 && n.Op.Domain == "" && b.Err() == nil {
				if hidden, input, ok := recurrentSizes(n, gates); ok {
					b.Prefix(n.Label())
					packRecurrent(b, n, gates, hidden, input)
					changed = true
					continue
				}
			}
			b.Graph.Nodes = append(b.Graph.Nodes, n)
		}
		return changed, b.Err()
	})
}

// recurrentSizes are the sizes of a node's weights, if they are known.
func recurrentSizes(n *graph.Node, gates int) (hidden, input int, ok bool) {
	w, r := n.In[1].Type, n.In[2].Type
	if w.DType != tensor.Float32 || !w.IsStatic() || !r.IsStatic() || len(w.Shape) != 3 || len(r.Shape) != 3 {
		return 0, 0, false
	}
	input, _ = w.Shape[2].Int()
	hidden, _ = r.Shape[2].Int()
	rows, _ := w.Shape[1].Int()
	if n.Has(3) && !n.In[3].Type.IsStatic() {
		return 0, 0, false
	}
	return hidden, input, hidden > 0 && input > 0 && rows == gates*hidden
}

// packRecurrent builds the packed operator in place of n.
func packRecurrent(b *graph.Builder, n *graph.Node, gates, hidden, input int) {
	count := graph.Int("gates", gates)
	w := b.Op(private+"::PackRecurrent", n.In[1], count)
	r := b.Op(private+"::PackRecurrent", n.In[2], count)
	in := append([]*graph.Value{n.In[0], w, r}, n.In[3:]...)
	if n.Has(3) {
		if n.Op.Name == "GRU" && n.Bool("linear_before_reset") {
			bias := b.OpN(2, private+"::PackRecurrentBias", n.In[3], count, graph.Int("linear", 1))
			for len(in) < 6 {
				in = append(in, nil)
			}
			in = append(in[:6], bias[1])
			in[3] = bias[0]
		} else {
			in[3] = b.Op(private+"::PackRecurrentBias", n.In[3], count)
		}
	}
	if b.Err() != nil {
		return
	}
	attrs := []graph.Attr{graph.Int("hidden_size", hidden), graph.Int("input_size", input)}
	n.Op = b.Registry().Lookup(private, "Packed"+n.Op.Name, 0)
	for _, a := range n.Attrs {
		if a.Name != "hidden_size" && n.Op.Has(a.Name) {
			attrs = append(attrs, a)
		}
	}
	n.In, n.Attrs = in, attrs
	b.Graph.Nodes = append(b.Graph.Nodes, n)
}
