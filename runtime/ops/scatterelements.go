package ops

import (
	"github.com/onnxrun/onnxrun/graph"
)

// ScatterElements is data with single elements replaced, or combined with updates: output[indices[i][j]][j] = updates[i][j]
// along axis 0. Where several updates meet, they are applied in their order.
var scatterElements = family(
	&graph.Op{
		Name: "ScatterElements", Since: 18,
		Sig: `(data:T, indices:Tind, updates:T) -> (output:T)
			T = tensor
			Tind = i32 i64
			axis int = 0; reduction string = none`,
		Infer: inferScatterElements, Run: scattering(runScatterElements), Grad: by(scatterElementsGrad),
	},
	&graph.Op{Since: 16},
	&graph.Op{Since: 13, Sig: "-reduction"},
	&graph.Op{Since: 11, Sig: "T = " + movable(11)},
)

// Scatter is the former name of ScatterElements.
var scatter = family(&graph.Op{
	Name: "Scatter", Since: 9,
	Sig: `(data:T, indices:Tind, updates:T) -> (output:T)
		T = ` + movable(9) + `
		Tind = i32 i64
		axis int = 0`,
	Infer: inferScatterElements, Run: runScatterElements, Grad: by(scatterElementsGrad),
})

func inferScatterElements(c *graph.Infer) error {
	if err := checkIndexed(c, "indices"); err != nil {
		return err
	}
	c.Set(0, graph.Type{DType: c.DType(0), Ranked: c.Type(0).Ranked, Shape: c.Type(0).Shape})
	ind, ok1 := c.Shape(1)
	up, ok2 := c.Shape(2)
	if ok1 && ok2 {
		if err := sameShape(ind, up); err != nil {
			return err
		}
	}
	_, err := combineOf(c.Node)
	return err
}

// sameShape fails when the shapes of indices and updates surely differ.
func sameShape(want, updates []graph.Dim) error {
	differ := len(want) != len(updates)
	for k := 0; k < len(want) && !differ; k++ {
		differ = want[k].IsInt() && updates[k].IsInt() && !want[k].Equal(updates[k])
	}
	if differ {
		return graph.Shapef("updates are %s, want %s", graph.ShapeString(updates), graph.ShapeString(want))
	}
	return nil
}

func runScatterElements(c *graph.Ctx) error {
	x, updates := c.In[0], c.In[2]
	if !updates.Shape().Equal(c.In[1].Shape()) || updates.DType() != x.DType() {
		return graph.Shapef("updates %s for indices %s into %s", updates, c.In[1], x)
	}
	s := memo[indexed](c)
	if err := s.plan(x.Shape(), updates.Shape(), c.Node.Int("axis")); err != nil {
		return err
	}
	axis, _ := graph.Axis(c.Node.Int("axis"), x.Rank())
	index, err := normalIndices(c, c.In[1], x.Dim(axis))
	if err != nil {
		return err
	}
	if err := copyAll(c); err != nil {
		return err
	}
	if s.rows == 0 {
		return nil
	}
	grain := 1 + 16384/(s.block*s.Dims[len(s.Dims)-1])
	return scatterInto(c, s.rows/s.block, grain, scatterArgs{y: c.Out[0], x: updates, index: index, s: s})
}
