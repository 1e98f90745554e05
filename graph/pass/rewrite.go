package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// rule replaces what a pattern finds. build appends the new nodes and returns the value that takes the place of the pattern's, or nil to leave
// the graph as it is.
type rule struct {
	find  *pattern
	build func(b *graph.Builder, m *match) *graph.Value
}

// rewrite applies the first rule that fits to each node of g, and of the graphs inside it, in order. A replacement must have the type of what
// it replaces, as far as both are known, else nothing happens: constants of higher rank than the value they are combined with are one such case.
func rewrite(reg *graph.Registry, g *graph.Graph, rules []rule) (bool, error) {
	b := graph.NewBuilder(reg, g)
	b.Reserve()
	w := &rewriter{readers: map[*graph.Value][]*graph.Node{}, held: map[*graph.Value]bool{}, dead: map[*graph.Node]bool{}, rules: rules}
	for _, c := range g.Carry {
		w.held[c.Out] = true
	}
	w.count(g)
	return w.graph(b)
}

type rewriter struct {
	rules   []rule
	readers map[*graph.Value][]*graph.Node
	held    map[*graph.Value]bool // outputs of graphs
	dead    map[*graph.Node]bool  // nodes that were replaced
}

func (w *rewriter) count(g *graph.Graph) {
	for _, v := range g.Outputs {
		w.held[v] = true
	}
	for _, n := range g.Nodes {
		w.reads(n)
		n.Subgraphs(w.count)
	}
}

func (w *rewriter) reads(n *graph.Node) {
	for _, v := range n.In {
		if v != nil {
			w.readers[v] = append(w.readers[v], n)
		}
	}
}

func (w *rewriter) graph(b *graph.Builder) (bool, error) {
	g := b.Graph
	old := g.Nodes
	g.Nodes = make([]*graph.Node, 0, len(old))
	local := map[*graph.Node]bool{}
	changed, moved := false, false
	var err error
	for _, n := range old {
		n.Subgraphs(func(s *graph.Graph) {
			if err == nil {
				var c bool
				c, err = w.graph(b.Sub(s))
				changed = changed || c
			}
		})
		if err != nil {
			return changed, err
		}
		local[n] = true
		made, also, err := w.node(b, n, local)
		if err != nil {
			return changed, err
		}
		if made == nil {
			g.Nodes = append(g.Nodes, n)
			continue
		}
		for _, k := range made {
			local[k] = true
		}
		g.Nodes = append(g.Nodes, made...)
		changed, moved = true, moved || also
	}
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *graph.Node) bool { return w.dead[n] })
	if moved {
		sortNodes(g)
	}
	return changed, nil
}

// node tries the rules on n and returns the nodes that take its place, nil when none fits; also says that they compute other nodes' values too.
func (w *rewriter) node(b *graph.Builder, n *graph.Node, local map[*graph.Node]bool) (made []*graph.Node, also bool, err error) {
	if len(n.Out) == 0 || n.Out[0] == nil {
		return nil, false, nil
	}
	g := b.Graph
	for _, r := range w.rules {
		if r.find.kind == opTerm && !r.find.names(n.Op) { // most rules, at once
			continue
		}
		m := &match{
			root: n, bound: map[string]*graph.Value{}, also: map[*graph.Value]*graph.Value{},
			local: func(n *graph.Node) bool { return local[n] && !w.dead[n] },
		}
		if !m.find(r.find, n.Out[0], func() bool { return w.closed(m) }) {
			continue
		}
		nodes, consts := len(g.Nodes), len(g.Consts)
		nb := b.Sub(g) // keeps its own error: a rule that cannot be applied is not applied
		nb.Prefix(n.Label())
		y := r.build(nb, m)
		made = slices.Clone(g.Nodes[nodes:])
		g.Nodes = g.Nodes[:nodes]
		if y == nil || nb.Err() != nil || !agree(y.Type, n.Out[0].Type) || !w.movable(m) {
			g.Consts = g.Consts[:consts]
			continue
		}
		made, err = bear(b, n, []*graph.Value{y}, made)
		for v, by := range m.also {
			if err == nil {
				made, err = bear(b, &graph.Node{Op: v.Def.Op, Out: []*graph.Value{v}}, []*graph.Value{by}, made)
			}
		}
		for _, k := range made {
			w.reads(k)
		}
		w.bury(m)
		return made, len(m.also) > 0, err
	}
	return nil, false, nil
}

// closed reports whether what lies inside of a match is read by its own nodes only.
func (w *rewriter) closed(m *match) bool {
	for i, n := range m.nodes {
		if n == m.root && i == 0 {
			for _, v := range n.Out[1:] {
				if v != nil && (w.held[v] || w.read(v)) {
					return false
				}
			}
			continue
		}
		for k, v := range n.Out {
			if v == nil || m.terms[i].share && k == m.terms[i].out {
				continue
			}
			if w.held[v] || slices.ContainsFunc(w.readers[v], func(r *graph.Node) bool { return !w.dead[r] && !slices.Contains(m.nodes, r) }) {
				return false
			}
		}
	}
	return true
}

// read reports whether any node reads v.
func (w *rewriter) read(v *graph.Value) bool {
	return slices.ContainsFunc(w.readers[v], func(r *graph.Node) bool { return !w.dead[r] })
}

// movable reports whether nothing that a match reads depends on the values that its replacement computes beside the root's.
func (w *rewriter) movable(m *match) bool {
	if len(m.also) == 0 {
		return true
	}
	seen := map[*graph.Node]bool{}
	var free func(n *graph.Node) bool
	free = func(n *graph.Node) bool {
		if n == nil || seen[n] {
			return true
		}
		seen[n] = true
		for _, v := range n.Out {
			if m.also[v] != nil {
				return false
			}
		}
		for _, v := range needs(n) {
			if !free(v.Def) {
				return false
			}
		}
		return true
	}
	for _, n := range m.nodes {
		for _, v := range n.In {
			if v != nil && v.Def != nil && !slices.Contains(m.nodes, v.Def) && !free(v.Def) {
				return false
			}
		}
	}
	return true
}

// bury marks the nodes of a match that nobody reads any more. Readers come before what they read.
func (w *rewriter) bury(m *match) {
	w.dead[m.root] = true
	for again := true; again; {
		again = false
		for _, n := range m.nodes {
			if w.dead[n] {
				continue
			}
			used := false
			for _, v := range n.Out {
				used = used || v != nil && v.Def == n && (w.held[v] || w.read(v))
			}
			if !used {
				w.dead[n], again = true, true
			}
		}
	}
}

// agree reports whether two types can be those of one value.
func agree(a, b graph.Type) bool {
	if a.DType != b.DType || a.Ranked && b.Ranked && len(a.Shape) != len(b.Shape) {
		return false
	}
	for i := range min(len(a.Shape), len(b.Shape)) {
		if x, y := a.Shape[i], b.Shape[i]; x.IsInt() && y.IsInt() && !x.Equal(y) {
			return false
		}
	}
	return true
}

// needs are the values that a node reads, those of the graphs inside it included.
func needs(n *graph.Node) []*graph.Value {
	var out []*graph.Value
	for _, v := range n.In {
		if v != nil {
			out = append(out, v)
		}
	}
	n.Subgraphs(func(s *graph.Graph) { out = append(out, s.Captures()...) })
	return out
}

// sortNodes puts every node after those that it needs and leaves the order as it is otherwise.
func sortNodes(g *graph.Graph) {
	state := map[*graph.Node]bool{} // false until it is placed
	for _, n := range g.Nodes {
		state[n] = false
	}
	sorted := make([]*graph.Node, 0, len(g.Nodes))
	var place func(*graph.Node)
	place = func(n *graph.Node) {
		if placed, mine := state[n]; placed || !mine {
			return
		}
		state[n] = true
		for _, v := range needs(n) {
			if v.Def != nil {
				place(v.Def)
			}
		}
		sorted = append(sorted, n)
	}
	for _, n := range g.Nodes {
		place(n)
	}
	g.Nodes = sorted
}
