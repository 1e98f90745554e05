package pass

import "github.com/onnxrun/onnxrun/graph"

// readers are the nodes of a graph that read each of its values. A graph inside a node that reads a value counts as that node, and an output
// of the graph as a reader that is no node.
type readers map[*graph.Value][]*graph.Node

func readersOf(g *graph.Graph) readers {
	r := readers{}
	for _, n := range g.Nodes {
		for _, v := range n.In {
			if v != nil {
				r[v] = append(r[v], n)
			}
		}
		n.Subgraphs(func(s *graph.Graph) {
			for _, v := range s.Captures() {
				r[v] = append(r[v], n)
			}
		})
	}
	for _, v := range g.Outputs {
		r[v] = append(r[v], nil)
	}
	return r
}

// only is the node that alone reads v, once and as an input, or nil.
func (r readers) only(v *graph.Value) *graph.Node {
	if len(r[v]) != 1 || r[v][0] == nil {
		return nil
	}
	n := r[v][0]
	for _, u := range n.In {
		if u == v {
			return n
		}
	}
	return nil
}

// eachGraph calls f for g and the graphs inside it, with a builder into each, until f fails.
func eachGraph(b *graph.Builder, f func(b *graph.Builder) (bool, error)) (changed bool, err error) {
	if changed, err = f(b); err != nil {
		return changed, err
	}
	for _, n := range b.Graph.Nodes {
		n.Subgraphs(func(s *graph.Graph) {
			if err == nil {
				var c bool
				c, err = eachGraph(b.Sub(s), f)
				changed = changed || c
			}
		})
	}
	return changed, err
}
