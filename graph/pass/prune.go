package pass

import "github.com/onnxrun/onnxrun/graph"

// Prune removes nodes and constants that no output needs, and marks outputs of nodes that nobody reads as not wanted.
func Prune(reg *graph.Registry, g *graph.Graph) (bool, error) {
	read := map[*graph.Value]bool{}
	for _, v := range g.Outputs {
		read[v] = true
	}
	for _, c := range g.Carry {
		read[c.Out] = true
	}
	return prune(g, read), nil
}

func prune(g *graph.Graph, read map[*graph.Value]bool) bool {
	for _, v := range g.Outputs {
		read[v] = true
	}
	changed := false
	keep := make([]bool, len(g.Nodes))
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		for _, v := range n.Out {
			keep[i] = keep[i] || v != nil && read[v]
		}
		if !keep[i] {
			changed = true
			continue
		}
		n.Subgraphs(func(s *graph.Graph) { changed = prune(s, read) || changed })
		for _, v := range n.In {
			if v != nil {
				read[v] = true
			}
		}
	}
	kept := g.Nodes[:0]
	for i, n := range g.Nodes {
		if !keep[i] {
			continue
		}
		for k, v := range n.Out {
			if v != nil && !read[v] && !required(n, k) {
				n.Out[k] = nil
				changed = true
			}
		}
		kept = append(kept, n)
	}
	g.Nodes = kept
	consts := g.Consts[:0]
	for _, v := range g.Consts {
		if read[v] {
			consts = append(consts, v)
		} else {
			changed = true
		}
	}
	g.Consts = consts
	return changed
}

// required reports whether a node always has its output k, as far as the operator's signature says. BatchNormalization has optional outputs, but in training
// mode the standard knows it with all of them only: files without them end the process of some readers, and before opset 14 they are what asks for training.
func required(n *graph.Node, k int) bool {
	if !n.Op.Known() || n.Op.Sig == "" && n.Op.Base == nil {
		return true
	}
	if n.Op.Domain == "" && n.Op.Name == "BatchNormalization" && (n.Op.Since < 14 || n.Bool("training_mode")) {
		return true
	}
	out := n.Op.Signature().Out
	return k >= len(out) || !out[k].Optional
}
