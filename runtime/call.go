package runtime

import (
	"fmt"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// maxSubRuns bounds the plans kept for a graph inside a node: one for each set of sizes it has lately been called with.
const maxSubRuns = 4

// Call runs a graph inside the node at hand by a plan of its own. Values that it captures are read where they are.
func (r *run) Call(n *graph.Node, g *graph.Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	var sub *subgraph
	for i := range r.cur.subs {
		if r.cur.subs[i].g == g {
			sub = &r.cur.subs[i]
		}
	}
	if r.calls++; r.s.opts.limits.MaxLoopIters > 0 && r.calls > r.s.opts.limits.MaxLoopIters {
		return nil, graph.Limitf("iteration %d, at most %d are allowed", r.calls, r.s.opts.limits.MaxLoopIters)
	}
	if sub == nil {
		return nil, fmt.Errorf("the graph %q is not an attribute of the node", g.Name)
	}
	if len(in) != sub.p.formal {
		return nil, graph.Shapef("%d inputs for a graph of %d", len(in), sub.p.formal)
	}
	args := make([]*tensor.Tensor, 0, len(in)+len(sub.caps))
	args = append(args, in...)
	for _, v := range sub.caps {
		args = append(args, r.slots[v])
	}
	for i, t := range args {
		if t == nil {
			return nil, fmt.Errorf("input %d of graph %q has no value", i, g.Name)
		}
	}
	x, err := r.subRun(sub, args)
	if err != nil {
		return nil, err
	}
	out := make([]*tensor.Tensor, len(sub.p.out))
	err = x.run(r.ctx, args, out)
	r.subs[g] = append(r.subs[g], x)
	return out, err
}

func (r *run) subRun(sub *subgraph, args []*tensor.Tensor) (*run, error) {
	if r.subs == nil {
		r.subs = map[*graph.Graph][]*run{}
	}
	idle := r.subs[sub.g]
	for i := len(idle) - 1; i >= 0; i-- {
		if idle[i].pl.matches(args) {
			x := idle[i]
			r.subs[sub.g] = append(idle[:i], idle[i+1:]...)
			return x, nil
		}
	}
	if len(idle) >= maxSubRuns {
		r.budget.give(idle[0].pl.arena + idle[0].scratch)
		r.subs[sub.g] = append(idle[:0], idle[1:]...)
	}
	x, err := newRun(r.s, sub.p, r, r.budget, args)
	if err != nil {
		return nil, err
	}
	return x, x.use(&memory{})
}

// planEval computes what follows from sizes alone, while a plan is made.
type planEval struct{ b *budget }

func (e *planEval) Alloc(d tensor.DType, shape []int) (*tensor.Tensor, error) {
	size, ok := tensorBytes(d, shape)
	if !ok || size > planConstBytes {
		return nil, graph.Limitf("tensor of %s%v while planning", d.Short(), tensor.Shape(shape))
	}
	return tensor.New(d, shape...)
}

func (e *planEval) Scratch(n int) ([]byte, error) {
	if n > 1<<24 {
		return nil, graph.Limitf("scratch of %d bytes while planning", n)
	}
	return tensor.Align(n), nil
}

func (e *planEval) Charge(n int) error {
	if n > planConstBytes {
		return graph.Limitf("%d bytes while planning", n)
	}
	return nil
}

func (e *planEval) Workers() int   { return 1 }
func (e *planEval) Stopped() error { return nil }
func (e *planEval) Seed() uint64   { return 0 }

func (e *planEval) Parallel(t graph.Task, n, grain int) {
	for i := 0; i < n; i += grain {
		t.Do(0, i, min(n, i+grain))
	}
}

func (e *planEval) Call(*graph.Node, *graph.Graph, []*tensor.Tensor) ([]*tensor.Tensor, error) {
	return nil, graph.Unsupportedf("graph inside a node while planning")
}
