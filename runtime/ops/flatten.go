package ops

import (
	"cmp"

	"github.com/onnxrun/onnxrun/graph"
)

// Flatten makes a matrix: the axes before axis are its rows, the others its columns.
var flatten = family(
	&graph.Op{
		Name: "Flatten", Since: 25,
		Sig: `(input:T) -> (output:T)
			T = ` + movable(25) + `
			axis int = 1`,
		Infer: inferFlatten, Run: copyAll, View: true,
		Grad: by1(func(r rule) *graph.Value { return r.like(r.g(0), r.x(0)) }),
	},
	append(movableOps("T", 24, 23, 21, 13, 11, 9), &graph.Op{Since: 1, Sig: "T = f16 f32 f64"})...,
)

func inferFlatten(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	s, ok := c.Shape(0)
	if !ok {
		c.SetTensor(0, c.DType(0), unknowns(2)...)
		return nil
	}
	axis := c.Node.Int("axis")
	if axis < -len(s) || axis > len(s) {
		return graph.Shapef("axis %d is outside of -%d … %d", axis, len(s), len(s))
	}
	if axis < 0 {
		axis += len(s)
	}
	rows, cols := dimProduct(s[:axis]), dimProduct(s[axis:])
	c.SetTensor(0, c.DType(0), rows, cols)
	return cmp.Or(fits(rows, s[:axis]...), fits(cols, s[axis:]...))
}
