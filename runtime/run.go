package runtime

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// run is all that one execution owns: its plan, contexts, memory, and the runs of graphs inside nodes. It serves one goroutine at a time.
type run struct {
	s      *Session
	p      *program
	pl     *plan
	parent *run
	budget *budget

	mem    *memory
	arena  []byte           // of mem, in which the values of static type are placed
	slots  []*tensor.Tensor // per value, what it is now
	preset []*tensor.Tensor // per value in the arena or in an output's buffer
	bound  []*tensor.Tensor // per output, the buffer that preset points into
	nodes  []node           // in the order of plan.todo
	loose  []int            // values that are neither inputs, nor constants, nor of static type

	ctx     context.Context
	done    <-chan struct{} // of ctx
	stop    func() bool     // whether done is closed
	cur     *node
	charged []int // per value, bytes taken from the budget
	charge  int   // bytes taken by the node that runs
	scratch int   // bytes taken for scratch
	used    int   // bytes of scratch that the node that runs has
	calls   int64 // of graphs inside the node that runs
	subs    map[*graph.Graph][]*run
}

// node is a step of the plan with its context.
type node struct {
	*step
	run    func(*graph.Ctx) error
	ctx    *graph.Ctx
	varies bool  // the size of an input is known only when it is there
	fixed  bool  // the places of all its inputs and outputs are the same in each run, and bound
	dead   []int // loose values that nobody reads after it
}

// run computes out from in: formal inputs, then captured values.
func (r *run) run(ctx context.Context, in, out []*tensor.Tensor) error {
	r.ctx, r.done = ctx, ctx.Done()
	for i, v := range r.p.in {
		r.slots[v] = in[i]
	}
	err := r.bind(out)
	if err == nil {
		err = r.all()
	}
	if err == nil {
		err = r.results(out)
	}
	for _, v := range r.p.in {
		r.slots[v] = nil
	}
	for _, v := range r.loose { // what data-dependent values still hold
		r.drop(v)
	}
	r.ctx, r.done, r.cur = nil, nil, nil
	return err
}

// all runs the nodes.
func (r *run) all() (err error) {
	if r.parent == nil {
		old := debug.SetPanicOnFault(true) // a weight file that is cut short while it is mapped must not end the process
		defer debug.SetPanicOnFault(old)
	}
	defer func() {
		if p := recover(); p != nil {
			err = r.failed(fmt.Errorf("the kernel failed: %v", p))
		}
	}()
	if r.stop() {
		return r.Stopped()
	}
	profile := r.s.opts.profile
	for k := range r.nodes {
		x := &r.nodes[k]
		r.cur, r.used, r.charge, r.calls = x, 0, 0, 0
		x.ctx.Begin(r)
		if !x.fixed {
			if err := r.give(x); err != nil {
				return r.failed(err)
			}
		}
		if profile != nil {
			err = r.profiled(x, profile)
		} else {
			err = x.run(x.ctx)
		}
		if err != nil {
			return r.failed(err)
		}
		if r.stop() { // a kernel that was stopped leaves its outputs unfinished
			return r.Stopped()
		}
		if err := r.keep(x); err != nil {
			return r.failed(err)
		}
		for _, v := range x.dead {
			r.drop(v)
		}
	}
	return nil
}

func (r *run) profiled(x *node, profile func(Event)) error {
	start := time.Now()
	err := x.run(x.ctx)
	if err == nil {
		profile(Event{Node: x.n, Start: start, Took: time.Since(start), In: x.ctx.In, Out: x.ctx.Out})
	}
	return err
}

// failed is the error of the node that runs.
func (r *run) failed(err error) error {
	types := make([]graph.Type, len(r.cur.ctx.In))
	for i, t := range r.cur.ctx.In {
		types[i] = graph.TypeOf(t)
	}
	return r.cur.n.Wrap(err, types)
}

func (r *run) stopError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("deadline: %w", err)
	}
	return err
}

// give hands a node its inputs and the places of its outputs.
func (r *run) give(x *node) error {
	if x.varies {
		x.ctx.Memo = nil // what a kernel keeps from run to run is for sizes that stay
	}
	for j, v := range x.in {
		if v >= 0 {
			x.ctx.In[j] = r.slots[v]
		}
	}
	dynamic := false
	for j, v := range x.out {
		if v >= 0 {
			x.ctx.Out[j] = r.preset[v]
			dynamic = dynamic || r.preset[v] == nil
		}
	}
	if dynamic || x.varies {
		return r.allocate(x)
	}
	return nil
}

// allocate makes the outputs of a node whose inputs are known only now. Outputs that have a place were planned for what the sizes had to be, which they
// need not have become: a kernel would read too far, or leave out what is too much.
func (r *run) allocate(x *node) error {
	c := x.ctx
	c.Memo = nil
	in := make([]graph.Info, len(c.In))
	for i, t := range c.In {
		if t != nil {
			in[i] = graph.Info{Type: graph.TypeOf(t), Const: t}
		}
	}
	if err := takes(x.n, in); err != nil {
		return err
	}
	out, err := graph.InferOutputs(r.p.reg, x.n, in, func(*graph.Graph, []graph.Info) ([]graph.Info, error) { return nil, nil })
	if err != nil {
		return err
	}
	for j, v := range x.out {
		if v < 0 {
			continue
		}
		shape, ok := out[j].Type.Static()
		if p := c.Out[j]; p != nil {
			if ok && !p.Shape().Equal(shape) {
				return graph.Shapef("output %d has shape %v, planned was %v", j, shape, p.Shape())
			}
			continue
		}
		if ok && !out[j].Type.DType.IsContainer() && out[j].Type.DType.Valid() {
			if c.Out[j], err = r.Alloc(out[j].Type.DType, shape); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep puts the node's outputs where their readers find them.
func (r *run) keep(x *node) error {
	first := true
	for j, v := range x.out {
		if v < 0 {
			continue
		}
		t := x.ctx.Out[j]
		if t == nil {
			return fmt.Errorf("output %d was not computed", j)
		}
		if p := r.preset[v]; p != nil {
			if t != p { // a graph inside the node made it: its readers look at the planned place
				if t.DType() != p.DType() || !t.Shape().Equal(p.Shape()) {
					return graph.Shapef("output %d is %s, planned was %s", j, t, p)
				}
				copy(p.Bytes(), t.Bytes())
				x.ctx.Out[j] = p
			}
			continue
		}
		r.slots[v] = r.escape(t)
		if first {
			r.charged[v] += r.charge
			first = false
		}
		if r.p.last[v] < 0 { // nobody reads it
			r.slots[v] = nil
		}
	}
	return nil
}

// drop forgets what a loose value holds.
func (r *run) drop(v int) {
	r.slots[v] = nil
	if r.charged[v] != 0 {
		r.budget.give(r.charged[v])
		r.charged[v] = 0
	}
}
