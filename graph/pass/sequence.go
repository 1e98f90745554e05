package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Sequences writes a SplitToSequence of known extents, whose pieces are taken by SequenceAt at known positions, as one Split. Exporters of PyTorch
// write tensor.split so; as a Split it needs no copies that wait for the run, and has a gradient.
func Sequences(reg *graph.Registry, g *graph.Graph) (bool, error) {
	changed := false
	for _, n := range g.Nodes {
		var err error
		n.Subgraphs(func(s *graph.Graph) {
			if err == nil {
				var c bool
				c, err = Sequences(reg, s)
				changed = changed || c
			}
		})
		if err != nil {
			return changed, err
		}
	}
	readers := map[*graph.Value][]*graph.Node{}
	held := outputs(g)
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		for _, v := range n.In {
			readers[v] = append(readers[v], n)
		}
		n.Subgraphs(func(s *graph.Graph) {
			for _, v := range s.Captures() {
				held[v] = true
			}
		})
		return true
	})
	b := graph.NewBuilder(reg, g)
	b.Reserve()
	nodes := g.Nodes
	g.Nodes = make([]*graph.Node, 0, len(nodes))
	taken := map[*graph.Value]*graph.Value{}
	for _, n := range nodes {
		if isOp(n, "SplitToSequence") && !held[n.Out[0]] {
			if extents := splitExtents(n); extents != nil && takenAt(readers[n.Out[0]], len(extents), held) {
				b.Prefix(n.Label())
				axis := graph.Int("axis", n.Int("axis"))
				pieces := b.OpN(len(extents), "Split", n.In[0], b.Ints(extents...), axis)
				for _, r := range readers[n.Out[0]] {
					i, _ := position(r, len(extents))
					taken[r.Out[0]] = pieces[i]
				}
				changed = true
				continue
			}
		}
		if isOp(n, "SequenceAt") && taken[n.Out[0]] != nil {
			continue
		}
		g.Nodes = append(g.Nodes, n)
	}
	replace(g, taken)
	return changed, b.Err()
}

func isOp(n *graph.Node, name string) bool { return n.Op.Domain == "" && n.Op.Name == name }

// splitExtents are the extents of the pieces, nil where they are not known or the axis is dropped.
func splitExtents(n *graph.Node) []int {
	x := n.In[0].Type
	axis := n.Int("axis")
	if axis < 0 {
		axis += len(x.Shape)
	}
	if !x.Ranked || axis < 0 || axis >= len(x.Shape) || !n.Has(1) || n.In[1].Const == nil {
		return nil
	}
	split := n.In[1].Const
	if split.DType() != tensor.Int64 && split.DType() != tensor.Int32 {
		return nil
	}
	total, known := x.Shape[axis].Int()
	var extents []int
	if split.Rank() == 1 {
		sum := 0
		for i := range split.Len() {
			extents = append(extents, int(split.Float(i)))
			sum += extents[i]
		}
		if known && sum != total {
			return nil // the run reports it
		}
		return extents
	}
	step := int(split.Float(0))
	if !known || step <= 0 || total/step > 1<<10 {
		return nil
	}
	for at := 0; at < total; at += step {
		extents = append(extents, min(step, total-at))
	}
	return extents
}

// takenAt reports whether all nodes take a piece at a position that is known.
func takenAt(nodes []*graph.Node, pieces int, held map[*graph.Value]bool) bool {
	return len(nodes) > 0 && !slices.ContainsFunc(nodes, func(n *graph.Node) bool {
		_, ok := position(n, pieces)
		return !ok || held[n.Out[0]]
	})
}

// position is the piece that a SequenceAt takes.
func position(n *graph.Node, pieces int) (int, bool) {
	if !isOp(n, "SequenceAt") || !n.Has(1) || n.In[1].Const == nil || n.In[1].Const.Len() != 1 {
		return 0, false
	}
	i := int(n.In[1].Const.Float(0))
	if i < 0 {
		i += pieces
	}
	return i, i >= 0 && i < pieces
}
