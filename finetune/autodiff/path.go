package autodiff

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// path is the way of a gradient through a graph and the graphs inside its nodes.
type path struct {
	depends map[*graph.Value]bool // values that depend on those to differentiate by
	active  map[*graph.Value]bool // and on which what is differentiated depends
	on      map[*graph.Node]bool  // nodes that compute active values
}

// findPath goes forward from wrt along floating-point values, then backward from outs.
func findPath(g *graph.Graph, outs, wrt []*graph.Value) *path {
	p := &path{depends: map[*graph.Value]bool{}, active: map[*graph.Value]bool{}, on: map[*graph.Node]bool{}}
	for _, v := range wrt {
		p.depends[v] = true
	}
	p.forward(g)
	for _, v := range outs {
		p.reach(v)
	}
	p.backward(g)
	return p
}

// Path lists the nodes of g and of the graphs inside its nodes through which gradients of outs go to wrt, in the order in which they run, whether they have rules or not.
func Path(g *graph.Graph, outs, wrt []*graph.Value) []*graph.Node {
	p := findPath(g, outs, wrt)
	var list []*graph.Node
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		if p.on[n] {
			list = append(list, n)
		}
		return true
	})
	return list
}

// differentiable reports whether gradients pass through a value: they stop at integers, booleans and strings. What is not known yet may be anything.
func differentiable(v *graph.Value) bool {
	d := v.Type.DType
	return d == 0 || d.IsFloat() || d.IsComplex() || d.IsContainer()
}

// from marks v, of a node's outputs or a body's inputs, when it may carry a gradient. It reports whether that is new.
func (p *path) from(v *graph.Value, depends bool) bool {
	if v == nil || !depends || p.depends[v] || !differentiable(v) {
		return false
	}
	p.depends[v] = true
	return true
}

// reach marks v as one that what is differentiated depends on. It reports whether that is new.
func (p *path) reach(v *graph.Value) bool {
	if v == nil || p.active[v] || !p.depends[v] {
		return false
	}
	p.active[v] = true
	return true
}

// reads are the values that a node and the graphs inside it read.
func reads(n *graph.Node) []*graph.Value {
	in := slices.Clone(n.In)
	n.Subgraphs(func(s *graph.Graph) { in = append(in, s.Captures()...) })
	return in
}

func (p *path) forward(g *graph.Graph) {
	for _, n := range g.Nodes {
		if branches := ifBranches(n); branches != nil {
			for _, s := range branches {
				p.forward(s)
				for i, o := range n.Out {
					p.from(o, p.depends[s.Outputs[i]] && differentiable(s.Outputs[i]))
				}
			}
			continue
		}
		if l, ok := newLoop(n); ok {
			p.forwardLoop(l)
			continue
		}
		for _, v := range reads(n) {
			if v != nil && p.depends[v] && differentiable(v) {
				for _, o := range n.Out {
					p.from(o, true)
				}
			}
		}
	}
}

// forwardLoop follows values from one iteration to the next until that reaches no others.
func (p *path) forwardLoop(l loop) {
	for again := true; again; {
		again = false
		for i, v := range l.inputs() {
			p.from(v, p.depends[l.outer(i)])
		}
		p.forward(l.body)
		for i := range l.carried {
			again = p.from(l.inputs()[i], p.depends[l.outputs()[i]]) || again
		}
	}
	for i, o := range l.node.Out {
		p.from(o, p.depends[l.outputs()[i]] || i < l.carried && p.depends[l.outer(i)])
	}
}

func (p *path) backward(g *graph.Graph) {
	for _, n := range slices.Backward(g.Nodes) {
		if !slices.ContainsFunc(n.Out, func(o *graph.Value) bool { return o != nil && p.active[o] }) {
			continue
		}
		p.on[n] = true
		if branches := ifBranches(n); branches != nil {
			for _, s := range branches {
				for i, o := range n.Out {
					if o != nil && p.active[o] {
						p.reach(s.Outputs[i])
					}
				}
				p.backward(s)
			}
			continue
		}
		if l, ok := newLoop(n); ok {
			p.backwardLoop(l)
			continue
		}
		for _, v := range reads(n) {
			p.reach(v)
		}
	}
}

func (p *path) backwardLoop(l loop) {
	for i, o := range l.node.Out {
		if o != nil && p.active[o] {
			p.reach(l.outputs()[i])
			if i < l.carried { // it may be what it was from the start
				p.reach(l.inputs()[i])
			}
		}
	}
	for again := true; again; {
		again = false
		p.backward(l.body)
		for i := range l.carried {
			again = p.active[l.inputs()[i]] && p.reach(l.outputs()[i]) || again
		}
	}
	for i, v := range l.inputs() {
		if p.active[v] {
			p.reach(l.outer(i))
		}
	}
}
