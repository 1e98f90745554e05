package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

const (
	optElems15  = oldTensors + " seq(" + oldTensors + ")"
	optionals15 = "opt(" + oldTensors + ") opt(seq(" + oldTensors + "))"
	optElems28  = "all seq(all)"
	optionals28 = "opt(all) opt(seq(all))"
)

// Optional is an optional with a value, or without one and of the type in the attribute.
var optional = family(
	&graph.Op{
		Name: "Optional", Since: 28,
		Sig: `(input?:V) -> (output:O)
			V = ` + optElems28 + `; O = ` + optionals28 + `
			type type`,
		Infer: inferOptional, Run: runOptional,
	},
	&graph.Op{Since: 15, Sig: "V = " + optElems15 + "; O = " + optionals15},
)

func inferOptional(c *graph.Infer) error {
	elem := c.Type(0)
	if t, ok := c.Node.Attr("type").(graph.Type); ok && elem.IsZero() {
		elem = t
	} else if !ok && !c.Has(0) {
		return graph.Invalidf("optional without a value or a type")
	}
	if elem.DType == tensor.Optional {
		return graph.Typef("optional of %s", elem)
	}
	c.Set(0, graph.OptOf(elem))
	return nil
}

func runOptional(c *graph.Ctx) error {
	if !c.Has(0) {
		return setElems(c, tensor.Optional, nil)
	}
	if err := chargeElem(c, c.In[0]); err != nil {
		return err
	}
	return setElems(c, tensor.Optional, []*tensor.Tensor{c.In[0]})
}

// OptionalGetElement is the value in an optional; what is not an optional is its own value. It fails for an optional without one.
var optionalGetElement = family(
	&graph.Op{
		Name: "OptionalGetElement", Since: 28,
		Sig: `(input:O) -> (output:V)
			O = ` + optElems28 + " " + optionals28 + `; V = ` + optElems28,
		Infer: inferOptionalGetElement, Run: runOptionalGetElement,
	},
	&graph.Op{Since: 18, Sig: "O = " + optElems15 + " " + optionals15 + "; V = " + optElems15},
	&graph.Op{Since: 15, Sig: "O = " + optionals15},
)

func inferOptionalGetElement(c *graph.Infer) error {
	t := c.Type(0)
	if t.DType != tensor.Optional {
		c.Set(0, t)
	} else if t.Elem != nil {
		c.Set(0, *t.Elem)
	}
	return nil
}

func runOptionalGetElement(c *graph.Ctx) error {
	x := c.In[0]
	if x.DType() == tensor.Optional {
		if len(x.Elems()) == 0 {
			return graph.Shapef("the optional has no value")
		}
		x = x.Elems()[0]
	}
	if y := c.Out[0]; y == nil || x.DType().IsContainer() {
		c.Out[0] = x
		return nil
	} else if y.DType() != x.DType() || !y.Shape().Equal(x.Shape()) {
		return graph.Shapef("the value is %s, want %s", x, y)
	} else if x.DType() == tensor.String {
		copy(y.Strings(), x.Strings())
	} else {
		copy(y.Bytes(), x.Bytes())
	}
	return nil
}

// OptionalHasElement is whether an optional has a value; what is not an optional has one, an absent input has none.
var optionalHasElement = family(
	&graph.Op{
		Name: "OptionalHasElement", Since: 28,
		Sig: `(input?:O) -> (output:B)
			O = ` + optElems28 + " " + optionals28 + `; B = bool`,
		Infer: inferOptionalHasElement, Run: runOptionalHasElement,
	},
	&graph.Op{Since: 18, Sig: "O = " + optElems15 + " " + optionals15},
	&graph.Op{Since: 15, Sig: "(input:O) -> (output:B); O = " + optionals15},
)

func inferOptionalHasElement(c *graph.Infer) error {
	c.SetTensor(0, tensor.Bool)
	return nil
}

func runOptionalHasElement(c *graph.Ctx) error {
	x := c.Input(0)
	tensor.Data[bool](c.Out[0])[0] = x != nil && (x.DType() != tensor.Optional || len(x.Elems()) > 0)
	return nil
}
