package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Concat puts tensors behind one another along an axis.
var concat = family(
	&graph.Op{
		Name: "Concat", Since: 13,
		Sig: `(inputs*:T) -> (concat_result:T)
			T = tensor
			axis int!`,
		Infer: inferConcat, Run: runConcat,
		Grad: by(concatGrad),
	},
	&graph.Op{Since: 11, Sig: "T = " + movable(11)},
	&graph.Op{Since: 4},
	&graph.Op{Since: 1, Sig: "T = f16 f32 f64; axis int", Expand: expandConcat1},
)

// expandConcat1 writes out the axis, which before version 4 was 1 when nothing was said.
func expandConcat1(b *graph.Builder, n *graph.Node) []*graph.Value {
	axis := 1
	if n.HasAttr("axis") {
		axis = n.Int("axis")
	}
	args := []graph.Arg{graph.Int("axis", axis)}
	for _, v := range n.In {
		args = append(args, v)
	}
	return []*graph.Value{b.Op("Concat", args...)}
}

func inferConcat(c *graph.Infer) error {
	if len(c.In) == 0 {
		return graph.Invalidf("concat of nothing")
	}
	d := tensor.Invalid
	var out []graph.Dim
	axis, ranked, all := 0, false, true
	for i := range c.In {
		t := c.Type(i)
		if err := needTensor(c, i); err != nil {
			return err
		}
		if d == tensor.Invalid {
			d = t.DType
		}
		if t.DType != d && t.DType != tensor.Invalid {
			return graph.Typef("concat of %s and %s", d, t.DType)
		}
		if !t.Ranked {
			all = false
			continue
		}
		if !ranked {
			var err error
			if axis, err = graph.Axis(c.Node.Int("axis"), len(t.Shape)); err != nil {
				return err
			}
			out, ranked = append(out, t.Shape...), true
			continue
		}
		if len(t.Shape) != len(out) {
			return graph.Shapef("concat of tensors of %d and %d axes", len(out), len(t.Shape))
		}
		for k, x := range t.Shape {
			switch y := out[k]; {
			case k == axis:
				out[k] = y.Add(x)
				if err := fits(out[k], x, y); err != nil {
					return err
				}
			case !y.Known() || x.IsInt() && !y.IsInt():
				out[k] = x
			case x.IsInt() && y.IsInt() && !x.Equal(y):
				return graph.Shapef("concat along axis %d of extents %s and %s on axis %d", axis, y, x, k)
			}
		}
	}
	if !ranked {
		c.Set(0, graph.Unranked(d))
		return nil
	}
	if !all {
		out[axis] = graph.Unknown()
	}
	if err := checkSize(out); err != nil {
		return err
	}
	c.SetTensor(0, d, out...)
	if len(out) == 1 && all {
		var ints []graph.Dim
		for i := range c.In {
			v, ok := vector(c, i)
			if !ok {
				return nil
			}
			ints = append(ints, v...)
		}
		setVector(c, 1, d, ints)
	}
	return nil
}

func runConcat(c *graph.Ctx) error {
	y := c.Out[0]
	axis, err := graph.Axis(c.Node.Int("axis"), y.Rank())
	if err != nil {
		return err
	}
	outer, total, inner, err := split(y.Shape(), axis)
	if err != nil {
		return err
	}
	s := memo[kernel.Strided](c)
	off := 0
	for _, x := range c.In {
		n := x.Dim(axis)
		if off+n > total || x.Len() != outer*n*inner {
			return graph.Shapef("%s is no part of %s", x, y)
		}
		s.Reset(off*inner, 0)
		s.Axis(outer, total*inner, n*inner)
		s.Axis(n*inner, 1, 1)
		if err := move(c, y, x, s); err != nil {
			return err
		}
		off += n
	}
	if off != total {
		return graph.Shapef("inputs fill %d of %d along axis %d", off, total, axis)
	}
	return nil
}
