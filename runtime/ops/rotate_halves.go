package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// RotateHalves is X·cos + [−second half, first half]·sin along the last axis of X, an even number of elements: rotary embedding as models in
// PyTorch write it out (https://arxiv.org/abs/2104.09864). cos and sin have that axis too and broadcast to X.
var rotateHalves = family(&graph.Op{
	Domain: private, Name: "RotateHalves", Since: 1,
	Sig: `(X:T, cos:T, sin:T) -> (Y:T)
		T = f16 bf16 f32`,
	Infer: inferRotateHalves, Run: halves(runRotateHalves), InPlace: true,
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		x := n.In[0]
		if err := rotates(x.Type, n.In[1].Type, n.In[2].Type); err != nil {
			b.Fail(err)
			return nil
		}
		parts := b.OpN(2, "Split", x, graph.Int("axis", -1), graph.Int("num_outputs", 2))
		turned := b.Op("Concat", b.Op("Neg", parts[1]), parts[0], graph.Int("axis", -1))
		return []*graph.Value{b.Op("Add", b.Op("Mul", x, n.In[1]), b.Op("Mul", turned, n.In[2]))}
	},
})

func inferRotateHalves(c *graph.Infer) error {
	c.Set(0, c.Type(0))
	return rotates(c.Type(0), c.Type(1), c.Type(2))
}

// rotates refuses types that do not fit each other.
func rotates(x graph.Type, factors ...graph.Type) error {
	if !x.Ranked {
		return nil
	}
	if len(x.Shape) == 0 {
		return graph.Shapef("rotation of a scalar")
	}
	size := x.Shape[len(x.Shape)-1]
	if n, known := size.Int(); known && n%2 != 0 {
		return graph.Shapef("rotation of the halves of %d elements", n)
	}
	for _, f := range factors {
		if err := broadcastsTo(f, x); err != nil {
			return err
		}
		if s := f.Shape; f.Ranked && (len(s) == 0 || s[len(s)-1].IsInt() && size.IsInt() && !s[len(s)-1].Equal(size)) {
			return graph.Shapef("%s does not have the last axis of %s", graph.ShapeString(s), graph.ShapeString(x.Shape))
		}
	}
	return nil
}

// rotateRows is the work on one row per item.
type rotateRows struct {
	x, y, cos, sin []float32
	size           int
	rows           kernel.Axes // of cos and sin over the axes before the last, in rows
}

func runRotateHalves(c *graph.Ctx) error {
	x := c.In[0]
	if x.DType() != tensor.Float32 {
		return graph.Typef("rotation of %s", x)
	}
	r, _ := c.Memo.(*rotateRows)
	if r == nil {
		before := func(i int) []int { s := c.In[i].Shape(); return s[:len(s)-1] }
		r = &rotateRows{size: x.Dim(x.Rank() - 1), rows: kernel.Plan(before(0), before(1), before(2))}
		c.Memo = r
	}
	work := *r
	work.x, work.y = tensor.Data[float32](x), tensor.Data[float32](c.Out[0])
	work.cos, work.sin = tensor.Data[float32](c.In[1]), tensor.Data[float32](c.In[2])
	if len(work.x) > 0 {
		graph.Parallel(c, len(work.x)/work.size, 1+16384/work.size, work)
	}
	return nil
}

func (r *rotateRows) Do(_, lo, hi int) {
	last := len(r.rows.N) - 1
	for i := lo; i < hi; i++ {
		outer, inner := i/r.rows.N[last], i%r.rows.N[last]
		cos := r.rows.Row(0, outer) + inner*r.rows.Last(0)
		sin := r.rows.Row(1, outer) + inner*r.rows.Last(1)
		at := i * r.size
		kernel.RotateHalves(r.y[at:][:r.size], r.x[at:][:r.size], r.cos[cos*r.size:][:r.size], r.sin[sin*r.size:][:r.size], r.size/2)
	}
}
