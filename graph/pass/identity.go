package pass

import "github.com/onnxrun/onnxrun/graph"

// Identity removes operators that change nothing: Identity, Dropout in inference, Cast to the same type, Concat of one tensor, Reshape, Expand
// or Transpose that keep the shape. An Identity that makes an output of the graph goes too: the node before it makes the output itself.
func Identity(reg *graph.Registry, g *graph.Graph) (bool, error) {
	m := map[*graph.Value]*graph.Value{}
	var visit func(*graph.Graph)
	visit = func(g *graph.Graph) {
		isOut := outputs(g)
		kept := g.Nodes[:0]
		for _, n := range g.Nodes {
			n.Subgraphs(visit)
			if len(n.In) > 0 && n.In[0] != nil && n.Wants(0) && !isOut[n.Out[0]] && isNoop(n) {
				m[n.Out[0]] = n.In[0]
				continue
			}
			kept = append(kept, n)
		}
		g.Nodes = kept
	}
	visit(g)
	replace(g, m)
	direct := directOutputs(g)
	return len(m) > 0 || direct, nil
}

// directOutputs lets the nodes whose results an Identity passes on to an output of the graph write there. It saves a copy for each, as of every gradient and state of a
// training step.
func directOutputs(g *graph.Graph) bool {
	isOut := outputs(g)
	m := map[*graph.Value]*graph.Value{}
	kept := g.Nodes[:0]
	for _, n := range g.Nodes {
		if n.Op.Domain != "" || n.Op.Name != "Identity" || !isOut[n.Out[0]] {
			kept = append(kept, n)
			continue
		}
		v, out := n.In[0], n.Out[0]
		if v == nil || v.Def == nil || isOut[v] || m[v] != nil || !v.Type.Equal(out.Type) {
			kept = append(kept, n)
			continue
		}
		for k, w := range v.Def.Out {
			if w == v {
				v.Def.Out[k] = out
			}
		}
		out.Def = v.Def
		m[v] = out
	}
	g.Nodes = kept
	replace(g, m)
	return len(m) > 0
}

func isNoop(n *graph.Node) bool {
	if n.Op.Domain != "" {
		return false
	}
	x, y := n.In[0].Type, n.Out[0].Type
	same := x.IsStatic() && x.Equal(y)
	switch n.Op.Name {
	case "Identity":
		return true
	case "Concat":
		return len(n.In) == 1
	case "Cast":
		return x.DType != 0 && x.DType == y.DType
	case "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Tile":
		return same || x.Ranked && x.Equal(y) && n.Op.Name != "Tile"
	case "Pad": // nothing is added and nothing cut off
		return same && n.Has(1) && filledWith(n.In[1], 0)
	case "Slice": // steps of 1 over all there is
		return same && (!n.Has(4) || filledWith(n.In[4], 1))
	case "Transpose":
		perm := n.Ints("perm")
		for i, p := range perm {
			if int(p) != i {
				return false
			}
		}
		return perm != nil
	case "Dropout":
		return !n.Wants(1) && (!n.Has(2) || n.In[2].Const != nil && n.In[2].Const.Len() == 1 && n.In[2].Const.Float(0) == 0)
	}
	return false
}
