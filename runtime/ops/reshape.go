package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// Reshape gives the elements another shape: 0 keeps an extent (unless allowzero is set), -1 is what remains.
var reshape = family(
	&graph.Op{
		Name: "Reshape", Since: 25,
		Sig: `(data:T, shape:i64) -> (reshaped:T)
			T = ` + movable(25) + `
			allowzero int = 0`,
		Infer: inferReshape, Run: copyAll, View: true,
		Grad: by1(func(r rule) *graph.Value { return r.like(r.g(0), r.x(0)) }),
	},
	append(movableOps("T", 24, 23, 21, 19, 14),
		&graph.Op{Since: 13, Sig: "-allowzero"},
		&graph.Op{Since: 5, Sig: "T = " + movable(5)},
		&graph.Op{Since: 1, Sig: "(data:T) -> (reshaped:T); T = f16 f32 f64; shape ints; consumed_inputs ints", Expand: expandReshape1},
	)...,
)

func expandReshape1(b *graph.Builder, n *graph.Node) []*graph.Value {
	shape := attrInput(b, n, "shape")
	if shape == nil {
		shape = b.Ints()
	}
	return []*graph.Value{b.Op("Reshape", n.In[0], shape)}
}

func inferReshape(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	d := c.DType(0)
	x, ranked := c.Shape(0)
	want, ok, err := shapeInput(c, 1)
	if err != nil {
		return err
	}
	if !ok {
		c.Set(0, graph.Unranked(d))
		return nil
	}
	out, err := reshaped(x, ranked, want, c.Node.Bool("allowzero"))
	if err != nil {
		return err
	}
	c.SetTensor(0, d, out...)
	if v, ok := vector(c, 0); ok {
		setVector(c, len(out), d, v)
	}
	return nil
}

// shapeInput is vector for inputs that must have rank 1, as shapes do.
func shapeInput(c *graph.Infer, i int) ([]graph.Dim, bool, error) {
	t := c.Type(i)
	if t.Ranked && len(t.Shape) != 1 {
		return nil, false, graph.Shapef("input %d is %s, want a tensor of rank 1", i, t)
	}
	v, ok := vector(c, i)
	return v, ok, nil
}

// reshaped is the shape that Reshape gives to a tensor of shape x.
func reshaped(x []graph.Dim, ranked bool, want []graph.Dim, allowZero bool) ([]graph.Dim, error) {
	out := slices.Clone(want)
	rest := slices.Clone(x) // extents of the input that are not kept in place
	var others []graph.Dim  // extents of the output that are not kept in place
	free, unknown, zero := -1, -1, false
	kept := 0
	for i, d := range want {
		n, isInt := d.Int()
		switch {
		case !isInt && !d.Known():
			if unknown >= 0 || !ranked {
				ranked = false // too little is known
			}
			unknown = i
		case isInt && n == 0 && !allowZero:
			if !ranked {
				out[i] = graph.Unknown()
				continue
			}
			if i >= len(x) {
				return nil, graph.Shapef("0 at %d in the new shape %s of a tensor of rank %d", i, graph.ShapeString(want), len(x))
			}
			out[i] = x[i]
			rest = slices.Delete(rest, i-kept, i-kept+1)
			kept++
		case isInt && n == -1:
			if free >= 0 {
				return nil, graph.Shapef("-1 appears twice in the new shape %s", graph.ShapeString(want))
			}
			free = i
			out[i] = graph.Unknown()
		case isInt && n < 0:
			return nil, graph.Shapef("%d in the new shape %s", n, graph.ShapeString(want))
		default:
			zero = zero || isInt && n == 0
			others = append(others, d)
		}
	}
	if free >= 0 && zero {
		return nil, graph.Shapef("both 0 and -1 in the new shape %s", graph.ShapeString(want))
	}
	if !ranked || free >= 0 && unknown >= 0 {
		return out, nil
	}
	if at := max(free, unknown); at >= 0 {
		q, ok := quotient(rest, others)
		if ok {
			out[at] = q
		} else if free >= 0 {
			return nil, graph.Shapef("%s cannot be seen as %s", graph.ShapeString(x), graph.ShapeString(want))
		}
	}
	from, ok1 := static(x)
	to, ok2 := static(out)
	if ok1 && ok2 {
		n, ok1 := from.Size()
		m, ok2 := to.Size()
		if !ok1 || !ok2 || n != m {
			return nil, graph.Shapef("%s cannot be seen as %s", graph.ShapeString(x), graph.ShapeString(want))
		}
	}
	return out, nil
}
