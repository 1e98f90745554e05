package ops

import (
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// movable are the types that operators which move elements allow at a version of the standard.
func movable(version int) string {
	if version < 13 {
		return "int bool c64 c128 f16 f32 f64 str"
	}
	s := "tensor"
	for _, t := range []struct {
		since int
		types string
	}{{19, "f8"}, {21, "u4 i4"}, {23, "f4e2m1"}, {24, "f8e8m0"}, {25, "u2 i2"}} {
		if version >= t.since {
			s += " " + t.types
		}
	}
	return s
}

// movableOps are older versions of an operator that differ in the types of its variable v alone.
func movableOps(v string, versions ...int) []*graph.Op {
	out := make([]*graph.Op, len(versions))
	for i, n := range versions {
		out[i] = &graph.Op{Since: n, Sig: v + " = " + movable(n)}
	}
	return out
}

// followsInts reports whether inference follows the elements of tensors of type d.
func followsInts(d tensor.DType) bool { return d == tensor.Int64 || d == tensor.Int32 }

// vector is the known elements of input i when it has rank 0 or 1; elements of which nothing is known are Unknown.
// It reports false when not even their number is known, or the type is not one that inference follows.
func vector(c *graph.Infer, i int) ([]graph.Dim, bool) {
	t := c.Type(i)
	if !t.Ranked || len(t.Shape) > 1 || !followsInts(t.DType) {
		return nil, false
	}
	if v, ok := c.Ints(i); ok {
		return v, true
	}
	n := 1
	if len(t.Shape) == 1 {
		var ok bool
		if n, ok = t.Shape[0].Int(); !ok || n < 0 || n > 64 {
			return nil, false
		}
	}
	return unknowns(n), true
}

// setVector sets the known elements of output 0 if it has rank 0 or 1 and an integer type, and something is known.
func setVector(c *graph.Infer, rank int, d tensor.DType, v []graph.Dim) {
	if rank > 1 || !followsInts(d) {
		return
	}
	for _, x := range v {
		if x.Known() {
			c.SetInts(0, v)
			return
		}
	}
	if len(v) == 0 && rank == 1 {
		c.SetInts(0, []graph.Dim{})
	}
}

func unknowns(n int) []graph.Dim {
	v := make([]graph.Dim, n)
	for i := range v {
		v[i] = graph.Unknown()
	}
	return v
}

// static is the integers in dims, if all are.
func static(dims []graph.Dim) (tensor.Shape, bool) {
	return graph.TensorType(tensor.Float32, dims...).Static()
}

// checkSize fails for shapes known in full whose size does not fit.
func checkSize(dims []graph.Dim) error {
	for _, d := range dims {
		if n, ok := d.Int(); ok && n < 0 {
			return graph.Shapef("negative extent in %s", graph.ShapeString(dims))
		}
	}
	if s, ok := static(dims); ok {
		if _, ok := s.Size(); !ok {
			return graph.Shapef("size of %s does not fit", s)
		}
	}
	return nil
}

// dimProduct is the product of extents, 1 when there are none.
func dimProduct(dims []graph.Dim) graph.Dim {
	p := graph.Size(1)
	for _, d := range dims {
		p = p.Mul(d)
	}
	return p
}

// nonNegative reports whether d surely is 0 or more: symbols are, and what is made of them without a minus.
func nonNegative(d graph.Dim) bool {
	if n, ok := d.Int(); ok {
		return n >= 0
	}
	return d.Known() && !strings.Contains(d.String(), "-")
}

// atLeast0 is d, or 0 if d may be negative.
func atLeast0(d graph.Dim) graph.Dim {
	if nonNegative(d) {
		return d
	}
	return d.Max(graph.Size(0))
}

// fits fails when out, computed from integers alone, did not fit an integer.
func fits(out graph.Dim, from ...graph.Dim) error {
	if out.IsInt() {
		return nil
	}
	for _, d := range from {
		if !d.IsInt() {
			return nil
		}
	}
	return graph.Limitf("an extent computed from %s does not fit", graph.ShapeString(from))
}

// quotient is the product of a over the product of b, after what surely is equal on both sides has been cancelled. It reports false
// when the division surely leaves a remainder or is one by zero.
func quotient(a, b []graph.Dim) (graph.Dim, bool) {
	a, b = cancel(a, b)
	p, q := dimProduct(a), dimProduct(b)
	n, ok1 := p.Int()
	m, ok2 := q.Int()
	if ok2 && m == 0 || ok1 && ok2 && n%m != 0 {
		return graph.Dim{}, false
	}
	if !p.Known() || !q.Known() {
		return graph.Unknown(), true
	}
	return p.Div(q), true
}

// cancel drops pairs of equal extents.
func cancel(a, b []graph.Dim) (x, y []graph.Dim) {
	x = append(x, a...)
next:
	for _, d := range b {
		for i, e := range x {
			if e.Equal(d) {
				x = append(x[:i:i], x[i+1:]...)
				continue next
			}
		}
		y = append(y, d)
	}
	return x, y
}

// normalAxes brings axes into 0 … rank-1 and refuses those that appear twice.
func normalAxes(axes []int, rank int) ([]int, error) {
	if len(axes) > rank {
		return nil, graph.Shapef("%d axes of %d", len(axes), rank)
	}
	out := make([]int, len(axes))
	for i, a := range axes {
		var err error
		if out[i], err = graph.Axis(a, rank); err != nil {
			return nil, err
		}
		for _, b := range out[:i] {
			if b == out[i] {
				return nil, graph.Shapef("axis %d appears twice", a)
			}
		}
	}
	return out, nil
}

// maxRank bounds the axes of tensors: checks of axes against one another take time that grows with its square.
const maxRank = 1024

// needTensor fails when input i is known to be a container, or has more axes than anybody needs.
func needTensor(c *graph.Infer, i int) error {
	t := c.Type(i)
	if t.DType.IsContainer() {
		return graph.Typef("input %d is %s, want a tensor", i, t)
	}
	if len(t.Shape) > maxRank {
		return graph.Limitf("input %d has %d axes, more than %d", i, len(t.Shape), maxRank)
	}
	return nil
}

// attrInput is the constant that an attribute of integers became in later versions, nil when the node does not have it.
func attrInput(b *graph.Builder, n *graph.Node, name string) *graph.Value {
	if !n.HasAttr(name) {
		return nil
	}
	v := n.Ints(name)
	ints := make([]int, len(v))
	for i, x := range v {
		ints[i] = int(x)
	}
	return b.Ints(ints...)
}
