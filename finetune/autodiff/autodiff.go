// Package autodiff differentiates graphs: it appends to a graph the nodes that compute gradients, and nothing else. What comes out is an ordinary
// graph, which passes optimize, sessions run and files hold.
package autodiff

import (
	"fmt"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
)

// Gradients appends the gradients of loss, a value of one element, with respect to the values wrt, and returns them in that order: each of the type of
// its value, nil where loss does not depend on it. Operators without a gradient rule are replaced by their expansion where a gradient
// passes through them. When rules are missing, the error names all nodes concerned.
func Gradients(reg *graph.Registry, g *graph.Graph, loss *graph.Value, wrt []*graph.Value) ([]*graph.Value, error) {
	if n, ok := loss.Type.Shape, loss.Type.Ranked; ok {
		for _, d := range n {
			if d.IsInt() && !d.Is(1) {
				return nil, graph.Shapef("the loss %q is %s, want one element: reduce it by a mean or a sum", loss.Name, loss.Type)
			}
		}
	}
	b := graph.NewBuilder(reg, g)
	b.Prefix("grad")
	one := b.OnesLike(loss)
	if b.Err() != nil {
		return nil, b.Err()
	}
	return VJP(reg, g, []*graph.Value{loss}, []*graph.Value{one}, wrt)
}

// VJP appends the vector-Jacobian products: the gradients of Σ cotangent·out with respect to the values wrt, nil where no output depends on
// one. A cotangent has the type of its output; nil stands for zero.
func VJP(reg *graph.Registry, g *graph.Graph, outs, cotangents, wrt []*graph.Value) ([]*graph.Value, error) {
	if len(outs) != len(cotangents) {
		return nil, fmt.Errorf("%d cotangents for %d values", len(cotangents), len(outs))
	}
	p, err := expandPath(reg, g, outs, wrt)
	if err != nil {
		return nil, err
	}
	if err := p.complete(); err != nil {
		return nil, err
	}
	b := graph.NewBuilder(reg, g)
	b.Prefix("grad")
	t := &tape{b: b, grads: map[*graph.Value]*graph.Value{}}
	for i, v := range outs {
		t.add(v, cotangents[i])
	}
	for i := len(p.nodes) - 1; i >= 0; i-- {
		t.node(p, p.nodes[i])
	}
	if b.Err() != nil {
		return nil, b.Err()
	}
	res := make([]*graph.Value, len(wrt))
	for i, v := range wrt {
		res[i] = t.grads[v]
	}
	return res, nil
}

// path is the nodes between the values to differentiate by and those to differentiate, in the order of the graph.
type path struct {
	nodes  []*graph.Node
	active map[*graph.Value]bool // values that depend on wrt and on which an output depends
}

// findPath goes forward from wrt along floating-point values, then backward from outs.
func findPath(g *graph.Graph, outs, wrt []*graph.Value) *path {
	depends := map[*graph.Value]bool{}
	for _, v := range wrt {
		depends[v] = true
	}
	reads := func(n *graph.Node) []*graph.Value {
		in := append([]*graph.Value{}, n.In...)
		n.Subgraphs(func(s *graph.Graph) { in = append(in, s.Captures()...) })
		return in
	}
	for _, n := range g.Nodes {
		for _, v := range reads(n) {
			if v != nil && depends[v] && differentiable(v) {
				for _, o := range n.Out {
					if o != nil && differentiable(o) {
						depends[o] = true
					}
				}
			}
		}
	}
	p := &path{active: map[*graph.Value]bool{}}
	for _, v := range outs {
		p.active[v] = depends[v]
	}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		on := false
		for _, o := range n.Out {
			on = on || o != nil && p.active[o]
		}
		if !on {
			continue
		}
		p.nodes = append(p.nodes, n)
		for _, v := range reads(n) {
			if v != nil && depends[v] {
				p.active[v] = true
			}
		}
	}
	for i, j := 0, len(p.nodes)-1; i < j; i, j = i+1, j-1 {
		p.nodes[i], p.nodes[j] = p.nodes[j], p.nodes[i]
	}
	return p
}

// differentiable reports whether gradients pass through a value: they stop at integers, booleans and strings. What is not known yet may be anything.
func differentiable(v *graph.Value) bool {
	d := v.Type.DType
	return d == 0 || d.IsFloat() || d.IsComplex() || d.IsContainer()
}

// maxExpansions bounds expansions of expansions.
const maxExpansions = 64

// expandPath expands the operators on the path that have no gradient rule, as long as there are any.
func expandPath(reg *graph.Registry, g *graph.Graph, outs, wrt []*graph.Value) (*path, error) {
	for range maxExpansions {
		p := findPath(g, outs, wrt)
		lacking := map[*graph.Op]bool{}
		for _, n := range p.nodes {
			if n.Op.Grad == nil && n.Op.Expand != nil {
				lacking[n.Op] = true
			}
		}
		if len(lacking) == 0 {
			return p, nil
		}
		if _, err := pass.ExpandIf(func(o *graph.Op) bool { return lacking[o] }).Run(reg, g); err != nil {
			return nil, err
		}
	}
	return nil, graph.Limitf("expansions on the way of the gradient are nested more than %d deep", maxExpansions)
}

// complete fails when a node on the path has no rule, and names all of them.
func (p *path) complete() error {
	var missing []string
	for _, n := range p.nodes {
		if n.Op.Grad == nil {
			missing = append(missing, fmt.Sprintf("%s (node %q)", n.Op, n.Label()))
		}
	}
	if missing == nil {
		return nil
	}
	return graph.Unsupportedf("operators without a gradient: %s", strings.Join(missing, ", "))
}

// tape holds the gradients found so far.
type tape struct {
	b     *graph.Builder
	grads map[*graph.Value]*graph.Value
}

// add adds grad to the gradient of v. What was broadcast on the way from v is summed up.
func (t *tape) add(v, grad *graph.Value) {
	if grad == nil || t.b.Err() != nil {
		return
	}
	grad = t.b.SumTo(grad, v)
	if old := t.grads[v]; old != nil {
		grad = t.b.Op("Add", old, grad)
	}
	t.grads[v] = grad
}

// node applies the rule of a node.
func (t *tape) node(p *path, n *graph.Node) {
	out := make([]*graph.Value, len(n.Out))
	any := false
	for i, v := range n.Out {
		if v != nil {
			out[i] = t.grads[v]
			any = any || out[i] != nil
		}
	}
	if !any || t.b.Err() != nil {
		return
	}
	in := graph.GradNode(t.b, n, out)
	if err := t.b.Err(); err != nil {
		t.b.Wrap(n)
		return
	}
	for i, v := range n.In {
		if v != nil && i < len(in) && p.active[v] {
			t.add(v, in[i])
		}
	}
}
