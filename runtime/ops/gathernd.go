package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// GatherND takes slices whose place is given by tuples of indices, the last axis of the indices, after batch_dims common axes.
var gatherND = family(
	&graph.Op{
		Name: "GatherND", Since: 13,
		Sig: `(data:T, indices:i64) -> (output:T)
			T = tensor
			batch_dims int = 0`,
		Infer: inferGatherND, Run: runGatherND,
		Grad: by1(movedGrad),
	},
	&graph.Op{Since: 12, Sig: "T = " + movable(12)},
	&graph.Op{Since: 11, Sig: "-batch_dims"},
)

func inferGatherND(c *graph.Infer) error {
	for i := range c.In {
		if err := needTensor(c, i); err != nil {
			return err
		}
	}
	d := c.DType(0)
	c.Set(0, graph.Unranked(d))
	x, ok1 := c.Shape(0)
	ind, ok2 := c.Shape(1)
	if !ok1 || !ok2 {
		return nil
	}
	b := c.Node.Int("batch_dims")
	if b < 0 || b >= min(len(x), len(ind)) {
		return graph.Shapef("batch_dims %d for data of %d and indices of %d axes", b, len(x), len(ind))
	}
	for k := range b {
		if n, ok1 := x[k].Int(); ok1 {
			if m, ok2 := ind[k].Int(); ok2 && n != m {
				return graph.Shapef("data %s and indices %s differ in batch axis %d", graph.ShapeString(x), graph.ShapeString(ind), k)
			}
		}
	}
	q, ok := ind[len(ind)-1].Int()
	if !ok {
		return nil
	}
	if q < 1 || q > len(x)-b {
		return graph.Shapef("tuples of %d indices into %s after %d batch axes", q, graph.ShapeString(x), b)
	}
	out := slices.Concat(ind[:len(ind)-1], x[b+q:])
	if err := checkSize(out); err != nil {
		return err
	}
	c.SetTensor(0, d, out...)
	return nil
}

// tupleRows finds the rows of dims that tuples of indices, each len(dims) long, point at: the flat index over dims, into scratch memory.
// With batches, the first part of the tuples points into the first batch of rows, and so on.
func tupleRows(c *graph.Ctx, tuples []int64, dims tensor.Shape, batches int) ([]int64, error) {
	q := len(dims)
	n := len(tuples) / q
	rows, err := graph.Scratch[int64](c, n)
	if err != nil {
		return nil, err
	}
	per, perBatch := dims.Elems(), n/max(batches, 1)
	for t := range rows {
		row := 0
		for k, d := range dims {
			i := tuples[t*q+k]
			if i < -int64(d) || i >= int64(d) {
				return nil, graph.Shapef("index %d is outside of -%d … %d", i, d, d-1)
			}
			if i < 0 {
				i += int64(d)
			}
			row = row*d + int(i)
		}
		rows[t] = int64(t/perBatch*per + row)
	}
	return rows, nil
}

func runGatherND(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	ind := c.In[1].Shape()
	if len(ind) == 0 || x.Rank() == 0 || y == nil {
		return graph.Shapef("tuples %s into data %s", c.In[1], x)
	}
	b, q := c.Node.Int("batch_dims"), ind[len(ind)-1]
	if b < 0 || q < 1 || b+q > x.Rank() || b >= len(ind) || y.DType() != x.DType() {
		return graph.Shapef("tuples %s into data %s after %d batch axes", c.In[1], x, b)
	}
	rows, err := tupleRows(c, tensor.Data[int64](c.In[1]), x.Shape()[b:b+q], x.Shape()[:b].Elems())
	if err != nil {
		return err
	}
	inner := x.Shape()[b+q:].Elems()
	if y.Len() != len(rows)*inner {
		return graph.Shapef("%d slices of %d elements as %s", len(rows), inner, y)
	}
	return gatherBodies.run(c, x.DType(), len(rows), 1+32768/max(inner, 1), gatherArgs{y, x, rows, x.Shape()[:b+q].Elems(), inner})
}
