package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

func transposeGrad(r rule) *graph.Value {
	perm := r.n.Ints("perm")
	if perm == nil { // the reverse order is its own inverse
		return r.Op("Transpose", r.g(0))
	}
	inverse := make([]int64, len(perm))
	for i, p := range perm {
		inverse[p] = int64(i)
	}
	return r.Op("Transpose", r.g(0), graph.Ints("perm", inverse...))
}

// concatGrad cuts the gradient where the inputs met.
func concatGrad(r rule) []*graph.Value {
	axis, err := graph.Axis(r.n.Int("axis"), r.rank(r.x(0)))
	if err != nil {
		r.Fail(err)
		return nil
	}
	sizes := make([]graph.Arg, 0, len(r.n.In)+1)
	for _, v := range r.n.In {
		sizes = append(sizes, r.extent(v, axis))
	}
	split := r.Op("Concat", append(sizes, graph.Int("axis", 0))...)
	return r.OpN(len(r.n.In), "Split", r.g(0), split, graph.Int("axis", axis))
}

// extent is the extent of an axis, as a tensor of one element.
func (r rule) extent(v *graph.Value, axis int) *graph.Value {
	if v.Type.Ranked && v.Type.Shape[axis].IsInt() {
		n, _ := v.Type.Shape[axis].Int()
		return r.Ints(n)
	}
	return r.Op("Shape", v, graph.Int("start", axis), graph.Int("end", axis+1))
}

// splitGrad joins the gradients of the parts, zeros where a part has none. A part that nobody read has no value, so the forward pass makes it.
func splitGrad(r rule) *graph.Value {
	var parts []graph.Arg
	for i := range r.n.Out {
		if r.has(i) {
			parts = append(parts, r.g(i))
		} else {
			parts = append(parts, r.ZerosLike(r.want(i)))
		}
	}
	return r.Op("Concat", append(parts, graph.Int("axis", r.n.Int("axis")))...)
}

// sliceGrad of constant bounds with steps of 1 is a border of zeros, else what moved does.
func sliceGrad(r rule) *graph.Value {
	if pads := slicePads(r.n); pads != nil {
		return r.Op("Pad", r.g(0), r.Ints(pads...))
	}
	return movedGrad(r)
}

// slicePads are the elements that a slice leaves out before and behind each axis, nil when they are not known or steps are not 1.
func slicePads(n *graph.Node) []int {
	x, ok := n.In[0].Type.Static()
	y, okY := n.Out[0].Type.Static()
	starts := n.In[1].Const
	if !ok || !okY || starts == nil || n.Has(3) && n.In[3].Const == nil || n.Has(4) && n.In[4].Const == nil {
		return nil
	}
	pads := make([]int, 2*len(x))
	for i := range starts.Len() {
		axis := i
		if n.Has(3) {
			axis = int(n.In[3].Const.Float(i))
		}
		axis, err := graph.Axis(axis, len(x))
		if err != nil || n.Has(4) && n.In[4].Const.Float(i) != 1 {
			return nil
		}
		at := int(starts.Float(i))
		if at < 0 {
			at = max(at+x[axis], 0)
		}
		at = min(at, x[axis])
		pads[axis], pads[len(x)+axis] = at, x[axis]-at-y[axis]
	}
	return pads
}

// movedGrad is the gradient of any operator that only picks elements of input 0: the operator picks from the elements' numbers 0, 1, 2, … in their place, which
// says to where each part of the gradient belongs.
func movedGrad(r rule) *graph.Value {
	x := r.x(0)
	size := r.Op("Size", x)
	numbers := r.Op("Reshape", r.Op("Range", r.Scalar(7, 0), size, r.Scalar(7, 1)), r.shape(x), graph.Int("allowzero", 1))
	args := []graph.Arg{numbers}
	for _, v := range r.n.In[1:] {
		args = append(args, v)
	}
	for _, a := range r.n.Attrs {
		args = append(args, a)
	}
	from := r.Op(r.n.Op.Name, args...)
	zeros := r.Op("Expand", r.num(0), r.Op("Reshape", size, r.Ints(1)))
	flat := r.Op("ScatterElements", zeros, r.Op("Reshape", from, r.Ints(-1)), r.Op("Reshape", r.g(0), r.Ints(-1)), graph.Str("reduction", "add"))
	return r.like(flat, x)
}

// put is zeros with the slices of g along an axis, whose new extent is n, at the given places. Slices at one place add up.
func (r rule) put(g, places *graph.Value, axis int, n *graph.Value) *graph.Value {
	rank := r.rank(g)
	front := make([]int64, 0, rank)
	front = append(front, int64(axis))
	for i := range rank {
		if i != axis {
			front = append(front, int64(i))
		}
	}
	moved := g
	if axis != 0 {
		moved = r.Op("Transpose", g, graph.Ints("perm", front...))
	}
	rest := r.Op("Shape", moved, graph.Int("start", 1))
	zeros := r.Op("Expand", r.Scalar(g.Type.DType, 0), r.Op("Concat", n, rest, graph.Int("axis", 0)))
	out := r.Op("ScatterND", zeros, r.Op("Unsqueeze", places, r.Ints(-1)), moved, graph.Str("reduction", "add"))
	if axis != 0 {
		back := make([]int64, rank)
		for i, p := range front {
			back[p] = int64(i)
		}
		out = r.Op("Transpose", out, graph.Ints("perm", back...))
	}
	return out
}

// gatherGrad adds the gradient of each slice to the place that it came from.
func gatherGrad(r rule) *graph.Value {
	x, ind := r.x(0), r.x(1)
	axis, err := graph.Axis(r.n.Int("axis"), r.rank(x))
	if err != nil {
		r.Fail(err)
		return nil
	}
	g := r.g(0)
	flat := r.Op("Cast", r.Op("Reshape", ind, r.Ints(-1)), graph.Int("to", 7))
	if rank := r.rank(ind); rank != 1 { // the axes of the indices stand for one
		shape := []graph.Arg{}
		if axis > 0 {
			shape = append(shape, r.Op("Shape", x, graph.Int("end", axis)))
		}
		shape = append(shape, r.Op("Reshape", r.Op("Size", ind), r.Ints(1)))
		if axis < r.rank(x)-1 {
			shape = append(shape, r.Op("Shape", x, graph.Int("start", axis+1)))
		}
		g = r.Op("Reshape", g, r.Op("Concat", append(shape, graph.Int("axis", 0))...), graph.Int("allowzero", 1))
	}
	return r.put(g, flat, axis, r.extent(x, axis))
}

func gatherElementsGrad(r rule) *graph.Value {
	return r.Op("ScatterElements", r.ZerosLike(r.x(0)), r.x(1), r.g(0), graph.Int("axis", r.n.Int("axis")), graph.Str("reduction", "add"))
}

// castGrad: numbers change their type, not their meaning.
func castGrad(r rule) *graph.Value {
	return r.Op("Cast", r.g(0), graph.Int("to", int(r.x(0).Type.DType)))
}

func whereGrad(r rule) []*graph.Value {
	zero := r.Scalar(r.x(1).Type.DType, 0)
	return []*graph.Value{nil, r.where(r.x(0), r.g(0), zero), r.where(r.x(0), zero, r.g(0))}
}

// powGrad: of xᵃ, a·xᵃ⁻¹ (zero for a = 0) and xᵃ·ln x (zero for x ≤ 0).
func powGrad(r rule) []*graph.Value {
	x, a := r.x(0), r.x(1)
	if a.Type.DType != x.Type.DType {
		a = r.Op("CastLike", a, x)
	}
	base := r.where(r.Op("Equal", a, r.num(0)), r.num(0), r.mul(a, r.Op("Pow", x, r.sub(a, r.num(1)))))
	positive := r.greater(x, r.num(0))
	exponent := r.when(positive, r.mul(r.y(0), r.Op("Log", r.where(positive, x, r.num(1)))))
	return []*graph.Value{r.mul(r.g(0), base), r.mul(r.g(0), exponent)}
}

// clipGrad passes the gradient strictly between the bounds.
func clipGrad(r rule) *graph.Value {
	g := r.g(0)
	if lo := r.input(1); lo != nil {
		g = r.when(r.greater(r.x(0), lo), g)
	}
	if hi := r.input(2); hi != nil {
		g = r.when(r.less(r.x(0), hi), g)
	}
	return g
}

// shareGrad: of the largest or smallest of several, the gradient goes in equal parts to those that are it.
func shareGrad(r rule) []*graph.Value {
	is := make([]*graph.Value, len(r.n.In))
	var count *graph.Value
	for i, v := range r.n.In {
		is[i] = r.Op("Cast", r.Op("Equal", v, r.y(0)), graph.Int("to", int(v.Type.DType)))
		if count == nil {
			count = is[i]
		} else {
			count = r.add(count, is[i])
		}
	}
	share := r.div(r.g(0), count)
	out := slices.Clone(is)
	for i := range out {
		out[i] = r.mul(share, is[i])
	}
	return out
}
