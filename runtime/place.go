package runtime

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// memory is what a run works in. Runs of a session that do not run at once share it, whatever their sizes.
type memory struct {
	arena   []byte
	scratch []byte
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
	r := &run{s: s, p: p, pl: pl, parent: parent, budget: b, slots: make([]*tensor.Tensor, n), preset: make([]*tensor.Tensor, n),
		bound: make([]*tensor.Tensor, len(p.out)), charged: make([]int, n)}
	r.stop = func() bool {
		select {
		case <-r.done:
			return true
		default:
			return false
		}
	}
	copy(r.slots, pl.consts)
	for v := range p.values {
		if pl.consts[v] == nil && !pl.static[v] && !r.isInput(v) {
			r.loose = append(r.loose, v)
		}
	}
	r.nodes = make([]node, len(pl.todo))
	for k, i := range pl.todo {
		st := &p.steps[i]
		x := node{step: st, run: st.n.Op.Run, ctx: graph.NewCtx(st.n, r), dead: pl.dead[k], fixed: len(st.subs) == 0}
		if x.run == nil {
			x.run = func(*graph.Ctx) error { return graph.Unsupportedf("operator %s has no kernel", st.n.Op) }
		}
		for _, v := range st.in {
			x.varies = x.varies || v >= 0 && pl.consts[v] == nil && !pl.static[v] && !r.isInput(v)
			x.fixed = x.fixed && (v < 0 || pl.consts[v] != nil || pl.inArena(v))
		}
		for _, v := range st.out {
			x.fixed = x.fixed && (v < 0 || pl.inArena(v))
		}
		r.nodes[k] = x
	}
	return r, nil
}

// use places the run in mem, which it makes larger where it must.
func (r *run) use(mem *memory) error {
	if len(mem.arena) < r.pl.arena {
		size := r.pl.arena
		if len(mem.arena) > 0 {
			size += size / 8 // sizes that grow from run to run should not ask for memory each time
		}
		mem.arena = tensor.Align(size)
	}
	placed := r.mem != nil && unsafe.SliceData(r.arena) == unsafe.SliceData(mem.arena)
	r.mem, r.arena = mem, mem.arena
	if placed {
		return nil
	}
	for v := range r.p.values {
		if r.pl.inArena(v) {
			if err := r.view(v, mem.arena[r.pl.offset[r.pl.find(v)]:]); err != nil {
				return err
			}
		}
	}
	for k := range r.nodes {
		if x := &r.nodes[k]; x.fixed {
			if err := r.give(x); err != nil {
				return err
			}
		}
	}
	return nil
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

// results hands the outputs over: in the caller's buffers where these fit.
func (r *run) results(out []*tensor.Tensor) error {
	var own []int // outputs in memory of their own, whose sizes were not known before
	for i, v := range r.p.out {
		t := r.slots[v]
		if t == nil {
			return fmt.Errorf("output %q was not computed", r.p.values[v].Name)
		}
		bound := r.pl.static[v] && r.pl.output[v] && r.pl.find(v) == v && r.bound[i] == t
		switch {
		case out[i] == t: // it is there, or state that stays as it is
		case bound, r.pl.consts[v] != nil, r.pl.static[v], r.isInput(v): // the same value is an output twice, or memory is not the caller's to keep
			if !fill(out[i], t) {
				out[i] = t.Clone()
			}
		default:
			own = append(own, i)
		}
	}
	// Now that nothing else is read of the inputs, whose buffers may be among those of outputs.
	for k, i := range own {
		t := r.slots[r.p.out[i]]
		for _, j := range own[k+1:] {
			if u := r.slots[r.p.out[j]]; u != t && out[i] != nil && overlap(out[i], u) {
				r.slots[r.p.out[j]] = u.Clone()
			}
		}
		if fill(out[i], t) {
			continue
		}
		for j, o := range out {
			if j != i && o != nil && (o == t || overlap(o, t)) { // each output is the caller's to write
				t = t.Clone()
				break
			}
		}
		out[i] = t
	}
	return nil
}

// fill copies t into the caller's buffer, if it has the type and the shape.
func fill(buffer, t *tensor.Tensor) bool {
	if buffer == nil || buffer.DType() != t.DType() || !buffer.Shape().Equal(t.Shape()) || t.DType().Bits() == 0 {
		return false
	}
	copy(buffer.Bytes(), t.Bytes())
	return true
}

func overlap(a, b *tensor.Tensor) bool {
	return inside(a.Bytes(), b.Bytes()) || inside(b.Bytes(), a.Bytes())
}

func (r *run) isInput(v int) bool { return slices.Contains(r.p.in, v) }

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
