package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Gather takes slices along an axis by their indices, which count from the end when they are negative.
var gather = family(
	&graph.Op{
		Name: "Gather", Since: 13,
		Sig: `(data:T, indices:Tind) -> (output:T)
			T = tensor
			Tind = i32 i64
			axis int = 0`,
		Infer: inferGather, Run: runGather,
		Grad: by1(gatherGrad),
	},
	movableOps("T", 11, 1)...,
)

func inferGather(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	d := c.DType(0)
	x, ok1 := c.Shape(0)
	ind, ok2 := c.Shape(1)
	if !ok1 {
		c.Set(0, graph.Unranked(d))
		return nil
	}
	axis, err := graph.Axis(c.Node.Int("axis"), len(x))
	if err != nil {
		return err
	}
	if !ok2 {
		c.Set(0, graph.Unranked(d))
		return nil
	}
	out := slices.Concat(x[:axis], ind, x[axis+1:])
	if err := checkSize(out); err != nil {
		return err
	}
	c.SetTensor(0, d, out...)
	v, ok1 := vector(c, 0)
	at, ok2 := c.ConstInts(1)
	if !ok1 || !ok2 || len(x) != 1 || len(ind) > 1 || len(at) > 64 {
		return nil
	}
	ints := make([]graph.Dim, len(at))
	for i, k := range at {
		if k < -len(v) || k >= len(v) {
			return graph.Shapef("index %d is outside of -%d … %d", k, len(v), len(v)-1)
		}
		ints[i] = v[(k+len(v))%len(v)]
	}
	setVector(c, len(ind), d, ints)
	return nil
}

// normalIndices writes the indices in t, counted from 0, into scratch memory. It fails when one is outside of -n … n-1.
func normalIndices(c *graph.Ctx, t *tensor.Tensor, n int) ([]int64, error) {
	out, err := graph.Scratch[int64](c, t.Len())
	if err != nil {
		return nil, err
	}
	bad := -1
	switch t.DType() {
	case tensor.Int64:
		bad = kernel.Indices(out, tensor.Data[int64](t), n)
	case tensor.Int32:
		bad = kernel.Indices(out, tensor.Data[int32](t), n)
	default:
		return nil, graph.Typef("indices %s", t)
	}
	if bad >= 0 {
		return nil, graph.Shapef("index %v is outside of -%d … %d", t.Float(bad), n, n-1)
	}
	return out, nil
}

type gatherArgs struct {
	y, x        *tensor.Tensor
	index       []int64
	rows, inner int
}

var gatherBodies = widths[gatherArgs]{gatherBody[uint8], gatherBody[uint16], gatherBody[uint32], gatherBody[uint64], gatherBody[complex128], gatherBody[string]}

func gatherBody[T kernel.Cell](a *gatherArgs, _, lo, hi int) {
	kernel.Gather(cells[T](a.y), cells[T](a.x), a.index, a.rows, a.inner, lo, hi)
}

func runGather(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	if x.Rank() == 0 {
		return graph.Shapef("gather from a scalar")
	}
	outer, rows, inner, err := split(x.Shape(), c.Node.Int("axis"))
	if err != nil {
		return err
	}
	index, err := normalIndices(c, c.In[1], rows)
	if err != nil {
		return err
	}
	if y.Len() != outer*len(index)*inner || y.DType() != x.DType() {
		return graph.Shapef("gather of %d from %s as %s", len(index), x, y)
	}
	return gatherBodies.run(c, x.DType(), outer*len(index), 1+32768/max(inner, 1), gatherArgs{y, x, index, rows, inner})
}
