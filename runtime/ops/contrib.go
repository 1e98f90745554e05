package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// contribOp is an operator of ONNX Runtime's own domain, which its optimizer and its tools write into files:
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md. Each is a formula of the standard's operators, so that passes fuse them
// as if the file had never been optimized, gradients follow, and a file that nothing changed is written again as it was.
func contribOp(name, sig string, formula func(c contrib) []*graph.Value) []*graph.Op {
	return family(&graph.Op{Domain: "com.microsoft", Name: name, Since: 1, Sig: sig, Expand: contribExpand(formula)})
}

func contribExpand(formula func(c contrib) []*graph.Value) func(*graph.Builder, *graph.Node) []*graph.Value {
	return func(b *graph.Builder, n *graph.Node) []*graph.Value { return formula(contrib{attnBuilder{b, n}}) }
}

// single is a formula with one result.
func single(formula func(c contrib) *graph.Value) func(c contrib) []*graph.Value {
	return func(c contrib) []*graph.Value { return []*graph.Value{formula(c)} }
}

// contrib builds the expansion of one node.
type contrib struct{ attnBuilder }

// in is input i, nil when it is absent.
func (c contrib) in(i int) *graph.Value {
	if !c.n.Has(i) {
		return nil
	}
	return c.n.In[i]
}

// rank is the rank of v, which must be known, as is its element type.
func (c contrib) rank(v *graph.Value) int {
	if c.Err() != nil {
		return 0
	}
	if v == nil {
		c.Fail(graph.Invalidf("an input is missing"))
		return 0
	}
	if !v.Type.Ranked || v.Type.DType == tensor.Invalid {
		c.Fail(graph.Unsupportedf("%s of %q, whose type or rank is not known", c.n.Op.Name, v.Name))
		return 0
	}
	return v.Type.Rank()
}

// dim is the extent of v along an axis, counted from the end when it is negative; nothing is known of it when v has no such axis.
func (c contrib) dim(v *graph.Value, axis int) graph.Dim {
	if c.Err() != nil || v == nil || !v.Type.Ranked {
		return graph.Unknown()
	}
	if axis < 0 {
		axis += v.Type.Rank()
	}
	if axis < 0 || axis >= v.Type.Rank() {
		return graph.Unknown()
	}
	return v.Type.Shape[axis]
}

// dtype is the element type of v.
func (c contrib) dtype(v *graph.Value) tensor.DType {
	if c.Err() != nil || v == nil {
		return tensor.Invalid
	}
	return v.Type.DType
}

// add is the sum of a and b, or the one that is there.
func (c contrib) add(a, b *graph.Value) *graph.Value {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return c.Op("Add", a, b)
}

// times is v multiplied by a number.
func (c contrib) times(v *graph.Value, by float64) *graph.Value {
	if by == 1 || c.Err() != nil {
		return v
	}
	return c.Op("Mul", v, c.Scalar(v.Type.DType, by))
}

// vector holds that v, if it is there, is a vector with an element for each of the last axis of x.
func (c contrib) vector(v, x *graph.Value) {
	if v == nil || c.Err() != nil || !v.Type.Ranked {
		return
	}
	if want := c.dim(x, -1); v.Type.Rank() != 1 || want.IsInt() && v.Type.Shape[0].IsInt() && !want.Equal(v.Type.Shape[0]) {
		c.Fail(graph.Shapef("a vector is %s for rows of %s", v.Type, want))
	}
}

// permuted is v with its axes in another order.
func (c contrib) permuted(v *graph.Value, perm ...int64) *graph.Value {
	for i, p := range perm {
		if int(p) != i {
			return c.Op("Transpose", v, graph.Ints("perm", perm...))
		}
	}
	return v
}

// channelsFirst brings [N, spatial…, C] to [N, C, spatial…], when flag is set; channelsLast brings it back.
func (c contrib) channelsFirst(v *graph.Value, flag bool) *graph.Value {
	rank := c.rank(v)
	if !flag || rank < 3 {
		return v
	}
	perm := []int64{0, int64(rank - 1)}
	for i := 1; i < rank-1; i++ {
		perm = append(perm, int64(i))
	}
	return c.permuted(v, perm...)
}

func (c contrib) channelsLast(v *graph.Value, flag bool) *graph.Value {
	rank := c.rank(v)
	if !flag || rank < 3 {
		return v
	}
	perm := []int64{0}
	for i := 2; i < rank; i++ {
		perm = append(perm, int64(i))
	}
	return c.permuted(v, append(perm, 1)...)
}

// attrs are the attributes of the node with these names, as arguments of an operator that has them too.
func (c contrib) attrs(names ...string) []graph.Arg {
	var out []graph.Arg
	for _, a := range c.n.Attrs {
		if slices.Contains(names, a.Name) {
			out = append(out, a)
		}
	}
	return out
}

// with is the arguments v, absent ones included, before others.
func with(others []graph.Arg, v ...*graph.Value) []graph.Arg {
	out := make([]graph.Arg, 0, len(v)+len(others))
	for _, x := range v {
		out = append(out, x)
	}
	return append(out, others...)
}
