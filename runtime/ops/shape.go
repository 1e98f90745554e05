package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Shape is the extents of a tensor, those of the axes from start to before end.
var shapeOp = family(
	&graph.Op{
		Name: "Shape", Since: 25,
		Sig: `(data:T) -> (shape:T1)
			T = ` + movable(25) + `
			T1 = i64
			start int = 0
			end int`,
		Infer: inferShape, Run: runShape,
	},
	append(movableOps("T", 24, 23, 21, 19, 15),
		&graph.Op{Since: 13, Sig: "-start; -end"},
		&graph.Op{Since: 1, Sig: "T = " + movable(1)},
	)...,
)

// Size is the number of elements of a tensor.
var sizeOp = family(
	&graph.Op{
		Name: "Size", Since: 25,
		Sig: `(data:T) -> (size:T1)
			T = ` + movable(25) + `
			T1 = i64`,
		Infer: inferSize, Run: runSize,
	},
	movableOps("T", 24, 23, 21, 19, 13, 1)...,
)

// shapeRange is the axes that Shape looks at.
func shapeRange(n *graph.Node, rank int) (start, end int) {
	clamp := func(v int) int {
		if v < 0 {
			v += rank
		}
		return min(max(v, 0), rank)
	}
	start, end = clamp(n.Int("start")), rank
	if n.HasAttr("end") {
		end = clamp(n.Int("end"))
	}
	return start, max(start, end)
}

func inferShape(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	s, ok := c.Shape(0)
	if !ok {
		c.SetTensor(0, tensor.Int64, graph.Unknown())
		return nil
	}
	start, end := shapeRange(c.Node, len(s))
	c.SetTensor(0, tensor.Int64, graph.Size(end-start))
	setVector(c, 1, tensor.Int64, s[start:end])
	return nil
}

func runShape(c *graph.Ctx) error {
	s, y := c.In[0].Shape(), tensor.Data[int64](c.Out[0])
	start, end := shapeRange(c.Node, len(s))
	if len(y) != end-start {
		return graph.Shapef("shape of %s as %s", c.In[0], c.Out[0])
	}
	for i, d := range s[start:end] {
		y[i] = int64(d)
	}
	return nil
}

func inferSize(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	c.SetTensor(0, tensor.Int64)
	if s, ok := c.Shape(0); ok {
		setVector(c, 0, tensor.Int64, []graph.Dim{dimProduct(s)})
	}
	return nil
}

func runSize(c *graph.Ctx) error {
	tensor.Data[int64](c.Out[0])[0] = int64(c.In[0].Len())
	return nil
}
