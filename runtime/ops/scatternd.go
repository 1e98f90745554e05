package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// ScatterND is data with slices replaced, or combined with updates; their places are given by tuples of indices, the last axis of the
// indices. Where several updates meet, they are applied in their order.
var scatterND = family(
	&graph.Op{
		Name: "ScatterND", Since: 18,
		Sig: `(data:T, indices:i64, updates:T) -> (output:T)
			T = tensor
			reduction string = none`,
		Infer: inferScatterND, Run: scattering(runScatterND), Grad: by(scatterNDGrad),
	},
	&graph.Op{Since: 16},
	&graph.Op{Since: 13, Sig: "-reduction"},
	&graph.Op{Since: 11, Sig: "T = " + movable(11)},
)

func inferScatterND(c *graph.Infer) error {
	for i := range c.In {
		if err := needTensor(c, i); err != nil {
			return err
		}
	}
	c.Set(0, c.Type(0))
	x, ok1 := c.Shape(0)
	ind, ok2 := c.Shape(1)
	up, ok3 := c.Shape(2)
	if ok1 && ok2 {
		if len(x) == 0 || len(ind) == 0 {
			return graph.Shapef("tuples %s into data %s", graph.ShapeString(ind), graph.ShapeString(x))
		}
		if q, ok := ind[len(ind)-1].Int(); ok {
			if q < 1 || q > len(x) {
				return graph.Shapef("tuples of %d indices into %s", q, graph.ShapeString(x))
			}
			if ok3 {
				if err := sameShape(slices.Concat(ind[:len(ind)-1], x[q:]), up); err != nil {
					return err
				}
			}
		}
	}
	_, err := combineOf(c.Node)
	return err
}

func runScatterND(c *graph.Ctx) error {
	x, updates := c.In[0], c.In[2]
	ind := c.In[1].Shape()
	if len(ind) == 0 || ind[len(ind)-1] < 1 || ind[len(ind)-1] > x.Rank() || updates.DType() != x.DType() {
		return graph.Shapef("tuples %s and updates %s into data %s", c.In[1], updates, x)
	}
	q := ind[len(ind)-1]
	rows, err := tupleRows(c, tensor.Data[int64](c.In[1]), x.Shape()[:q], 1)
	if err != nil {
		return err
	}
	inner := x.Shape()[q:].Elems()
	if updates.Len() != len(rows)*inner {
		return graph.Shapef("updates %s for %d slices of %d elements", updates, len(rows), inner)
	}
	if err := copyAll(c); err != nil {
		return err
	}
	if len(rows) == 0 || inner == 0 {
		return nil
	}
	return scatterInto(c, inner, 1+16384/len(rows), scatterArgs{y: c.Out[0], x: updates, index: rows, inner: inner})
}
