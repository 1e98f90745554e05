package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Constant is the one attribute that the node has.
var constant = family(
	&graph.Op{
		Name: "Constant", Since: 25,
		Sig: `() -> (output:T)
			T = ` + movable(25) + `
			value tensor
			sparse_value sparse
			value_float float
			value_floats floats
			value_int int
			value_ints ints
			value_string string
			value_strings strings`,
		Infer: inferConstant, Run: runConstant,
	},
	append(movableOps("T", 24, 23, 21, 19, 13, 12),
		&graph.Op{Since: 11, Sig: "-value_float; -value_floats; -value_int; -value_ints; -value_string; -value_strings"},
		&graph.Op{Since: 9, Sig: "-sparse_value; value tensor!"},
		&graph.Op{Since: 1, Sig: "T = f16 f32 f64"},
	)...,
)

func constantValue(n *graph.Node) (*tensor.Tensor, error) {
	for _, name := range []string{"value", "sparse_value", "value_float", "value_floats", "value_int", "value_ints", "value_string", "value_strings"} {
		switch v := n.Attr(name).(type) {
		case *tensor.Tensor:
			if v != nil && !v.DType().IsContainer() {
				return v, nil
			}
		case float32:
			return tensor.Scalar(v), nil
		case int64:
			return tensor.Scalar(v), nil
		case string:
			return tensor.OfStrings([]string{v}, []int{}...)
		case []float32:
			return tensor.Of(v, len(v))
		case []int64:
			return tensor.Of(v, len(v))
		case []string:
			return tensor.OfStrings(v, len(v))
		}
	}
	return nil, graph.Invalidf("constant without a value")
}

func inferConstant(c *graph.Infer) error {
	t, err := constantValue(c.Node)
	if err != nil {
		return err
	}
	if len(c.Out) == 0 {
		return nil
	}
	c.Out[0].Const = t
	c.Set(0, graph.TypeOf(t))
	if followsInts(t.DType()) && t.Rank() <= 1 && t.Len() <= 64 {
		ints, err := appendInts(nil, t)
		if err != nil {
			return err
		}
		setVector(c, t.Rank(), t.DType(), graph.Dims(ints...))
	}
	return nil
}

func runConstant(c *graph.Ctx) error {
	m := memo[struct{ value *tensor.Tensor }](c)
	if m.value == nil {
		t, err := constantValue(c.Node)
		if err != nil {
			return err
		}
		m.value = t
	}
	copy(c.Out[0].Bytes(), m.value.Bytes())
	copy(c.Out[0].Strings(), m.value.Strings())
	return nil
}
