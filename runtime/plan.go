package runtime

import (
	"cmp"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// plan is a program for one set of input shapes: what is known is computed, the rest has its place.
type plan struct {
	key    []graph.Type // of the inputs
	infos  []graph.Info
	consts []*tensor.Tensor // per value: known before the run
	todo   []int            // steps to run, in order
	root   []int            // per value: the value whose memory it uses
	offset []int            // per value that is a root in the arena, else -1
	arena  int              // bytes
	output []bool           // per value: its memory is an output's, which the caller owns
	static []bool           // per value: type and shape are known
	dead   [][]int          // per entry of todo: values that nobody reads after it
}

const (
	planConstBytes = 1 << 16 // a value computed while planning is at most so large
	arenaAlign     = 64
)

func (p *program) newPlan(in []*tensor.Tensor, ev *planEval) (*plan, error) {
	n := len(p.values)
	pl := &plan{infos: make([]graph.Info, n), consts: make([]*tensor.Tensor, n), root: make([]int, n),
		offset: make([]int, n), output: make([]bool, n), static: make([]bool, n)}
	given := make([]bool, n)
	for i, v := range p.in {
		t := graph.TypeOf(in[i])
		pl.key = append(pl.key, t)
		pl.infos[v] = graph.Info{Type: t}
		given[v] = true
	}
	for i, v := range p.values {
		pl.root[i], pl.offset[i] = i, -1
		if v.Const != nil {
			pl.setConst(i, v.Const)
		}
	}
	for i := range p.steps {
		known, err := pl.infer(p, &p.steps[i], ev)
		if err != nil {
			return nil, err
		}
		if !known {
			pl.todo = append(pl.todo, i)
		}
	}
	for i, info := range pl.infos {
		pl.static[i] = pl.consts[i] == nil && !given[i] && info.Type.IsStatic() && info.Type.DType.Bits() > 0
	}
	if err := pl.place(p, given); err != nil {
		return nil, err
	}
	return pl, nil
}

func (pl *plan) setConst(i int, t *tensor.Tensor) {
	pl.consts[i] = t
	pl.infos[i] = graph.Info{Type: graph.TypeOf(t), Const: t}
}

// infer finds the types of a step's outputs, and their values if they follow from sizes alone.
func (pl *plan) infer(p *program, s *step, ev *planEval) (known bool, err error) {
	in := make([]graph.Info, len(s.in))
	args := make([]*tensor.Tensor, len(s.in))
	known = len(s.subs) == 0 && !s.n.Op.Random && s.n.Op.Run != nil
	for k, v := range s.in {
		if v >= 0 {
			in[k], args[k] = pl.infos[v], pl.consts[v]
			known = known && args[k] != nil
		}
	}
	if err := takes(s.n, in); err != nil {
		return false, s.n.Wrap(err, nil)
	}
	out, err := graph.InferOutputs(p.reg, s.n, in, func(g *graph.Graph, in []graph.Info) ([]graph.Info, error) {
		return nil, nil // types in branches and bodies are found when they run
	})
	if err != nil {
		return false, err
	}
	all := true
	for k, v := range s.out {
		if v < 0 {
			continue
		}
		pl.infos[v] = out[k]
		if t := pass.IntsTensor(out[k].Type, out[k].Ints); t != nil && !s.n.Op.Random {
			pl.setConst(v, t)
		} else {
			all = false
		}
		shape, ok := out[k].Type.Static()
		size, fits := tensorBytes(out[k].Type.DType, shape)
		known = known && ok && fits && size <= planConstBytes && !out[k].Type.DType.IsContainer()
	}
	if all {
		return true, nil
	}
	if !known {
		return false, nil
	}
	vals, err := pass.Eval(s.n, args, out, ev)
	if err != nil { // the run reports it, if it comes to that
		return false, nil
	}
	for k, v := range s.out {
		if v >= 0 {
			pl.setConst(v, vals[k])
		}
	}
	return true, nil
}

// takes fails when the operator's definition does not allow the element type of an input, or a gap among inputs of one list: kernels rely on it.
func takes(n *graph.Node, in []graph.Info) error {
	if n.Op.Sig == "" && n.Op.Base == nil {
		return nil
	}
	sig := n.Op.Signature()
	for i, x := range in {
		if len(sig.In) == 0 {
			return nil
		}
		d := x.Type.DType
		p := sig.In[min(i, len(sig.In)-1)]
		if p.Variadic && n.In[i] == nil {
			return graph.Invalidf("input %d, one of %s, is missing", i, p.Name)
		}
		if d == tensor.Invalid || d.IsContainer() {
			continue
		}
		ok := true
		if set, is := sig.Types[p.Type]; is {
			ok = slices.ContainsFunc(set, func(t graph.TypeSet) bool { return t.Wrap == "" && t.DType == d })
		} else if want, is := tensor.ParseDType(p.Type); is {
			ok = want == d
		}
		if !ok {
			return graph.Typef("input %d is %s, which %s does not allow", i, d.Short(), p.Name)
		}
		for j := range i { // a type variable stands for one type
			q := sig.In[min(j, len(sig.In)-1)]
			if e := in[j].Type.DType; q.Type == p.Type && !p.Mixed && e != tensor.Invalid && e != d {
				return graph.Typef("inputs %d and %d are %s and %s, want one type", j, i, e.Short(), d.Short())
			}
		}
	}
	return nil
}

// find is the root of a value's memory.
func (pl *plan) find(v int) int {
	for pl.root[v] != v {
		v = pl.root[v]
	}
	return v
}

// inArena reports whether a value has its place in the arena.
func (pl *plan) inArena(v int) bool { return pl.static[v] && pl.offset[pl.find(v)] >= 0 }

// place decides where every value of known size lives: in the memory of another one, in a buffer that becomes an output, or in the arena.
func (pl *plan) place(p *program, given []bool) error {
	last := slices.Clone(p.last)
	isOut := make([]bool, len(p.values))
	for _, v := range p.out {
		isOut[v] = true
	}
	own := func(v int) bool { return v >= 0 && pl.static[v] && !given[v] }
	first := make([]int, len(p.values))
	for _, i := range pl.todo {
		s := &p.steps[i]
		for k, v := range s.out {
			if !own(v) {
				continue
			}
			first[v] = i
			last[v] = max(last[v], i) // an output that nobody reads is written all the same
			pl.output[v] = isOut[v]
			if c := p.carry[v]; isOut[v] && c >= 0 {
				if pl.output[v] = pl.overwrites(s, i, k, v, c, last[c]); pl.output[v] {
					continue
				}
			}
			if k == 0 {
				pl.share(p, s, i, v, last, own)
			}
		}
	}
	var roots []int
	for _, i := range pl.todo {
		for _, v := range p.steps[i].out {
			if own(v) && pl.find(v) == v && !pl.output[v] {
				roots = append(roots, v)
			}
		}
	}
	err := pl.pack(roots, first, last)
	pl.dead = make([][]int, len(pl.todo))
	at := map[int]int{}
	for k, i := range pl.todo {
		at[i] = k
	}
	for v := range p.values {
		if pl.consts[v] != nil || given[v] || pl.static[v] {
			continue
		}
		if k, ok := at[p.last[v]]; ok {
			pl.dead[k] = append(pl.dead[k], v)
		}
	}
	return err
}

// overwrites reports whether v, the next value of the input c, may be written where c lies: nobody reads c later, and the step that makes v, if it
// reads c at all, does so element by element. Otherwise v has a place of its own and is copied when the run is over.
func (pl *plan) overwrites(s *step, at, k, v, c, last int) bool {
	if last < at {
		return true
	}
	if last > at || k > 0 && !s.n.Op.InPlaceAll || !s.n.Op.InPlace || !pl.infos[c].Type.Equal(pl.infos[v].Type) {
		return false
	}
	return !pl.readsOtherwise(s, pl.find(c), c)
}

// share lets output v of a step use the memory of an input: a view of it, or in place of it when nobody reads that later.
func (pl *plan) share(p *program, s *step, at, v int, last []int, own func(int) bool) {
	try := func(u int, view bool) bool {
		if !own(u) {
			return false
		}
		r := pl.find(u)
		if pl.output[v] && pl.hasOutput(p, r) {
			return false // two outputs need two buffers
		}
		if !view && (last[r] > at || !pl.infos[u].Type.Equal(pl.infos[v].Type) || pl.readsOtherwise(s, r, u)) {
			return false
		}
		if pl.output[v] { // the whole class moves into the output's buffer
			pl.root[r] = v
			last[v] = max(last[v], last[r])
		} else {
			pl.root[v] = r
			last[r] = max(last[r], last[v])
		}
		return true
	}
	switch {
	case s.n.Op.View && len(s.in) > 0:
		try(s.in[0], true)
	case s.n.Op.InPlace:
		for _, u := range s.in[min(s.n.Op.InPlaceFrom, len(s.in)):] {
			if u >= 0 && try(u, false) {
				return
			}
		}
	}
}

// readsOtherwise reports whether the step reads the memory r under another shape than that of u, as a broadcast would, or through an input
// whose elements it needs later.
func (pl *plan) readsOtherwise(s *step, r, u int) bool {
	for k, w := range s.in {
		if w >= 0 && pl.find(w) == r && (k < s.n.Op.InPlaceFrom || !pl.infos[w].Type.Equal(pl.infos[u].Type)) {
			return true
		}
	}
	return false
}

// hasOutput reports whether the memory r is that of an output.
func (pl *plan) hasOutput(p *program, r int) bool {
	for _, v := range p.out {
		if pl.static[v] && pl.find(v) == r {
			return true
		}
	}
	return false
}

// pack gives every root an offset such that no two that live at once overlap: largest first, each at the lowest place that is free.
func (pl *plan) pack(roots, first, last []int) error {
	size := func(v int) int {
		shape, _ := pl.infos[v].Type.Static()
		n, _ := tensorBytes(pl.infos[v].Type.DType, shape)
		return (n + arenaAlign - 1) &^ (arenaAlign - 1)
	}
	for _, v := range roots {
		shape, _ := pl.infos[v].Type.Static()
		if n, ok := tensorBytes(pl.infos[v].Type.DType, shape); !ok || n > 1<<46 {
			return graph.Limitf("value of %s", pl.infos[v].Type)
		}
	}
	order := slices.Clone(roots)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(size(b), size(a)) })
	var placed []int // by offset
	for _, v := range order {
		at := 0
		for _, u := range placed {
			if first[u] > last[v] || last[u] < first[v] {
				continue
			}
			if pl.offset[u]-at >= size(v) {
				break
			}
			at = max(at, pl.offset[u]+size(u))
		}
		pl.offset[v] = at
		pl.arena = max(pl.arena, at+size(v))
		k, _ := slices.BinarySearchFunc(placed, at, func(u, at int) int { return cmp.Compare(pl.offset[u], at) })
		placed = slices.Insert(placed, k, v)
	}
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
