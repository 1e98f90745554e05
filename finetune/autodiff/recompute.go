package autodiff

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// Recompute lets the nodes after the one that computes loss, its gradients, compute again what they read of the nodes before, instead of keeping it: gradient
// checkpointing (https://arxiv.org/abs/1604.06174). The nodes up to the loss are taken as so many segments of about equal length; kept are the values that go from one
// segment to another, those of the last segment, those that operators made by chance, and outputs. Memory for the rest is needed for one segment
// at a time; the price is about a second forward pass. The results are the same bits.
func Recompute(reg *graph.Registry, g *graph.Graph, loss *graph.Value, segments int) error {
	forward := slices.Index(g.Nodes, loss.Def) + 1
	if segments < 2 || forward == 0 {
		return nil
	}
	r := &recompute{b: graph.NewBuilder(reg, g), segment: map[*graph.Value]int{}, kept: map[*graph.Value]bool{}, again: map[*graph.Value]*graph.Value{}}
	r.b.Prefix("again")
	before, after := g.Nodes[:forward:forward], g.Nodes[forward:]
	r.mark(g, before, segments)
	g.Nodes = before
	for _, n := range after {
		for i, v := range n.In {
			n.In[i] = r.value(v)
		}
		// What a graph inside a node captures stays: it is read by name.
		g.Nodes = append(g.Nodes, n)
	}
	return r.b.Err()
}

type recompute struct {
	b       *graph.Builder
	segment map[*graph.Value]int          // of the nodes before
	kept    map[*graph.Value]bool         // values that are not computed again
	again   map[*graph.Value]*graph.Value // values that are, and what stands for them; for kept ones, what nodes that are repeated read
}

// mark finds the segments and what is kept.
func (r *recompute) mark(g *graph.Graph, nodes []*graph.Node, segments int) {
	for i, n := range nodes {
		k := i * segments / len(nodes)
		read := func(v *graph.Value) {
			if s, ok := r.segment[v]; ok && s != k {
				r.kept[v] = true
			}
		}
		for _, v := range n.In {
			read(v)
		}
		n.Subgraphs(func(s *graph.Graph) {
			for _, v := range s.Captures() {
				read(v)
			}
		})
		for _, v := range n.Out {
			if v != nil {
				r.segment[v] = k
				r.kept[v] = n.Op.Random || k == segments-1 || n.HasSubgraphs()
			}
		}
	}
	for _, v := range g.Outputs {
		r.kept[v] = true
	}
	for _, n := range g.Nodes[len(nodes):] { // graphs inside gradient nodes read values as they are
		n.Subgraphs(func(s *graph.Graph) {
			for _, v := range s.Captures() {
				r.kept[v] = true
			}
		})
	}
}

// value is what a gradient node reads in place of v.
func (r *recompute) value(v *graph.Value) *graph.Value {
	if _, ok := r.segment[v]; !ok || r.kept[v] {
		return v
	}
	if w := r.again[v]; w != nil {
		return w
	}
	old := v.Def
	n := &graph.Node{Name: old.Name, Op: old.Op, Attrs: old.Attrs, Overload: old.Overload}
	for _, x := range old.In {
		n.In = append(n.In, r.operand(x))
	}
	out := make([]*graph.Value, len(old.Out))
	for i, x := range old.Out {
		if x != nil {
			out[i] = r.b.Name(n)
			out[i].Type = x.Type
			if !r.kept[x] {
				r.again[x] = out[i]
			}
		}
	}
	r.b.Append(n, out...)
	return r.again[v]
}

// operand is what a repeated node reads in place of v. Kept values pass a node that tells the second computation from the first, which would be merged otherwise.
func (r *recompute) operand(v *graph.Value) *graph.Value {
	if v == nil || v.Const != nil {
		return v
	}
	if _, ok := r.segment[v]; ok && !r.kept[v] {
		return r.value(v)
	}
	if r.again[v] == nil {
		r.again[v] = r.b.Op("ai.onnxrun::Recompute", v)
	}
	return r.again[v]
}
