package autodiff

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
)

// The gradient of a node that holds graphs is a node that holds their vector-Jacobian products. A graph inside reads values of the graphs around it, so
// that gradients go to these as well as to the node's inputs; this is why If, Loop and Scan have no rule of their own but are
// differentiated here.

// flow applies the rules of If, Loop and Scan. It reports whether the node is one.
func (t *tape) flow(p *path, n *graph.Node, out []*graph.Value) bool {
	if branches := ifBranches(n); branches != nil {
		t.branches(p, n, branches, out)
		return true
	}
	l, ok := newLoop(n)
	if ok {
		t.loop(p, l, out)
	}
	return ok
}

// Flow reports whether an operator holds graphs through which gradients pass, although it has no rule: If, Loop, and Scan from version 9 on.
func Flow(op *graph.Op) bool {
	return op.Domain == "" && (op.Name == "If" || op.Name == "Loop" || op.Name == "Scan" && op.Since > 8)
}

// isFlow reports whether gradients pass through the graphs inside a node.
func isFlow(n *graph.Node) bool {
	_, ok := newLoop(n)
	return ok || ifBranches(n) != nil
}

// replay is a copy of a graph inside a node, which computes again what the graph computed, followed by its vector-Jacobian product.
type replay struct {
	b    *graph.Builder
	body *graph.Graph                  // the original
	at   map[*graph.Value]*graph.Value // values of the original → of the copy
}

// newReplay copies a graph inside a node that b builds around.
func newReplay(b *graph.Builder, body *graph.Graph) *replay {
	r := &replay{body: body, at: map[*graph.Value]*graph.Value{}}
	r.b = b.Sub(body.CopyInto(r.at))
	r.b.Prefix("grad")
	return r
}

// copied is what stands for v in the copy: v itself when it is captured.
func (r *replay) copied(v *graph.Value) *graph.Value {
	if c := r.at[v]; c != nil {
		return c
	}
	return v
}

// saved is a value of the original that the copy cannot compute again, and what the copy reads in its place.
type saved struct{ value, in *graph.Value }

// finish makes the outputs of the copy those given, removes what they do not need, and returns the values that are still to be handed in: inputs of the original,
// and what its random nodes drew, for which they get all the outputs that the copy asks for.
func (r *replay) finish(outs []*graph.Value) []saved {
	if r.b.Err() != nil {
		return nil
	}
	g := r.b.Graph
	var list []saved
	for _, v := range r.body.Inputs {
		list = append(list, saved{v, r.at[v]})
	}
	back := make(map[*graph.Value]*graph.Value, len(r.at))
	for v, c := range r.at {
		back[c] = v
	}
	drawn := map[*graph.Value]*graph.Value{}
	outer := r.b.Sub(r.body) // names that are new in all graphs
	for i, n := range r.body.Nodes {
		c := g.Nodes[i]
		if !random(c) {
			continue
		}
		if n.HasSubgraphs() {
			n.Attrs = attrsInto(c.Attrs, back)
		}
		for k, v := range c.Out {
			if v == nil {
				continue
			}
			if k >= len(n.Out) {
				n.Out = append(n.Out, make([]*graph.Value, k+1-len(n.Out))...)
			}
			if n.Out[k] == nil {
				n.Out[k] = outer.Name(n)
				n.Out[k].Type = v.Type
			}
			in := r.b.Name(nil)
			in.Type = v.Type
			drawn[v] = in
			list = append(list, saved{n.Out[k], in})
		}
	}
	g.Outputs = slices.Clone(outs)
	substitute(g, drawn)
	if _, err := pass.Prune(r.b.Registry(), g); err != nil {
		r.b.Fail(err)
		return nil
	}
	read := map[*graph.Value]bool{}
	for _, v := range (&graph.Graph{Nodes: g.Nodes, Consts: g.Consts, Outputs: g.Outputs}).Captures() {
		read[v] = true
	}
	g.Inputs = nil
	return slices.DeleteFunc(list, func(s saved) bool { return !read[s.in] })
}

// random reports whether a node, or one in the graphs inside it, would compute something else a second time.
func random(n *graph.Node) bool {
	found := n.Op.Random
	n.Subgraphs(func(s *graph.Graph) {
		s.Walk(func(_ *graph.Graph, k *graph.Node) bool {
			found = found || k.Op.Random
			return !found
		})
	})
	return found
}

// attrsInto copies attributes with the graphs among them, in which values are replaced.
func attrsInto(attrs []graph.Attr, m map[*graph.Value]*graph.Value) []graph.Attr {
	out := slices.Clone(attrs)
	for i, a := range out {
		switch v := a.Value.(type) {
		case *graph.Graph:
			out[i].Value = v.CopyInto(m)
		case []*graph.Graph:
			gs := make([]*graph.Graph, len(v))
			for k, g := range v {
				gs[k] = g.CopyInto(m)
			}
			out[i].Value = gs
		}
	}
	return out
}

// substitute makes all readers in g of a key of m read its value.
func substitute(g *graph.Graph, m map[*graph.Value]*graph.Value) {
	if len(m) == 0 {
		return
	}
	swap := func(vs []*graph.Value) {
		for i, v := range vs {
			if w := m[v]; v != nil && w != nil {
				vs[i] = w
			}
		}
	}
	swap(g.Outputs)
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		swap(n.In)
		n.Subgraphs(func(s *graph.Graph) { swap(s.Outputs) })
		return true
	})
}

// activeCaptures are the values around graphs that they read and that need a gradient, each once.
func activeCaptures(p *path, graphs ...*graph.Graph) []*graph.Value {
	var list []*graph.Value
	for _, g := range graphs {
		for _, v := range g.Captures() {
			if p.active[v] && !slices.Contains(list, v) {
				list = append(list, v)
			}
		}
	}
	return list
}

// tensors fails when one of the values is a sequence or an optional value.
func (t *tape) tensors(values []*graph.Value) bool {
	for _, v := range values {
		if v.Type.DType.IsContainer() {
			t.b.Fail(graph.Unsupportedf("the gradient of %q, %s: through graphs inside nodes go those of tensors", v.Name, v.Type))
			return false
		}
	}
	return true
}
