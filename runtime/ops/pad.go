package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Pad puts elements before and behind those on each axis: a constant, or (reflect, edge, wrap) what the axis itself holds.
// A negative pad removes elements.
var pad = family(
	&graph.Op{
		Name: "Pad", Since: 25,
		Sig: `(data:T, pads:i64, constant_value?:T, axes?:Tind) -> (output:T)
			T = ` + movable(25) + `
			Tind = i32 i64
			mode string = constant`,
		Infer: inferPad, Run: unpacked(runPad),
		Grad: by(padGrad),
	},
	append(movableOps("T", 24, 23, 21),
		&graph.Op{Since: 19, Sig: "T = tensor"},
		&graph.Op{Since: 18},
		&graph.Op{Since: 13, Sig: "(data:T, pads:i64, constant_value?:T) -> (output:T)"},
		&graph.Op{Since: 11, Sig: "T = int f16 f32 f64"},
		&graph.Op{Since: 2, Sig: "(data:T) -> (output:T); T = f16 f32 f64; pads ints!; value float = 0", Expand: expandPad("pads")},
		&graph.Op{Since: 1, Sig: "-pads; paddings ints!", Expand: expandPad("paddings")},
	)...,
)

// expandPad makes the attributes of versions before 11 inputs.
func expandPad(attr string) func(*graph.Builder, *graph.Node) []*graph.Value {
	return func(b *graph.Builder, n *graph.Node) []*graph.Value {
		pads := attrInput(b, n, attr)
		if pads == nil {
			b.Fail(graph.Invalidf("attribute %s is missing", attr))
			return nil
		}
		var value *graph.Value
		if v := n.Float("value"); v != 0 {
			d := n.In[0].Type.DType
			if d == tensor.Invalid {
				b.Fail(graph.Unsupportedf("pad of an unknown type with %v", v))
				return nil
			}
			value = b.Scalar(d, float64(v))
		}
		return []*graph.Value{b.Op("Pad", n.In[0], pads, value, graph.Str("mode", n.Str("mode")))}
	}
}

// padMode is how an element outside of the data is made.
type padMode int

const (
	padConstant padMode = iota
	padReflect
	padEdge
	padWrap
)

func padModeOf(n *graph.Node) (padMode, error) {
	switch m := n.Str("mode"); m {
	case "constant", "":
		return padConstant, nil
	case "reflect":
		return padReflect, nil
	case "edge":
		return padEdge, nil
	case "wrap":
		return padWrap, nil
	default:
		return 0, graph.Invalidf("mode %q", m)
	}
}

func inferPad(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	mode, err := padModeOf(c.Node)
	if err != nil {
		return err
	}
	d := c.DType(0)
	if v := c.Type(2); v.DType != d && v.DType != tensor.Invalid && d != tensor.Invalid {
		return graph.Typef("pad of %s with %s", c.Type(0), v)
	} else if s, ok := v.Static(); ok && s.Elems() != 1 {
		return graph.Shapef("constant %s, want one element", v)
	}
	s, ranked := c.Shape(0)
	if !ranked {
		c.Set(0, graph.Unranked(d))
		return nil
	}
	pads, ok, err := shapeInput(c, 1)
	if err != nil {
		return err
	}
	axes := make([]int, len(s))
	for i := range axes {
		axes[i] = i
	}
	known := true
	if c.Has(3) {
		if axes, known = c.ConstInts(3); known {
			if axes, err = normalAxes(axes, len(s)); err != nil {
				return err
			}
		}
	}
	if !known {
		c.SetTensor(0, d, unknowns(len(s))...)
		return nil
	}
	if !ok {
		pads = unknowns(2 * len(axes))
	}
	if len(pads) != 2*len(axes) {
		return graph.Shapef("%d pads for %d axes", len(pads), len(axes))
	}
	out := append([]graph.Dim{}, s...)
	for i, a := range axes {
		before, after := pads[i], pads[i+len(axes)]
		out[a] = s[a].Add(before).Add(after)
		if err := fits(out[a], s[a], before, after); err != nil {
			return err
		}
		n, ok1 := s[a].Int()
		p, ok2 := before.Int()
		q, ok3 := after.Int()
		if mode != padConstant && ok1 && ok2 && ok3 && kept(n, p, q) <= 0 && n+p+q > 0 {
			return graph.Shapef("nothing on axis %d to pad with", a)
		}
	}
	if err := checkSize(out); err != nil {
		return err
	}
	c.SetTensor(0, d, out...)
	return nil
}

// kept is how many of n elements remain after negative pads.
func kept(n, before, after int) int { return n + min(before, 0) + min(after, 0) }

func runPad(c *graph.Ctx) error {
	mode, err := padModeOf(c.Node)
	if err != nil {
		return err
	}
	x, y := c.In[0], c.Out[0]
	m := memo[strideMemo](c)
	if err := m.readPads(c, x, y); err != nil {
		return err
	}
	m.strides = denseStrides(m.strides, x.Shape())
	if y.Len() == 0 {
		return nil
	}
	if mode == padConstant {
		return padWithConstant(c, m, y, x)
	}
	return padByTable(c, m, y, x, mode)
}

// readPads brings the pads of all axes into m.a (before) and m.b (after).
func (m *strideMemo) readPads(c *graph.Ctx, x, y *tensor.Tensor) error {
	rank := x.Rank()
	var err error
	if m.c, err = appendInts(m.c[:0], c.In[1]); err != nil {
		return err
	}
	m.a, m.b, m.d = m.a[:0], m.b[:0], m.d[:0]
	for i := range rank {
		m.a, m.b = append(m.a, 0), append(m.b, 0)
		if !c.Has(3) {
			m.d = append(m.d, i)
		}
	}
	if c.Has(3) {
		if m.d, err = appendInts(m.d, c.In[3]); err != nil {
			return err
		}
	}
	if len(m.c) != 2*len(m.d) || y.Rank() != rank {
		return graph.Shapef("%d pads for %d axes of %s", len(m.c), len(m.d), x)
	}
	for i, a := range m.d {
		if a, err = graph.Axis(a, rank); err != nil {
			return err
		}
		if m.a[a], m.b[a] = m.c[i], m.c[i+len(m.d)]; max(m.a[a], -m.a[a], m.b[a], -m.b[a]) > maxInt/4 || min(m.a[a], m.b[a]) == minInt {
			return graph.Limitf("pads %d and %d along axis %d", m.a[a], m.b[a], a)
		}
	}
	for i, n := range x.Shape() {
		if n+m.a[i]+m.b[i] != y.Dim(i) {
			return graph.Shapef("pads %d and %d along axis %d of %s for %s", m.a[i], m.b[i], i, x, y)
		}
	}
	return nil
}

func padWithConstant(c *graph.Ctx, m *strideMemo, y, x *tensor.Tensor) error {
	to, from, size := 0, 0, 1
	stride := y.Len()
	m.c = m.c[:0]
	for i, n := range x.Shape() {
		stride /= y.Dim(i)
		lo := max(m.a[i], 0)
		count := max(min(y.Dim(i), m.a[i]+n)-lo, 0)
		m.c = append(m.c, count)
		size *= count
		to += lo * stride
		from += max(-m.a[i], 0) * m.strides[i]
	}
	if size < y.Len() {
		if err := fill(c, y, c.Input(2)); err != nil {
			return err
		}
	}
	if size == 0 {
		return nil
	}
	m.Reset(to, from)
	stride = y.Len()
	for i, count := range m.c {
		stride /= y.Dim(i)
		m.Axis(count, stride, m.strides[i])
	}
	return move(c, y, x, &m.Strided)
}

type pickArgs struct {
	y, x  *tensor.Tensor
	dims  []int
	table []int64
}

var pickBodies = widths[pickArgs]{pickBody[uint8], pickBody[uint16], pickBody[uint32], pickBody[uint64], pickBody[complex128], pickBody[string]}

func pickBody[T kernel.Cell](a *pickArgs, _, lo, hi int) {
	kernel.Pick(cells[T](a.y), cells[T](a.x), a.dims, a.table, lo, hi)
}

func padByTable(c *graph.Ctx, m *strideMemo, y, x *tensor.Tensor, mode padMode) error {
	total := 0
	for _, n := range y.Shape() {
		total += n
	}
	table, err := graph.Scratch[int64](c, total)
	if err != nil {
		return err
	}
	at := 0
	for i, n := range x.Shape() {
		rest := kept(n, m.a[i], m.b[i])
		if rest <= 0 {
			return graph.Shapef("nothing on axis %d of %s to pad with", i, x)
		}
		for k := range y.Dim(i) {
			from := mode.source(k-max(m.a[i], 0), rest) + max(-m.a[i], 0)
			table[at] = int64(from * m.strides[i])
			at++
		}
	}
	return pickBodies.run(c, x.DType(), y.Len(), 32768, pickArgs{y, x, y.Shape(), table})
}

// source is the element of 0 … n-1 that stands at position k, which may lie outside.
func (mode padMode) source(k, n int) int {
	if k >= 0 && k < n {
		return k
	}
	switch mode {
	case padEdge:
		return min(max(k, 0), n-1)
	case padWrap:
		return modulo(k, n)
	}
	if n == 1 {
		return 0
	}
	period := 2 * (n - 1)
	if k = modulo(k, period); k >= n {
		k = period - k
	}
	return k
}

// modulo is the remainder in 0 … n-1.
func modulo(k, n int) int {
	if k %= n; k < 0 {
		k += n
	}
	return k
}
