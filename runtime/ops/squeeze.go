package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// Squeeze drops axes of extent 1: those listed, or all.
var squeeze = family(
	&graph.Op{
		Name: "Squeeze", Since: 25,
		Sig: `(data:T, axes?:i64) -> (squeezed:T)
			T = ` + movable(25),
		Infer: inferSqueeze, Run: copyAll, View: true,
		Grad: by1(func(r rule) *graph.Value { return r.like(r.g(0), r.x(0)) }),
	},
	append(movableOps("T", 24, 23, 21, 13),
		&graph.Op{Since: 11, Sig: "(data:T) -> (squeezed:T); T = " + movable(11) + "; axes ints", Expand: expandAxes("Squeeze")},
		&graph.Op{Since: 1, Expand: expandAxes("Squeeze")},
	)...,
)

// Unsqueeze adds axes of extent 1 where the output has them according to axes.
var unsqueeze = family(
	&graph.Op{
		Name: "Unsqueeze", Since: 25,
		Sig: `(data:T, axes:i64) -> (expanded:T)
			T = ` + movable(25),
		Infer: inferUnsqueeze, Run: copyAll, View: true,
		Grad: by1(func(r rule) *graph.Value { return r.like(r.g(0), r.x(0)) }),
	},
	append(movableOps("T", 24, 23, 21, 13),
		&graph.Op{Since: 11, Sig: "(data:T) -> (expanded:T); T = " + movable(11) + "; axes ints!", Expand: expandAxes("Unsqueeze")},
		&graph.Op{Since: 1, Expand: expandAxes("Unsqueeze")},
	)...,
)

// expandAxes makes the attribute axes of versions before 13 an input.
func expandAxes(op string) func(*graph.Builder, *graph.Node) []*graph.Value {
	return func(b *graph.Builder, n *graph.Node) []*graph.Value {
		axes := attrInput(b, n, "axes")
		if axes == nil && op == "Unsqueeze" {
			b.Fail(graph.Invalidf("attribute axes is missing"))
			return nil
		}
		return []*graph.Value{b.Op(op, n.In[0], axes)}
	}
}

func inferSqueeze(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	d := c.DType(0)
	s, ranked := c.Shape(0)
	var out []graph.Dim
	if !c.Has(1) {
		if !ranked || slices.ContainsFunc(s, func(d graph.Dim) bool { return !d.IsInt() }) {
			c.Set(0, graph.Unranked(d))
			return nil
		}
		for _, d := range s {
			if !d.Is(1) {
				out = append(out, d)
			}
		}
	} else {
		axes, known := c.ConstInts(1)
		if !known || !ranked {
			if t := c.Type(1); ranked && t.Ranked && len(t.Shape) == 1 {
				if n, ok := t.Shape[0].Int(); ok && n <= len(s) {
					c.SetTensor(0, d, unknowns(len(s)-max(n, 0))...)
					return nil
				}
			}
			c.Set(0, graph.Unranked(d))
			return nil
		}
		axes, err := normalAxes(axes, len(s))
		if err != nil {
			return err
		}
		for i, d := range s {
			if !slices.Contains(axes, i) {
				out = append(out, d)
			} else if d.IsInt() && !d.Is(1) {
				return graph.Shapef("axis %d of %s cannot be dropped, its extent is not 1", i, graph.ShapeString(s))
			}
		}
	}
	c.SetTensor(0, d, out...)
	if v, ok := vector(c, 0); ok {
		setVector(c, len(out), d, v)
	}
	return nil
}

func inferUnsqueeze(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	d := c.DType(0)
	s, ranked := c.Shape(0)
	axes, known := c.ConstInts(1)
	if !known || !ranked {
		if v, ok := vector(c, 1); ok && ranked {
			c.SetTensor(0, d, unknowns(len(s)+len(v))...)
			return nil
		}
		c.Set(0, graph.Unranked(d))
		return nil
	}
	rank := len(s) + len(axes)
	axes, err := normalAxes(axes, rank)
	if err != nil {
		return err
	}
	out := make([]graph.Dim, rank)
	for _, a := range axes {
		out[a] = graph.Size(1)
	}
	i := 0
	for k := range out {
		if !out[k].Is(1) {
			out[k] = s[i]
			i++
		}
	}
	c.SetTensor(0, d, out...)
	if v, ok := vector(c, 0); ok {
		setVector(c, rank, d, v)
	}
	return nil
}
