package autodiff

import (
	"github.com/onnxrun/onnxrun/graph"
)

// ifBranches are the graphs inside an If, nil when the node is none.
func ifBranches(n *graph.Node) []*graph.Graph {
	if !Flow(n.Op) || n.Op.Name != "If" || !n.Has(0) {
		return nil
	}
	branches := []*graph.Graph{n.Graph("then_branch"), n.Graph("else_branch")}
	for _, s := range branches {
		if s == nil || len(s.Outputs) < len(n.Out) {
			return nil
		}
	}
	return branches
}

// branches adds the gradients of an If. With y = If(c; T(w), E(w)), where w is all that the branches capture,
//
//	w̄ = If(c; ȳ·∂T/∂w, ȳ·∂E/∂w)
//
// A branch on which a value has no influence gives zeros. Branches compute their values once more; what they drew at random comes out of the first If.
func (t *tape) branches(p *path, n *graph.Node, branches []*graph.Graph, out []*graph.Value) {
	b := t.b
	b.Reinfer(n)
	wrt := activeCaptures(p, branches...)
	if !t.tensors(wrt) || b.Err() != nil {
		return
	}
	var rs [2]*replay
	var grads [2][]*graph.Value
	for k, s := range branches {
		r := newReplay(b, s)
		rs[k], grads[k] = r, vjp(r.b, r.b.Graph.Outputs[:len(out)], out, wrt)
		if err := r.b.Err(); err != nil {
			b.Fail(err)
			return
		}
	}
	var to []*graph.Value
	var outs [2][]*graph.Value
	for i, w := range wrt {
		if grads[0][i] == nil && grads[1][i] == nil {
			continue
		}
		to = append(to, w)
		for k, r := range rs {
			grad := grads[k][i]
			if grad == nil {
				grad = r.b.ZerosLike(w)
			}
			outs[k] = append(outs[k], r.b.Op("Identity", grad)) // what a graph gives is never a value around it
		}
	}
	if len(to) == 0 {
		return
	}
	for k, r := range rs {
		drawn := map[*graph.Value]*graph.Value{}
		for _, s := range r.finish(outs[k]) {
			drawn[s.in] = t.outOf(n, branches, k, s.value)
		}
		substitute(r.b.Graph, drawn)
		if err := r.b.Err(); err != nil {
			b.Fail(err)
			return
		}
	}
	res := b.OpN(len(to), "If", n.In[0], graph.GraphAttr("then_branch", rs[0].b.Graph), graph.GraphAttr("else_branch", rs[1].b.Graph))
	for i, w := range to {
		t.add(w, res[i])
	}
}

// outOf makes an If give a value of its branch k; the other branch gives a zero, which nobody reads.
func (t *tape) outOf(n *graph.Node, branches []*graph.Graph, k int, v *graph.Value) *graph.Value {
	for i, s := range branches {
		b := t.b.Sub(s)
		x := v
		if i != k {
			x = b.Scalar(v.Type.DType, 0)
		}
		if x = b.Op("Identity", x); b.Err() != nil {
			t.b.Fail(b.Err())
			return nil
		}
		s.Outputs = append(s.Outputs, x)
	}
	for len(n.Out) < len(branches[k].Outputs) {
		n.Out = append(n.Out, t.b.Name(n))
	}
	t.b.Reinfer(n)
	return n.Out[len(n.Out)-1]
}
