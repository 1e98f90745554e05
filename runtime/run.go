package runtime

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
	"unsafe"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/pool"
)

// run is all that one execution owns: arena, contexts, scratch, and the runs of graphs inside nodes. It serves one goroutine at a time.
type run struct {
	s      *Session
	p      *program
	pl     *plan
	parent *run
	ctx    context.Context
	budget *budget

	arena   []byte
	slots   []*tensor.Tensor // per value, what it is now
	preset  []*tensor.Tensor // per value in the arena or in an output's buffer
	bound   []*tensor.Tensor // per output, the buffer that preset points into
	ctxs    []*graph.Ctx     // per entry of plan.todo
	charged []int            // per value, bytes taken from the budget
	charge  int              // bytes taken by the node that runs
	scratch []byte
	used    int // of scratch
	cur     *step
	calls   int64 // of graphs inside the node that runs
	subs    map[*graph.Graph][]*run
	stop    func() bool
}

func newRun(s *Session, p *program, parent *run, b *budget, in []*tensor.Tensor) (*run, error) {
	pl, err := p.newPlan(in, &planEval{b: b})
	if err != nil {
		return nil, err
	}
	if err := b.take(pl.arena); err != nil {
		return nil, err
	}
	n := len(p.values)
	r := &run{s: s, p: p, pl: pl, parent: parent, budget: b, arena: tensor.Align(pl.arena), slots: make([]*tensor.Tensor, n),
		preset: make([]*tensor.Tensor, n), bound: make([]*tensor.Tensor, len(p.out)), charged: make([]int, n)}
	r.stop = func() bool { return r.ctx.Err() != nil }
	for v := range p.values {
		r.slots[v] = pl.consts[v]
		if root := pl.find(v); pl.static[v] && pl.offset[root] >= 0 {
			if err := r.view(v, r.arena[pl.offset[root]:]); err != nil {
				return nil, err
			}
		}
	}
	for _, i := range pl.todo {
		r.ctxs = append(r.ctxs, graph.NewCtx(p.steps[i].n, r))
	}
	return r, nil
}

// view sets the place of a value of static type.
func (r *run) view(v int, mem []byte) error {
	shape, _ := r.pl.infos[v].Type.Static()
	d := r.pl.infos[v].Type.DType
	size, _ := tensorBytes(d, shape)
	t, err := tensor.FromBytes(d, mem[:size:size], shape...)
	if err != nil {
		return err
	}
	r.preset[v], r.slots[v] = t, t
	return nil
}

func (pl *plan) matches(in []*tensor.Tensor) bool {
	for i, k := range pl.key {
		t := in[i]
		if t.DType() != k.DType || !t.DType().IsContainer() && t.Rank() != len(k.Shape) {
			return false
		}
		if t.DType().IsContainer() { // what a sequence of one element holds is part of the plan
			if !k.Equal(graph.TypeOf(t)) {
				return false
			}
			continue
		}
		for a, d := range k.Shape {
			if !d.Is(t.Dim(a)) {
				return false
			}
		}
	}
	return true
}

// run computes out from in: formal inputs, then captured values.
func (r *run) run(in, out []*tensor.Tensor) (err error) {
	for i, v := range r.p.in {
		r.slots[v] = in[i]
	}
	if err := r.bind(out); err != nil {
		return err
	}
	old := debug.SetPanicOnFault(true) // a weight file that is cut short while it is mapped must not end the process
	defer debug.SetPanicOnFault(old)
	for k := range r.pl.todo {
		if err = r.step(k); err != nil {
			break
		}
	}
	if err == nil {
		err = r.results(out)
	}
	for _, v := range r.p.in {
		r.slots[v] = nil
	}
	for v, c := range r.charged { // what data-dependent values still hold
		if c != 0 {
			r.budget.give(c)
			r.charged[v] = 0
		}
		if r.pl.consts[v] == nil && !r.pl.static[v] {
			r.slots[v] = nil
		}
	}
	return err
}

// bind lets the values that live in outputs' buffers point into the caller's, or into fresh ones.
func (r *run) bind(out []*tensor.Tensor) error {
	for i, v := range r.p.out {
		if !r.pl.static[v] || !r.pl.output[v] || r.pl.find(v) != v {
			continue
		}
		t := out[i]
		if t != nil && t == r.bound[i] {
			continue
		}
		info := r.pl.infos[v].Type
		if t == nil || !info.Equal(graph.TypeOf(t)) {
			shape, _ := info.Static()
			var err error
			if t, err = r.fresh(info.DType, shape); err != nil {
				return err
			}
			out[i] = t
		}
		r.bound[i] = t
		for u := range r.p.values {
			if r.pl.static[u] && r.pl.find(u) == v {
				if err := r.view(u, t.Bytes()); err != nil {
					return err
				}
			}
		}
		r.preset[v], r.slots[v] = t, t
	}
	return nil
}

// fresh is a tensor for the caller: within the limit, but not held against the run's memory once it is handed over.
func (r *run) fresh(d tensor.DType, shape []int) (*tensor.Tensor, error) {
	size, ok := tensorBytes(d, shape)
	if !ok {
		return nil, graph.Limitf("output of %s%v", d.Short(), tensor.Shape(shape))
	}
	if err := r.budget.take(size); err != nil {
		return nil, err
	}
	r.budget.give(size)
	return tensor.New(d, shape...)
}

// results hands the outputs over.
func (r *run) results(out []*tensor.Tensor) error {
	for i, v := range r.p.out {
		t := r.slots[v]
		if t == nil {
			return fmt.Errorf("output %q was not computed", r.p.values[v].Name)
		}
		if r.pl.static[v] && r.pl.output[v] && r.pl.find(v) == v && r.bound[i] == t {
			if out[i] != t { // the same value is an output twice
				out[i] = t.Clone()
			}
			continue
		}
		if r.pl.consts[v] != nil || r.pl.static[v] || r.isInput(v) { // memory that is not the caller's to keep
			if o := out[i]; o != nil && o != t && o.DType() == t.DType() && o.Shape().Equal(t.Shape()) && t.DType().Bits() > 0 {
				copy(o.Bytes(), t.Bytes())
				continue
			}
			out[i] = t.Clone()
			continue
		}
		for _, o := range out[:i] {
			if o == t || inside(t.Bytes(), o.Bytes()) || inside(o.Bytes(), t.Bytes()) { // each output is the caller's to write
				t = t.Clone()
				break
			}
		}
		out[i] = t
	}
	return nil
}

func (r *run) isInput(v int) bool {
	for _, u := range r.p.in {
		if u == v {
			return true
		}
	}
	return false
}

// step runs one node.
func (r *run) step(k int) error {
	s := &r.p.steps[r.pl.todo[k]]
	c := r.ctxs[k]
	if err := r.ctx.Err(); err != nil {
		return r.stopError(err)
	}
	r.cur, r.used, r.charge, r.calls = s, 0, 0, 0
	c.Begin(r)
	for j, v := range s.in {
		if v >= 0 {
			c.In[j] = r.slots[v]
		}
	}
	dynamic := false
	for j, v := range s.out {
		if v >= 0 {
			c.Out[j] = r.preset[v]
			dynamic = dynamic || c.Out[j] == nil
		}
	}
	if dynamic {
		if err := r.allocate(s, c); err != nil {
			return s.n.Wrap(err, r.types(c))
		}
	}
	var start time.Time
	if r.s.opts.profile != nil {
		start = time.Now()
	}
	if err := r.kernel(s, c); err != nil {
		return s.n.Wrap(err, r.types(c))
	}
	if r.s.opts.profile != nil {
		r.s.opts.profile(Event{Node: s.n, Start: start, Took: time.Since(start), In: c.In, Out: c.Out})
	}
	if err := r.ctx.Err(); err != nil { // a kernel that was stopped leaves its outputs unfinished
		return r.stopError(err)
	}
	if err := r.keep(s, c); err != nil {
		return s.n.Wrap(err, r.types(c))
	}
	for _, v := range r.pl.dead[k] {
		r.slots[v] = nil
		if r.charged[v] != 0 {
			r.budget.give(r.charged[v])
			r.charged[v] = 0
		}
	}
	return nil
}

func (r *run) stopError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("deadline: %w", err)
	}
	return err
}

func (r *run) types(c *graph.Ctx) []graph.Type {
	out := make([]graph.Type, len(c.In))
	for i, t := range c.In {
		out[i] = graph.TypeOf(t)
	}
	return out
}

// allocate makes the outputs of a node whose inputs are known only now.
func (r *run) allocate(s *step, c *graph.Ctx) error {
	c.Memo = nil
	in := make([]graph.Info, len(c.In))
	for i, t := range c.In {
		if t != nil {
			in[i] = graph.Info{Type: graph.TypeOf(t), Const: t}
		}
	}
	if err := takes(s.n, in); err != nil {
		return err
	}
	out, err := graph.InferOutputs(r.p.reg, s.n, in, func(*graph.Graph, []graph.Info) ([]graph.Info, error) { return nil, nil })
	if err != nil {
		return err
	}
	for j, v := range s.out {
		if v < 0 || c.Out[j] != nil {
			continue
		}
		if shape, ok := out[j].Type.Static(); ok && !out[j].Type.DType.IsContainer() && out[j].Type.DType.Valid() {
			if c.Out[j], err = r.Alloc(out[j].Type.DType, shape); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) kernel(s *step, c *graph.Ctx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the kernel failed: %v", p)
		}
	}()
	if s.n.Op.Run == nil {
		return graph.Unsupportedf("operator %s has no kernel", s.n.Op)
	}
	return s.n.Op.Run(c)
}

// keep puts the node's outputs where their readers find them.
func (r *run) keep(s *step, c *graph.Ctx) error {
	first := true
	for j, v := range s.out {
		if v < 0 {
			continue
		}
		t := c.Out[j]
		if t == nil {
			return fmt.Errorf("output %d was not computed", j)
		}
		if p := r.preset[v]; p != nil {
			if t != p { // a graph inside the node made it: its readers look at the planned place
				if t.DType() != p.DType() || !t.Shape().Equal(p.Shape()) {
					return graph.Shapef("output %d is %s, planned was %s", j, t, p)
				}
				copy(p.Bytes(), t.Bytes())
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

// escape copies what lies in the arena, or in the arena of a run around this one, and would be overwritten while somebody still holds it.
func (r *run) escape(t *tensor.Tensor) *tensor.Tensor {
	if t.DType().IsContainer() {
		var elems []*tensor.Tensor
		for i, e := range t.Elems() {
			if e == nil {
				continue
			}
			if k := r.escape(e); k != e {
				if elems == nil {
					elems = append([]*tensor.Tensor{}, t.Elems()...)
				}
				elems[i] = k
			}
		}
		if elems == nil {
			return t
		}
		return tensor.Must(tensor.OfElems(t.DType(), elems...))
	}
	for x := r; x != nil; x = x.parent {
		if inside(t.Bytes(), x.arena) {
			return t.Clone()
		}
		for _, b := range x.bound {
			if b != nil && inside(t.Bytes(), b.Bytes()) {
				return t.Clone()
			}
		}
	}
	return t
}

func inside(b, mem []byte) bool {
	if len(b) == 0 || len(mem) == 0 {
		return false
	}
	p, lo := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(unsafe.SliceData(mem)))
	return p >= lo && p < lo+uintptr(len(mem))
}

// Alloc, Scratch and the other methods of graph.Exec serve the node that runs.
func (r *run) Alloc(d tensor.DType, shape []int) (*tensor.Tensor, error) {
	size, ok := tensorBytes(d, shape)
	if !ok {
		return nil, graph.Limitf("tensor of %s%v", d.Short(), tensor.Shape(shape))
	}
	if err := r.Charge(size); err != nil {
		return nil, err
	}
	return tensor.New(d, shape...)
}

func (r *run) Charge(n int) error {
	if err := r.budget.take(n); err != nil {
		return err
	}
	r.charge += n
	return nil
}

func (r *run) Scratch(n int) ([]byte, error) {
	need := (n + arenaAlign - 1) &^ (arenaAlign - 1)
	if n < 0 || need < n {
		return nil, graph.Limitf("scratch of %d bytes", n)
	}
	if r.used+need > len(r.scratch) {
		grow := r.used + need
		if err := r.budget.take(grow - len(r.scratch)); err != nil {
			return nil, err
		}
		r.scratch = tensor.Align(grow) // pieces handed out before keep the old one
	}
	b := r.scratch[r.used : r.used+n : r.used+n]
	r.used += need
	return b, nil
}

func (r *run) Workers() int { return r.s.opts.threads }

func (r *run) Stopped() error {
	if err := r.ctx.Err(); err != nil {
		return r.stopError(err)
	}
	return nil
}

func (r *run) Seed() uint64 { return r.s.seed.Add(0x9e3779b97f4a7c15) }

func (r *run) Parallel(t graph.Task, n, grain int) {
	pool.Run(t, n, grain, r.s.opts.threads, r.stop)
}
