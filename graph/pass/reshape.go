package pass

import "github.com/onnxrun/onnxrun/graph"

// Reshape gives Reshape nodes whose target is known but for one extent a constant target with -1 in its place, so that the operators which
// compute the target from sizes (PyTorch's Shape → Gather → Concat chains) are read no more.
func Reshape(reg *graph.Registry, g *graph.Graph) (bool, error) {
	changed := false
	b := graph.NewBuilder(reg, g)
	for _, n := range g.Nodes {
		n.Subgraphs(func(s *graph.Graph) {
			c, _ := Reshape(reg, s)
			changed = changed || c
		})
		if n.Op.Name != "Reshape" || n.Op.Domain != "" || !n.Has(1) || n.In[1].Const != nil || !n.Wants(0) {
			continue
		}
		target, ok := constantTarget(n)
		if !ok {
			continue
		}
		b.Prefix(n.Label() + "_target")
		n.In[1] = b.Ints(target...)
		changed = true
	}
	return changed, b.Err()
}

// constantTarget is the target with at most one -1. Extents of 0 would mean something else beside -1, and leave it open.
func constantTarget(n *graph.Node) ([]int, bool) {
	t := n.Out[0].Type
	if !t.Ranked {
		return nil, false
	}
	target := make([]int, len(t.Shape))
	open := 0
	for i, d := range t.Shape {
		k, ok := d.Int()
		if ok && k <= 0 {
			return nil, false
		}
		if target[i] = k; !ok {
			target[i] = -1
			open++
		}
	}
	return target, open <= 1
}
