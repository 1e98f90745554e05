package ops

import (
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// ConstantOfShape is a tensor of the given shape in which every element is the only one of value, or 0 in float32.
var constantOfShape = family(
	&graph.Op{
		Name: "ConstantOfShape", Since: 25,
		Sig: `(input:T1) -> (output:T2)
			T1 = i64
			T2 = ` + fillable(25) + `
			value tensor`,
		Infer: inferConstantOfShape, Run: runConstantOfShape,
	},
	&graph.Op{Since: 24, Sig: "T2 = " + fillable(24)},
	&graph.Op{Since: 23, Sig: "T2 = " + fillable(23)},
	&graph.Op{Since: 21, Sig: "T2 = " + fillable(21)},
	&graph.Op{Since: 20, Sig: "T2 = " + fillable(20)},
	&graph.Op{Since: 9, Sig: "T2 = int bool f16 f32 f64"},
)

// fillable is movable without strings and complex numbers.
func fillable(version int) string { return strings.Replace(movable(version), "tensor", "num bool", 1) }

var zeroFloat = tensor.Scalar(float32(0))

func constantOfShapeValue(n *graph.Node) (*tensor.Tensor, error) {
	v := n.Tensor("value")
	if v == nil {
		return zeroFloat, nil
	}
	if v.DType().IsContainer() || v.Len() != 1 {
		return nil, graph.Shapef("value %s, want one element", v)
	}
	return v, nil
}

func inferConstantOfShape(c *graph.Infer) error {
	v, err := constantOfShapeValue(c.Node)
	if err != nil {
		return err
	}
	d := v.DType()
	shape, ok, err := shapeInput(c, 0)
	if err != nil {
		return err
	}
	if !ok {
		c.Set(0, graph.Unranked(d))
		return nil
	}
	if err := checkSize(shape); err != nil {
		return err
	}
	c.SetTensor(0, d, shape...)
	n := 1
	if len(shape) == 1 {
		if n, ok = shape[0].Int(); !ok || n > 64 {
			return nil
		}
	}
	if followsInts(d) && len(shape) <= 1 {
		x, err := appendInts(nil, v)
		if err != nil {
			return err
		}
		setVector(c, len(shape), d, repeated(graph.Size(x[0]), n))
	}
	return nil
}

func runConstantOfShape(c *graph.Ctx) error {
	v, err := constantOfShapeValue(c.Node)
	if err != nil {
		return err
	}
	return fill(c, c.Out[0], v)
}
