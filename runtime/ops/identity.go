package ops

import "github.com/onnxrun/onnxrun/graph"

const (
	oldTensors = "int bool c64 c128 f16 f32 f64 str" // what sequences and optionals may hold
	optionals  = " seq(" + oldTensors + ") opt(seq(" + oldTensors + ")) opt(" + oldTensors + ")"
)

// Identity is its input: a tensor, a sequence or an optional.
var identity = family(
	&graph.Op{
		Name: "Identity", Since: 25,
		Sig: `(input:V) -> (output:V)
			V = ` + movable(25) + optionals,
		Infer: inferIdentity, Run: runIdentity, View: true,
		Grad: by1(func(r rule) *graph.Value { return r.g(0) }),
	},
	&graph.Op{Since: 24, Sig: "V = " + movable(24) + optionals},
	&graph.Op{Since: 23, Sig: "V = " + movable(23) + optionals},
	&graph.Op{Since: 21, Sig: "V = " + movable(21) + optionals},
	&graph.Op{Since: 19, Sig: "V = " + movable(19) + optionals},
	&graph.Op{Since: 16, Sig: "V = " + movable(16) + optionals},
	&graph.Op{Since: 14, Sig: "V = " + movable(14) + " seq(" + oldTensors + ")"},
	&graph.Op{Since: 13, Sig: "(input:T) -> (output:T); T = " + movable(13)},
	&graph.Op{Since: 1, Sig: "T = " + movable(1)},
)

func inferIdentity(c *graph.Infer) error {
	c.Set(0, c.Type(0))
	if v, ok := vector(c, 0); ok {
		setVector(c, len(c.Type(0).Shape), c.DType(0), v)
	}
	return nil
}

func runIdentity(c *graph.Ctx) error {
	if x := c.In[0]; x.DType().IsContainer() {
		c.Out[0] = x
		return nil
	}
	return copyAll(c)
}
