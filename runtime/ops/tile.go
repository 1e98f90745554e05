package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Tile repeats the whole tensor along each axis.
var tile = family(
	&graph.Op{
		Name: "Tile", Since: 13,
		Sig: `(input:T, repeats:T1) -> (output:T)
			T = tensor
			T1 = i64`,
		Infer: inferTile, Run: runTile,
		Grad: by1(movedGrad),
	},
	&graph.Op{Since: 6, Sig: "T = " + movable(6)},
	&graph.Op{Since: 1, Sig: "(input:T, tiles:T, axis:T) -> (output:T); T = f16 f32 f64", Expand: expandTile1},
)

// expandTile1 makes the repeats of all axes out of those of the one axis of version 1.
func expandTile1(b *graph.Builder, n *graph.Node) []*graph.Value {
	rank := n.In[0].Type.Rank()
	if rank < 0 {
		b.Fail(graph.Unsupportedf("tile along an axis of a tensor of unknown rank"))
		return nil
	}
	axes := make([]int, rank)
	for i := range axes {
		axes[i] = i
	}
	to := graph.Int("to", int(tensor.Int64))
	one := b.Const(tensor.Scalar(int64(1)))
	repeats := b.Op("Where", b.Op("Equal", b.Ints(axes...), b.Op("Cast", n.In[2], to)), b.Op("Cast", n.In[1], to), one)
	return []*graph.Value{b.Op("Tile", n.In[0], repeats)}
}

func inferTile(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	d := c.DType(0)
	s, ranked := c.Shape(0)
	repeats, ok, err := shapeInput(c, 1)
	switch {
	case err != nil:
		return err
	case ranked && ok && len(repeats) != len(s):
		return graph.Shapef("%d repeats for %d axes", len(repeats), len(s))
	case !ranked && ok:
		c.SetTensor(0, d, unknowns(len(repeats))...)
		return nil
	case !ranked:
		c.Set(0, graph.Unranked(d))
		return nil
	case !ok:
		c.SetTensor(0, d, unknowns(len(s))...)
		return nil
	}
	out := make([]graph.Dim, len(s))
	for i, r := range repeats {
		if n, ok := r.Int(); ok && n < 0 {
			return graph.Shapef("%d repeats of axis %d", n, i)
		}
		out[i] = s[i].Mul(r)
		if err := fits(out[i], s[i], r); err != nil {
			return err
		}
	}
	if err := checkSize(out); err != nil {
		return err
	}
	c.SetTensor(0, d, out...)
	if v, ok := vector(c, 0); ok && len(out) == 1 {
		if n, ok := out[0].Int(); ok && n <= 64 && len(v) > 0 {
			ints := make([]graph.Dim, n)
			for i := range ints {
				ints[i] = v[i%len(v)]
			}
			setVector(c, 1, d, ints)
		}
	}
	return nil
}

func runTile(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	if y.Rank() != x.Rank() {
		return graph.Shapef("%s repeated as %s", x, y)
	}
	m := memo[strideMemo](c)
	m.strides = denseStrides(m.strides, x.Shape())
	m.Reset(0, 0)
	to := y.Len()
	for i, n := range x.Shape() {
		if n == 0 || y.Dim(i) == 0 {
			return nil
		}
		if y.Dim(i)%n != 0 {
			return graph.Shapef("%s repeated as %s", x, y)
		}
		to /= y.Dim(i)
		m.Axis(y.Dim(i)/n, to*n, 0)
		m.Axis(n, to, m.strides[i])
	}
	return move(c, y, x, &m.Strided)
}
