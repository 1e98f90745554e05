package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Split cuts a tensor into pieces along an axis: of the given sizes, or equal ones, of which the last may be smaller when num_outputs is given.
var splitOp = family(
	&graph.Op{
		Name: "Split", Since: 18,
		Sig: `(input:T, split?:i64) -> (outputs*:T)
			T = tensor
			axis int = 0
			num_outputs int`,
		Infer: inferSplit, Run: runSplit,
		Grad: by1(splitGrad),
	},
	&graph.Op{Since: 13, Sig: "-num_outputs"},
	&graph.Op{Since: 11, Sig: "(input:T) -> (outputs*:T); T = " + movable(11) + "; split ints", Expand: expandSplit},
	&graph.Op{Since: 2, Expand: expandSplit},
	&graph.Op{Since: 1, Sig: "(input:T, split?:T) -> (outputs...*:T); T = f16 f32 f64; axis int", Expand: expandSplit},
)

// expandSplit makes the sizes, an attribute of versions before 13 and in version 1 an input of the data's type, a tensor of integers.
func expandSplit(b *graph.Builder, n *graph.Node) []*graph.Value {
	sizes := attrInput(b, n, "split")
	if sizes == nil && n.Has(1) {
		sizes = b.Op("Cast", n.In[1], graph.Int("to", int(tensor.Int64)))
	}
	return b.OpN(len(n.Out), "Split", n.In[0], sizes, graph.Int("axis", n.Int("axis")))
}

func inferSplit(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	d := c.DType(0)
	s, ranked := c.Shape(0)
	if !ranked {
		for i := range c.Out {
			c.Set(i, graph.Unranked(d))
		}
		return nil
	}
	if len(s) == 0 {
		return graph.Shapef("split of a scalar")
	}
	axis, err := graph.Axis(c.Node.Int("axis"), len(s))
	if err != nil {
		return err
	}
	sizes, err := splitSizes(c, s[axis])
	if err != nil {
		return err
	}
	for i := range c.Out {
		out := append([]graph.Dim{}, s...)
		out[axis] = sizes[i]
		c.SetTensor(i, d, out...)
	}
	if v, ok := vector(c, 0); ok && len(s) == 1 && followsInts(d) {
		at := 0
		for i, size := range sizes[:len(c.Out)] {
			k, ok := size.Int()
			if !ok || at+k > len(v) {
				break
			}
			c.SetInts(i, v[at:at+k])
			at += k
		}
	}
	return nil
}

// splitSizes are the extents of the pieces of an axis of extent n, at least one for every output of the node.
func splitSizes(c *graph.Infer, n graph.Dim) ([]graph.Dim, error) {
	outs := len(c.Out)
	total, known := n.Int()
	if c.Has(1) {
		sizes, ok, err := shapeInput(c, 1)
		if err != nil || !ok {
			return unknowns(outs), err
		}
		if len(sizes) < outs {
			return nil, graph.Shapef("%d sizes for %d outputs", len(sizes), outs)
		}
		sum := 0
		for _, d := range sizes {
			k, ok := d.Int()
			if ok && (k < 0 || known && k > total-sum) {
				return nil, graph.Shapef("sizes %s for an extent of %s", graph.ShapeString(sizes), n)
			}
			if known = known && ok; known {
				sum += k
			}
		}
		if known && sum != total {
			return nil, graph.Shapef("sizes %s for an extent of %d", graph.ShapeString(sizes), total)
		}
		return sizes, nil
	}
	parts := outs
	uneven := c.Node.HasAttr("num_outputs")
	if uneven {
		if parts = c.Node.Int("num_outputs"); parts < outs || parts < 1 {
			return nil, graph.Shapef("%d pieces for %d outputs", parts, outs)
		}
	}
	if parts == 0 {
		return nil, nil
	}
	if !known {
		size := n.Div(graph.Size(parts))
		if uneven && parts > 1 { // the pieces are equal only if the extent can be divided
			size = graph.Unknown()
		}
		return repeated(size, outs), nil
	}
	if !uneven && total%parts != 0 {
		return nil, graph.Shapef("%d equal pieces of an extent of %d", parts, total)
	}
	size := total / parts
	if total%parts != 0 {
		size++
	}
	sizes := make([]graph.Dim, outs)
	for i := range sizes {
		k := min(size, total)
		sizes[i] = graph.Size(k)
		total -= k
	}
	return sizes, nil
}

func runSplit(c *graph.Ctx) error {
	x := c.In[0]
	if x.Rank() == 0 {
		return graph.Shapef("split of a scalar")
	}
	axis, err := graph.Axis(c.Node.Int("axis"), x.Rank())
	if err != nil {
		return err
	}
	outer, total, inner, err := split(x.Shape(), axis)
	if err != nil {
		return err
	}
	m := memo[strideMemo](c)
	m.a = m.a[:0]
	if c.Has(1) {
		if m.a, err = appendInts(m.a, c.In[1]); err != nil {
			return err
		}
	}
	parts := len(c.Out)
	if c.Node.HasAttr("num_outputs") {
		parts = max(c.Node.Int("num_outputs"), 1)
	}
	even := (total-1)/parts + 1 // of 0 elements: 1, cut to 0 below
	at := 0
	for i, y := range c.Out {
		n := even
		if c.Has(1) {
			if i >= len(m.a) {
				return graph.Shapef("%d sizes for %d outputs", len(m.a), len(c.Out))
			}
			n = m.a[i]
		}
		n = max(min(n, total-at), 0)
		if y != nil {
			m.Reset(0, at*inner)
			m.Axis(outer, n*inner, total*inner)
			m.Axis(n*inner, 1, 1)
			if y.Len() != outer*n*inner {
				return graph.Shapef("piece of %d along axis %d as %s", n, axis, y)
			}
			if err := move(c, y, x, &m.Strided); err != nil {
				return err
			}
		}
		at += n
	}
	return nil
}
