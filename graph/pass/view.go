package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// A view is a value seen in the memory of another one, its base: Transpose, Reshape, Split, Gather of one index and their like only name the
// same elements in another way. The memory is cut into atoms, such that every axis of the value is a list of whole atoms.
type view struct {
	base  *graph.Value
	atoms []*atom   // of the memory, outermost first
	axes  [][]*atom // of the value, each from the outermost to the innermost
}

// atom is a range of indices.
type atom struct {
	size   graph.Dim
	fixed  int  // the only index that the value has, or -1
	repeat bool // stands for copies of the same memory, as Expand makes them
}

func wholeView(v *graph.Value) *view {
	w := &view{base: v}
	for _, d := range v.Type.Shape {
		a := &atom{size: d, fixed: -1}
		w.atoms, w.axes = append(w.atoms, a), append(w.axes, []*atom{a})
	}
	return w
}

// viewed finds the farthest value in whose memory v lies such that accept agrees with the view, and nil when it accepts none, not even v itself.
// Products with constant numbers on the way are left out of the view: their product is factor.
func viewed(v *graph.Value, accept func(*view) bool) (w *view, factor float64) {
	type step struct {
		node *graph.Node
		out  *graph.Value
		base *graph.Value
		mul  float64
	}
	var chain []step
	for x := v; x.Def != nil && x.Type.Ranked; {
		s := step{node: x.Def, out: x, mul: 1}
		if from, f := scaled(x); from != nil {
			s.node, s.base, s.mul = nil, from, f
		} else if s.base = viewInput(x.Def); s.base == nil {
			break
		}
		if !s.base.Type.Ranked {
			break
		}
		chain = append(chain, s)
		x = s.base
	}
	for n := len(chain); n >= 0; n-- {
		base, factor := v, 1.
		if n > 0 {
			base = chain[n-1].base
		}
		w, ok := wholeView(base), true
		for i := n - 1; i >= 0 && ok; i-- {
			s := chain[i]
			factor *= s.mul
			ok = s.node == nil || w.apply(s.node, s.out)
		}
		if ok && accept(w) {
			return w, factor
		}
	}
	return nil, 1
}

// scaled is x and f when v is x·f or x/(1/f) for a constant number that keeps the shape, else nil.
func scaled(v *graph.Value) (x *graph.Value, f float64) {
	n := v.Def
	if n == nil || n.Op.Domain != "" || n.Op.Name != "Mul" && n.Op.Name != "Div" || n.In[0] == nil || n.In[1] == nil {
		return nil, 0
	}
	x, c := n.In[0], n.In[1]
	if n.Op.Name == "Mul" && isScalar(x) {
		x, c = c, x
	}
	if !isScalar(c) || !v.Type.Ranked || len(x.Type.Shape) != len(v.Type.Shape) {
		return nil, 0
	}
	if f = c.Const.Float(0); n.Op.Name == "Div" {
		f = 1 / f
	}
	return x, f
}

// viewInput is the value that a node views, or nil.
func viewInput(n *graph.Node) *graph.Value {
	if n.Op.Domain != "" {
		return nil
	}
	switch n.Op.Name {
	case "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Gather", "Split", "Slice":
		return n.In[0]
	}
	return nil
}

// apply makes w, a view of n's first input, one of its output out. It fails when that is none, or when sizes are not known well enough.
func (w *view) apply(n *graph.Node, out *graph.Value) bool {
	if !out.Type.Ranked {
		return false
	}
	switch n.Op.Name {
	case "Transpose":
		perm, axes := n.Ints("perm"), slices.Clone(w.axes)
		for i := range axes {
			from := len(axes) - 1 - i
			if perm != nil {
				from = int(perm[i])
			}
			w.axes[i] = axes[from]
		}
		return true
	case "Reshape", "Flatten", "Squeeze", "Unsqueeze":
		return w.reshape(out.Type.Shape)
	case "Expand":
		return w.expand(out.Type.Shape)
	case "Gather":
		return w.gather(n)
	case "Split":
		return w.split(n, out)
	case "Slice":
		return w.slice(n, out)
	}
	return false
}

// reshape gives w the axes of shape.
func (w *view) reshape(shape []graph.Dim) bool {
	rest := slices.Concat(w.axes...)
	axes := make([][]*atom, len(shape))
	for i, want := range shape {
		for !want.Is(1) {
			for len(rest) > 0 && rest[0].size.Is(1) {
				rest = rest[1:]
			}
			if len(rest) == 0 {
				return false
			}
			a := rest[0]
			if a.size.Equal(want) {
				axes[i], rest = append(axes[i], a), rest[1:]
				break
			}
			if q, ok := quotient(want, a.size); ok {
				axes[i], rest, want = append(axes[i], a), rest[1:], q
				continue
			}
			q, ok := quotient(a.size, want)
			if !ok {
				return false
			}
			inner := w.cut(a, want, q)
			rest[0] = inner
			axes[i] = append(axes[i], a)
			break
		}
	}
	w.axes = axes
	return !slices.ContainsFunc(rest, func(a *atom) bool { return !a.size.Is(1) })
}

// quotient is a/b, when it leaves no rest for certain.
func quotient(a, b graph.Dim) (graph.Dim, bool) {
	if b.Is(0) || !a.Known() || !b.Known() {
		return graph.Dim{}, false
	}
	q := a.Div(b)
	return q, !q.Is(0) && q.Mul(b).Equal(a)
}

// cut makes a the outer of two atoms, and returns the inner one. An axis may hold a only as its last atom, or must be rewritten by the caller.
func (w *view) cut(a *atom, outer, inner graph.Dim) *atom {
	b := &atom{size: inner, fixed: -1, repeat: a.repeat}
	a.size = outer
	if i := slices.Index(w.atoms, a); i >= 0 {
		w.atoms = slices.Insert(w.atoms, i+1, b)
	}
	return b
}

func (w *view) expand(shape []graph.Dim) bool {
	axes := make([][]*atom, len(shape))
	for i, d := range shape {
		from := i - len(shape) + len(w.axes)
		if from < 0 {
			axes[i] = []*atom{{size: d, fixed: -1, repeat: true}}
			continue
		}
		axes[i] = w.axes[from]
		if size := axisSize(axes[i]); !size.Equal(d) {
			if !size.Is(1) {
				return false
			}
			axes[i] = []*atom{{size: d, fixed: -1, repeat: true}}
		}
	}
	w.axes = axes
	return true
}

func axisSize(axis []*atom) graph.Dim {
	n := graph.Size(1)
	for _, a := range axis {
		n = n.Mul(a.size)
	}
	return n
}

// gather is for one constant index, which removes the axis.
func (w *view) gather(n *graph.Node) bool {
	c := n.In[1].Const
	axis, err := graph.Axis(n.Int("axis"), len(w.axes))
	if err != nil || c == nil || c.Rank() != 0 || !c.DType().IsInt() {
		return false
	}
	if !w.piece(axis, int(c.Float(0)), 1) {
		return false
	}
	w.axes = slices.Delete(w.axes, axis, axis+1)
	return true
}

func (w *view) split(n *graph.Node, out *graph.Value) bool {
	axis, err := graph.Axis(n.Int("axis"), len(w.axes))
	if err != nil {
		return false
	}
	start := 0
	for i, v := range n.Out {
		if v == out {
			size, ok := v.Type.Shape[axis].Int()
			if !ok {
				return false
			}
			return w.piece(axis, start, size)
		}
		size := 0
		if n.Has(1) {
			if c := n.In[1].Const; c == nil || i >= c.Len() {
				return false
			}
			size = int(n.In[1].Const.Float(i))
		} else if size, _ = out.Type.Shape[axis].Int(); n.Wants(len(n.Out) - 1) { // equal parts but for the last
			if last, ok := n.Out[len(n.Out)-1].Type.Shape[axis].Int(); !ok || last != size {
				return false
			}
		}
		start += size
	}
	return false
}

func (w *view) slice(n *graph.Node, out *graph.Value) bool {
	ints := func(i, fill int) ([]int, bool) {
		if !n.Has(i) {
			return []int{fill}, true
		}
		c := n.In[i].Const
		if c == nil || c.Len() != 1 {
			return nil, false
		}
		return []int{int(c.Float(0))}, true
	}
	start, ok1 := ints(1, 0)
	axes, ok2 := ints(3, 0)
	step, ok3 := ints(4, 1)
	if !ok1 || !ok2 || !ok3 || step[0] != 1 {
		return false
	}
	axis, err := graph.Axis(axes[0], len(w.axes))
	if err != nil {
		return false
	}
	whole, ok1 := axisSize(w.axes[axis]).Int()
	size, ok2 := out.Type.Shape[axis].Int()
	if start[0] < 0 {
		start[0] = max(start[0]+whole, 0)
	}
	return ok1 && ok2 && w.piece(axis, start[0], size)
}

// piece narrows an axis to size indices from start on, when that is one of several equal parts; a negative start counts from the end.
func (w *view) piece(axis, start, size int) bool {
	atoms := slices.DeleteFunc(slices.Clone(w.axes[axis]), func(a *atom) bool { return a.size.Is(1) })
	whole, ok := axisSize(atoms).Int()
	if start < 0 {
		start += whole
	}
	switch {
	case !ok || size <= 0 || start < 0 || start > whole-size:
		return false
	case size == whole:
		return true
	case len(atoms) != 1 || atoms[0].repeat || whole%size != 0 || start%size != 0:
		return false
	}
	inner := w.cut(atoms[0], graph.Size(whole/size), graph.Size(size))
	atoms[0].fixed = start / size
	w.axes[axis] = []*atom{inner}
	return true
}
