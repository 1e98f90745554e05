package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// floats runs a function of one number over float32 and float64 tensors; half precision comes through float32.
func floats(f func(float64) float64) func(*graph.Ctx) error {
	narrow, wide := kernel.Each[float32](f), kernel.Each[float64](f)
	return halves(func(c *graph.Ctx) error {
		switch c.In[0].DType() {
		case tensor.Float32:
			mapUnary(c, narrow)
		case tensor.Float64:
			mapUnary(c, wide)
		default:
			return graph.Typef("input is %s", c.In[0])
		}
		return nil
	})
}

// applied runs a function that has vector instructions for float32; alpha and beta name the attributes with its parameters, "" where it has none.
func applied(kind kernel.Act, alpha, beta string) func(*graph.Ctx) error {
	return halves(func(c *graph.Ctx) error {
		a := kernel.Activation{Kind: kind}
		a.Alpha, a.Beta = activationDefaults(kind)
		if alpha != "" {
			a.Alpha = c.Node.Float(alpha)
		}
		if beta != "" {
			a.Beta = c.Node.Float(beta)
		}
		return apply(c, a)
	})
}

// apply computes output 0 from input 0, which are float32 or float64.
func apply(c *graph.Ctx, a kernel.Activation) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		graph.Parallel(c, c.In[0].Len(), 1<<14, activateArgs{tensor.Data[float32](c.Out[0]), tensor.Data[float32](c.In[0]), a})
	case tensor.Float64:
		graph.Parallel(c, c.In[0].Len(), 1<<13, activateWideArgs{tensor.Data[float64](c.Out[0]), tensor.Data[float64](c.In[0]), a})
	default:
		return graph.Typef("input is %s", c.In[0])
	}
	return nil
}

type activateArgs struct {
	y, x []float32
	a    kernel.Activation
}

func (p *activateArgs) Do(_, lo, hi int) { kernel.Activate(p.y[lo:hi], p.x[lo:hi], p.a) }

type activateWideArgs struct {
	y, x []float64
	a    kernel.Activation
}

func (p *activateWideArgs) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		p.y[i] = p.a.At(p.x[i])
	}
}

// function is an operator of one floating-point input X and output Y with the versions 1, 6 and 13.
func function(name, in, out string, run func(*graph.Ctx) error) []*graph.Op {
	return family(
		&graph.Op{
			Name: name, Since: 13,
			Sig:   "(" + in + ":T) -> (" + out + ":T); T = float",
			Infer: graph.Same, Run: run, InPlace: true,
		},
		&graph.Op{Since: 6, Sig: "T = f16 f32 f64"},
		&graph.Op{Since: 1, Sig: "consumed_inputs ints"},
	)
}

// function22 is one of versions since and 22, which added bfloat16.
func function22(name string, since int, in, out string, run func(*graph.Ctx) error) []*graph.Op {
	return family(
		&graph.Op{
			Name: name, Since: 22,
			Sig:   "(" + in + ":T) -> (" + out + ":T); T = float",
			Infer: graph.Same, Run: run, InPlace: true,
		},
		&graph.Op{Since: since, Sig: "T = f16 f32 f64"},
	)
}

// Functions of one number, element by element.
var (
	ceil       = flat(function("Ceil", "X", "Y", applied(kernel.ActCeil, "", "")))
	exp        = grad1(function("Exp", "input", "output", applied(kernel.ActExp, "", "")), func(r rule) *graph.Value { return r.mul(r.g(0), r.y(0)) })
	floor      = flat(function("Floor", "X", "Y", applied(kernel.ActFloor, "", "")))
	log        = grad1(function("Log", "input", "output", applied(kernel.ActLog, "", "")), func(r rule) *graph.Value { return r.div(r.g(0), r.x(0)) })
	reciprocal = grad1(function("Reciprocal", "X", "Y", applied(kernel.ActReciprocal, "", "")), func(r rule) *graph.Value { return r.neg(r.mul(r.g(0), r.square(r.y(0)))) })
	sigmoid    = grad1(function("Sigmoid", "X", "Y", applied(kernel.ActSigmoid, "", "")), func(r rule) *graph.Value { return r.mul(r.g(0), r.mul(r.y(0), r.sub(r.num(1), r.y(0)))) })
	sqrt       = grad1(function("Sqrt", "X", "Y", applied(kernel.ActSqrt, "", "")), func(r rule) *graph.Value { return r.div(r.g(0), r.mul(r.num(2), r.y(0))) })
	tanh       = grad1(function("Tanh", "input", "output", applied(kernel.ActTanh, "", "")), func(r rule) *graph.Value { return r.mul(r.g(0), r.sub(r.num(1), r.square(r.y(0)))) })

	acos = grad1(function22("Acos", 7, "input", "output", floats(math.Acos)), func(r rule) *graph.Value {
		return r.neg(r.div(r.g(0), r.Op("Sqrt", r.sub(r.num(1), r.square(r.x(0))))))
	})
	acosh = grad1(function22("Acosh", 9, "input", "output", floats(math.Acosh)), func(r rule) *graph.Value { return r.div(r.g(0), r.Op("Sqrt", r.sub(r.square(r.x(0)), r.num(1)))) })
	asin  = grad1(function22("Asin", 7, "input", "output", floats(math.Asin)), func(r rule) *graph.Value { return r.div(r.g(0), r.Op("Sqrt", r.sub(r.num(1), r.square(r.x(0))))) })
	asinh = grad1(function22("Asinh", 9, "input", "output", floats(math.Asinh)), func(r rule) *graph.Value { return r.div(r.g(0), r.Op("Sqrt", r.add(r.square(r.x(0)), r.num(1)))) })
	atan  = grad1(function22("Atan", 7, "input", "output", floats(math.Atan)), func(r rule) *graph.Value { return r.div(r.g(0), r.add(r.num(1), r.square(r.x(0)))) })
	atanh = grad1(function22("Atanh", 9, "input", "output", floats(math.Atanh)), func(r rule) *graph.Value { return r.div(r.g(0), r.sub(r.num(1), r.square(r.x(0)))) })
	cos   = grad1(function22("Cos", 7, "input", "output", applied(kernel.ActCos, "", "")), func(r rule) *graph.Value { return r.neg(r.mul(r.g(0), r.Op("Sin", r.x(0)))) })
	cosh  = grad1(function22("Cosh", 9, "input", "output", floats(math.Cosh)), func(r rule) *graph.Value { return r.mul(r.g(0), r.Op("Sinh", r.x(0))) })
	sin   = grad1(function22("Sin", 7, "input", "output", applied(kernel.ActSin, "", "")), func(r rule) *graph.Value { return r.mul(r.g(0), r.Op("Cos", r.x(0))) })
	sinh  = grad1(function22("Sinh", 9, "input", "output", floats(math.Sinh)), func(r rule) *graph.Value { return r.mul(r.g(0), r.Op("Cosh", r.x(0))) })
	tan   = grad1(function22("Tan", 7, "input", "output", floats(math.Tan)), func(r rule) *graph.Value { return r.mul(r.g(0), r.add(r.num(1), r.square(r.y(0)))) })

	hardSwish = grad1(function22("HardSwish", 14, "X", "Y", applied(kernel.ActHardSwish, "", "")), hardSwishGrad)
	mish      = grad1(function22("Mish", 18, "X", "Y", applied(kernel.ActMish, "", "")), mishGrad)
	round     = flat(function22("Round", 11, "X", "Y", applied(kernel.ActRound, "", "")))
	softplus  = grad1(function22("Softplus", 1, "X", "Y", applied(kernel.ActSoftplus, "", "")), func(r rule) *graph.Value { return r.mul(r.g(0), r.Op("Sigmoid", r.x(0))) })
	softsign  = grad1(function22("Softsign", 1, "input", "output", applied(kernel.ActSoftsign, "", "")), func(r rule) *graph.Value { return r.div(r.g(0), r.square(r.add(r.num(1), r.Op("Abs", r.x(0))))) })
)

// Gelu is x·Φ(x) with the normal distribution's Φ, or its tanh approximation (https://arxiv.org/abs/1606.08415).
var gelu = grad1(family(&graph.Op{
	Name: "Gelu", Since: 20,
	Sig: `(X:T) -> (Y:T)
		T = float
		approximate string = none`,
	Infer: graph.Same, Run: runGelu, InPlace: true,
}), geluGrad)

var (
	geluExact = applied(kernel.ActGelu, "", "")
	geluTanh  = applied(kernel.ActGeluTanh, "", "")
)

func runGelu(c *graph.Ctx) error {
	switch a := c.Node.Str("approximate"); a {
	case "none":
		return geluExact(c)
	case "tanh":
		return geluTanh(c)
	default:
		return graph.Invalidf("approximate %q is neither none nor tanh", a)
	}
}

// activation is a function with attributes that has the versions 1, 6 and newest.
func activation(name string, newest int, attrs string, run func(*graph.Ctx) error, oldest string) []*graph.Op {
	return family(
		&graph.Op{
			Name: name, Since: newest,
			Sig:   "(X:T) -> (Y:T); T = float; " + attrs,
			Infer: graph.Same, Run: run, InPlace: true,
		},
		&graph.Op{Since: 6, Sig: "T = f16 f32 f64"},
		&graph.Op{Since: 1, Sig: "consumed_inputs ints; " + oldest},
	)
}

// Activations with parameters.
var (
	elu         = grad1(activation("Elu", 22, "alpha float = 1", applied(kernel.ActElu, "alpha", ""), ""), eluGrad)
	hardSigmoid = grad1(activation("HardSigmoid", 22, "alpha float = 0.2; beta float = 0.5", applied(kernel.ActHardSigmoid, "alpha", "beta"), ""), hardSigmoidGrad)
	leakyRelu   = grad1(activation("LeakyRelu", 16, "alpha float = 0.01", applied(kernel.ActLeakyRelu, "alpha", ""), ""), leakyReluGrad)
	selu        = grad1(activation("Selu", 22, "alpha float = 1.6732631921768188; gamma float = 1.0507010221481323", applied(kernel.ActSelu, "alpha", "gamma"), "alpha float = 1.6732; gamma float = 1.0507"), seluGrad)
	swish       = grad1(family(&graph.Op{
		Name: "Swish", Since: 24,
		Sig:   "(X:T) -> (Y:T); T = float; alpha float = 1",
		Infer: graph.Same, InPlace: true,
		Run: applied(kernel.ActSwish, "alpha", ""),
	}), swishGrad)
	celu = grad1(family(
		&graph.Op{
			Name: "Celu", Since: 28,
			Sig:   "(X:T) -> (Y:T); T = float; alpha float = 1",
			Infer: graph.Same, InPlace: true,
			Run: applied(kernel.ActCelu, "alpha", ""),
		},
		&graph.Op{Since: 12, Sig: "T = f32"},
	), celuGrad)
	thresholdedRelu = grad1(family(
		&graph.Op{
			Name: "ThresholdedRelu", Since: 22,
			Sig:   "(X:T) -> (Y:T); T = float; alpha float = 1",
			Infer: graph.Same, InPlace: true,
			Run: applied(kernel.ActThresholdedRelu, "alpha", ""),
		},
		&graph.Op{Since: 10, Sig: "T = f16 f32 f64"},
	), thresholdedReluGrad)
)
