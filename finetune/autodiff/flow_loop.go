package autodiff

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// loop is a Loop or a Scan: input in+i of the node goes to input first+i of its body, and output from+i of the body to output i of the node. The
// first of each are carried from one iteration to the next; then come inputs that are scanned and outputs that are collected.
type loop struct {
	node            *graph.Node
	body            *graph.Graph
	in, first, from int
	carried, scans  int
}

// newLoop takes a node apart, if it is a Loop or a Scan.
func newLoop(n *graph.Node) (loop, bool) {
	l := loop{node: n, body: n.Graph("body")}
	switch {
	case !Flow(n.Op) || l.body == nil:
		return l, false
	case n.Op.Name == "Loop":
		l.in, l.first, l.from = 2, 2, 1
	default:
		l.scans = n.Int("num_scan_inputs")
	}
	l.carried = max(0, len(n.In)-l.in) - l.scans
	complete := len(l.body.Inputs) == l.first+l.carried+l.scans && len(l.body.Outputs) >= l.from+max(l.carried, len(n.Out))
	return l, complete && l.scans >= 0 && l.carried >= 0 && !slices.Contains(n.In[min(l.in, len(n.In)):], nil)
}

// inputs are those of the body that are carried or scanned, outputs those that are carried or collected; outer is what the node hands in for input i.
func (l loop) inputs() []*graph.Value   { return l.body.Inputs[l.first:] }
func (l loop) outputs() []*graph.Value  { return l.body.Outputs[l.from:] }
func (l loop) outer(i int) *graph.Value { return l.node.In[l.in+i] }

// Of input i, which is scanned, or output i, which is collected: the axis, and 1 when it goes from the end to the start.
func (l loop) axis(i int) int64         { return l.setting("scan_input_axes", i) }
func (l loop) direction(i int) int64    { return l.setting("scan_input_directions", i) }
func (l loop) outAxis(i int) int64      { return l.setting("scan_output_axes", i) }
func (l loop) outDirection(i int) int64 { return l.setting("scan_output_directions", i) }

func (l loop) setting(name string, i int) int64 {
	if list := l.node.Ints(name); i-l.carried < len(list) {
		return list[i-l.carried]
	}
	return 0
}

// loop adds the gradients of a Loop or a Scan. Its body computes, for carried values s, slices x and captured values w,
//
//	(s_k+1, y_k) = f(s_k, x_k, w)    k = 0 … n-1
//
// The gradient is a Scan over the same slices from the last to the first. It carries λ, the gradient of s, which starts as s̄_n, and w̄, which starts as 0;
// its body is the vector-Jacobian product of f at (s_k, x_k, w):
//
//	(λ_k, x̄_k, v) = (λ_k+1, ȳ_k)·∂f/∂(s, x, w)    w̄ += v    and in the end s̄_0 = λ_0
//
// What f needs of s_k, of the number k and of random numbers, the loop gives as further collected outputs, which also tell how many iterations it made.
func (t *tape) loop(p *path, l loop, out []*graph.Value) {
	t.b.Reinfer(l.node)
	if t.b.Err() != nil {
		return
	}
	d := &backLoop{loop: l, b: t.b, r: newReplay(t.b, l.body)}
	captured := activeCaptures(p, l.body)
	var states, scanned []int
	var wrt, outs, cotangents []*graph.Value
	for i, v := range l.inputs() {
		switch {
		case !p.active[v]:
			continue
		case i < l.carried:
			states = append(states, i)
			outs, cotangents = append(outs, d.r.copied(l.outputs()[i])), append(cotangents, d.carry(v, d.last(i, out)))
		default:
			scanned = append(scanned, i)
		}
		wrt = append(wrt, d.r.copied(v))
	}
	wrt = append(wrt, captured...)
	var sums []*graph.Value
	for _, w := range captured {
		sums = append(sums, d.carry(w, t.b.ZerosLike(w)))
	}
	for i := l.carried; i < len(out); i++ {
		if y := l.outputs()[i]; out[i] != nil && p.active[y] {
			outs, cotangents = append(outs, d.r.copied(y)), append(cotangents, d.slice(y, out[i], l.outAxis(i), 1-l.outDirection(i)))
		}
	}
	if !t.tensors(wrt) || !t.tensors(outs) {
		return
	}
	grads := vjp(d.r.b, outs, cotangents, wrt)
	var results, xs []*graph.Value
	for k := range states {
		if grads[k] == nil {
			grads[k] = d.r.b.ZerosLike(wrt[k])
		}
		results = append(results, grads[k])
	}
	for k, sum := range sums {
		if v := grads[len(states)+len(scanned)+k]; v != nil {
			sum = d.r.b.Op("Add", sum, v)
		}
		results = append(results, sum)
	}
	for k, i := range scanned {
		if v := grads[len(states)+k]; v != nil {
			results, xs = append(results, v), append(xs, l.outer(i))
			d.outAxes, d.outDirections = append(d.outAxes, l.axis(i)), append(d.outDirections, 1-l.direction(i))
		}
	}
	res := d.finish(results)
	for k, i := range states {
		t.add(l.outer(i), res[k])
	}
	for k, w := range captured {
		t.add(w, res[len(states)+k])
	}
	for k, x := range xs {
		t.add(x, t.b.Op("Reshape", res[len(states)+len(sums)+k], t.b.Op("Shape", x), graph.Int("allowzero", 1)))
	}
}
