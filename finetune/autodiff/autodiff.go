// Package autodiff differentiates graphs: it appends to a graph the nodes that compute gradients; nodes that are there get no more than further outputs,
// of what gradients need. What comes out is an ordinary graph, which passes optimize, sessions run and files hold.
package autodiff

import (
	"fmt"
	"slices"
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
	if err := expandPath(reg, g, outs, wrt); err != nil {
		return nil, err
	}
	b := graph.NewBuilder(reg, g)
	b.Prefix("grad")
	grads := vjp(b, outs, cotangents, wrt)
	return grads, b.Err()
}

// vjp is VJP for a graph whose operators on the way have rules.
func vjp(b *graph.Builder, outs, cotangents, wrt []*graph.Value) []*graph.Value {
	p := findPath(b.Graph, outs, wrt)
	t := &tape{b: b, grads: map[*graph.Value]*graph.Value{}}
	for i, v := range outs {
		if p.active[v] {
			t.sum(v, cotangents[i]) // nothing was broadcast: it has the shape of v
		}
	}
	for _, n := range slices.Backward(b.Graph.Nodes) { // those of now: more are appended
		if p.on[n] {
			t.node(p, n)
		}
	}
	res := make([]*graph.Value, len(wrt))
	for i, v := range wrt {
		if b.Err() == nil {
			res[i] = t.grads[v]
		}
	}
	return res
}

// maxExpansions bounds expansions of expansions.
const maxExpansions = 64

// expandPath expands the operators on the way that have no gradient rule, as long as there are any, and fails when there are such without an expansion.
// It looks into the graphs inside nodes too.
func expandPath(reg *graph.Registry, g *graph.Graph, outs, wrt []*graph.Value) error {
	for range maxExpansions {
		p := findPath(g, outs, wrt)
		lacking := map[*graph.Op]bool{}
		var missing []string
		g.Walk(func(_ *graph.Graph, n *graph.Node) bool {
			switch {
			case !p.on[n] || n.Op.Grad != nil || isFlow(n):
			case n.Op.Expand != nil:
				lacking[n.Op] = true
			default:
				missing = append(missing, fmt.Sprintf("%s (node %q)", n.Op, n.Label()))
			}
			return true
		})
		if len(lacking) == 0 {
			if missing != nil {
				return graph.Unsupportedf("operators without a gradient: %s", strings.Join(missing, ", "))
			}
			return nil
		}
		if _, err := pass.ExpandIf(func(o *graph.Op) bool { return lacking[o] }).Run(reg, g); err != nil {
			return err
		}
	}
	return graph.Limitf("expansions on the way of the gradient are nested more than %d deep", maxExpansions)
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
	t.sum(v, t.b.SumTo(grad, v))
}

// sum adds grad, which has the shape of v, to the gradient of v.
func (t *tape) sum(v, grad *graph.Value) {
	if grad == nil || t.b.Err() != nil {
		return
	}
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
	if t.flow(p, n, out) {
		t.b.Wrap(n)
		return
	}
	in := graph.GradNode(t.b, n, out)
	if t.b.Err() != nil {
		t.b.Wrap(n)
		return
	}
	for i, v := range n.In {
		if v != nil && i < len(in) && p.active[v] {
			t.add(v, in[i])
		}
	}
}
