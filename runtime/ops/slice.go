package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Slice takes every step-th element from start to before end along some axes. Bounds count from the end when they are negative,
// and are clamped to the extent; a negative step walks backwards.
var slice = family(
	&graph.Op{
		Name: "Slice", Since: 13,
		Sig: `(data:T, starts:Tind, ends:Tind, axes?:Tind, steps?:Tind) -> (output:T)
			T = tensor
			Tind = i32 i64`,
		Infer: inferSlice, Run: runSlice,
		Grad: by1(sliceGrad),
	},
	&graph.Op{Since: 11, Sig: "T = " + movable(11)},
	&graph.Op{Since: 10},
	&graph.Op{Since: 1, Sig: "(data:T) -> (output:T); starts ints!; ends ints!; axes ints", Expand: expandSlice1},
)

func expandSlice1(b *graph.Builder, n *graph.Node) []*graph.Value {
	starts, ends := attrInput(b, n, "starts"), attrInput(b, n, "ends")
	if starts == nil || ends == nil {
		b.Fail(graph.Invalidf("attribute starts or ends is missing"))
		return nil
	}
	return []*graph.Value{b.Op("Slice", n.In[0], starts, ends, attrInput(b, n, "axes"))}
}

// bounds is where a slice of an axis of n elements starts and how many elements it takes. step is not 0.
func bounds(n, start, end, step int) (first, count int) {
	if start < 0 {
		start += n
	}
	if end < 0 {
		end += n
	}
	if step > 0 {
		start, end = min(max(start, 0), n), min(max(end, 0), n)
		if end <= start {
			return start, 0
		}
		return start, (end-start-1)/step + 1
	}
	start, end = min(max(start, -1), n-1), min(max(end, -1), n-1)
	if start <= end {
		return max(start, 0), 0
	}
	if step == minInt { // its negation does not fit
		step++
	}
	return start, (start-end-1)/-step + 1
}

const (
	maxInt = int(^uint(0) >> 1)
	minInt = -maxInt - 1
)

// sliceDim is the extent that remains of a symbolic axis of n elements. An end of at least this much is taken for "to the end".
func sliceDim(n, start, end graph.Dim, step int) graph.Dim {
	const far = 1<<31 - 1
	s, ok1 := start.Int()
	e, ok2 := end.Int()
	switch {
	case ok1 && ok2 && step == -1 && (s == -1 || s >= far) && e <= -far:
		return n
	case step < 1 || !ok1:
		return graph.Unknown()
	}
	var m graph.Dim
	switch {
	case s >= 0 && (ok2 && e >= far || end.Equal(n)):
		m = n
		if s > 0 {
			m = atLeast0(n.Sub(start))
		}
	case s < 0 && s > -far && (ok2 && e >= far || end.Equal(n)):
		m = n.Min(graph.Size(-s))
	case s == 0 && ok2 && e >= 0 && !n.IsInt():
		m = end.Min(n)
	case s >= 0 && ok2 && e < 0 && e > -far: // from s to before the last -e
		m = atLeast0(n.Add(end).Sub(start))
	case s == 0 && !ok2 && nonNegative(end):
		m = end.Min(n)
	default:
		return graph.Unknown()
	}
	if step > 1 {
		m = m.Add(graph.Size(step - 1)).Div(graph.Size(step))
	}
	return m
}

func inferSlice(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	d := c.DType(0)
	s, ranked := c.Shape(0)
	if !ranked {
		c.Set(0, graph.Unranked(d))
		return nil
	}
	starts, ok1 := vector(c, 1)
	ends, ok2 := vector(c, 2)
	if ok1 && ok2 && len(starts) != len(ends) {
		return graph.Shapef("%d starts and %d ends", len(starts), len(ends))
	}
	var axes, steps []int
	ok3, ok4 := true, true
	if c.Has(3) {
		axes, ok3 = c.ConstInts(3)
	}
	if c.Has(4) {
		steps, ok4 = c.ConstInts(4)
	}
	if !ok1 || !ok2 || !ok3 {
		if !ok3 || !c.Has(3) {
			c.SetTensor(0, d, unknowns(len(s))...)
			return nil
		}
		starts, ends, ok4 = unknowns(len(axes)), unknowns(len(axes)), false
	}
	if !c.Has(3) {
		for i := range starts {
			axes = append(axes, i)
		}
	}
	axes, err := normalAxes(axes, len(s))
	if err != nil {
		return err
	}
	if len(axes) != len(starts) || ok4 && c.Has(4) && len(steps) != len(starts) {
		return graph.Shapef("%d starts, %d axes and %d steps", len(starts), len(axes), len(steps))
	}
	out := append([]graph.Dim{}, s...)
	var ints []graph.Dim
	for i, a := range axes {
		if !ok4 {
			out[a] = graph.Unknown()
			continue
		}
		step := 1
		if steps != nil {
			step = steps[i]
		}
		if step == 0 {
			return graph.Shapef("step 0 along axis %d", a)
		}
		n, ok1 := s[a].Int()
		start, ok2 := starts[i].Int()
		end, ok3 := ends[i].Int()
		if !ok1 || !ok2 || !ok3 || n < 0 {
			out[a] = sliceDim(s[a], starts[i], ends[i], step)
			continue
		}
		first, count := bounds(n, start, end, step)
		out[a] = graph.Size(count)
		if v, ok := vector(c, 0); ok && len(s) == 1 && len(v) == n {
			ints = make([]graph.Dim, 0, count)
			for k := range count {
				ints = append(ints, v[first+k*step])
			}
		}
	}
	c.SetTensor(0, d, out...)
	if ints != nil {
		setVector(c, 1, d, ints)
	} else if v, ok := vector(c, 0); ok && len(axes) == 0 {
		setVector(c, len(s), d, v)
	}
	return nil
}

func runSlice(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	m := memo[strideMemo](c)
	var err error
	if m.a, err = appendInts(m.a[:0], c.In[1]); err != nil {
		return err
	}
	m.b, m.c, m.d = m.b[:0], m.c[:0], m.d[:0]
	if m.b, err = appendInts(m.b, c.In[2]); err != nil {
		return err
	}
	if c.Has(3) {
		if m.c, err = appendInts(m.c, c.In[3]); err != nil {
			return err
		}
	} else {
		for i := range m.a {
			m.c = append(m.c, i)
		}
	}
	if c.Has(4) {
		if m.d, err = appendInts(m.d, c.In[4]); err != nil {
			return err
		}
	} else {
		for range m.a {
			m.d = append(m.d, 1)
		}
	}
	if n := len(m.a); len(m.b) != n || len(m.c) != n || len(m.d) != n || y == nil || y.Rank() != x.Rank() {
		return graph.Shapef("%d starts, %d ends, %d axes and %d steps for %s", n, len(m.b), len(m.c), len(m.d), x)
	}
	m.strides = denseStrides(m.strides, x.Shape())
	off := 0
	m.perm = append(m.perm[:0], m.strides...) // strides along the slice
	for i, a := range m.c {
		if a, err = graph.Axis(a, x.Rank()); err != nil {
			return err
		}
		if m.d[i] == 0 {
			return graph.Shapef("step 0 along axis %d", a)
		}
		first, count := bounds(x.Dim(a), m.a[i], m.b[i], m.d[i])
		if count != y.Dim(a) {
			return graph.Shapef("%d elements along axis %d for %s", count, a, y)
		}
		off += first * m.strides[a]
		m.perm[a] = m.strides[a] * m.d[i]
	}
	return sliceCopy(c, m, y, x, off, m.perm)
}

// sliceCopy fills y with the elements of x that start at off and have the given strides.
func sliceCopy(c *graph.Ctx, m *strideMemo, y, x *tensor.Tensor, off int, strides []int) error {
	m.Reset(0, off)
	to := y.Len()
	for i, n := range y.Shape() {
		to /= max(n, 1)
		m.Axis(n, to, strides[i])
	}
	return move(c, y, x, &m.Strided)
}
