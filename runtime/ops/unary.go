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
	ceil       = function("Ceil", "X", "Y", floats(math.Ceil))
	exp        = function("Exp", "input", "output", floats(math.Exp))
	floor      = function("Floor", "X", "Y", floats(math.Floor))
	log        = function("Log", "input", "output", floats(math.Log))
	reciprocal = function("Reciprocal", "X", "Y", floats(func(x float64) float64 { return 1 / x }))
	sigmoid    = function("Sigmoid", "X", "Y", floats(kernel.Sigmoid))
	sqrt       = function("Sqrt", "X", "Y", floats(math.Sqrt))
	tanh       = function("Tanh", "input", "output", floats(math.Tanh))

	acos  = function22("Acos", 7, "input", "output", floats(math.Acos))
	acosh = function22("Acosh", 9, "input", "output", floats(math.Acosh))
	asin  = function22("Asin", 7, "input", "output", floats(math.Asin))
	asinh = function22("Asinh", 9, "input", "output", floats(math.Asinh))
	atan  = function22("Atan", 7, "input", "output", floats(math.Atan))
	atanh = function22("Atanh", 9, "input", "output", floats(math.Atanh))
	cos   = function22("Cos", 7, "input", "output", floats(math.Cos))
	cosh  = function22("Cosh", 9, "input", "output", floats(math.Cosh))
	sin   = function22("Sin", 7, "input", "output", floats(math.Sin))
	sinh  = function22("Sinh", 9, "input", "output", floats(math.Sinh))
	tan   = function22("Tan", 7, "input", "output", floats(math.Tan))

	hardSwish = function22("HardSwish", 14, "X", "Y", halves(func(c *graph.Ctx) error { // x·max(0, min(1, x/6 + ½)) has no attributes
		return mapParams(c, kernel.HardSwish[float32], kernel.HardSwish[float64], 1./6, 0.5)
	}))
	mish     = function22("Mish", 18, "X", "Y", floats(func(x float64) float64 { return x * math.Tanh(kernel.Softplus(x)) }))
	round    = function22("Round", 11, "X", "Y", floats(math.RoundToEven))
	softplus = function22("Softplus", 1, "X", "Y", floats(kernel.Softplus))
	softsign = function22("Softsign", 1, "input", "output", floats(func(x float64) float64 { return x / (1 + math.Abs(x)) }))
)

// Gelu is x·Φ(x) with the normal distribution's Φ, or its tanh approximation (https://arxiv.org/abs/1606.08415).
var gelu = family(&graph.Op{
	Name: "Gelu", Since: 20,
	Sig: `(X:T) -> (Y:T)
		T = float
		approximate string = none`,
	Infer: graph.Same, Run: runGelu, InPlace: true,
})

var (
	geluExact = floats(func(x float64) float64 { return 0.5 * x * math.Erfc(-x/math.Sqrt2) })
	geluTanh  = floats(func(x float64) float64 { return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))) })
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

// withParams runs a function of one number and up to two attributes.
func withParams(f func(x, alpha, beta float64) float64, alpha, beta string) func(*graph.Ctx) error {
	return withLoops(eachParams[float32](f), eachParams[float64](f), alpha, beta)
}

func eachParams[T float32 | float64](f func(x, a, b float64) float64) func(y, x []T, a, b T) {
	return func(y, x []T, a, b T) {
		for i, v := range x {
			y[i] = T(f(float64(v), float64(a), float64(b)))
		}
	}
}

// withLoops runs a loop with up to two attributes (those without a name are 0).
func withLoops(narrow func(y, x []float32, a, b float32), wide func(y, x []float64, a, b float64), alpha, beta string) func(*graph.Ctx) error {
	return halves(func(c *graph.Ctx) error {
		return mapParams(c, narrow, wide, float64(c.Node.Float(alpha)), float64(c.Node.Float(beta)))
	})
}

func mapParams(c *graph.Ctx, narrow func(y, x []float32, a, b float32), wide func(y, x []float64, a, b float64), a, b float64) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		graph.Parallel(c, c.In[0].Len(), 1<<13, paramArgs[float32]{tensor.Data[float32](c.Out[0]), tensor.Data[float32](c.In[0]), float32(a), float32(b), narrow})
	case tensor.Float64:
		graph.Parallel(c, c.In[0].Len(), 1<<13, paramArgs[float64]{tensor.Data[float64](c.Out[0]), tensor.Data[float64](c.In[0]), a, b, wide})
	default:
		return graph.Typef("input is %s", c.In[0])
	}
	return nil
}

type paramArgs[T float32 | float64] struct {
	y, x []T
	a, b T
	f    func(y, x []T, a, b T)
}

func (p *paramArgs[T]) Do(_, lo, hi int) { p.f(p.y[lo:hi], p.x[lo:hi], p.a, p.b) }

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
	elu = activation("Elu", 22, "alpha float = 1", withParams(func(x, alpha, _ float64) float64 {
		if x < 0 {
			return alpha * math.Expm1(x)
		}
		return x
	}, "alpha", ""), "")
	hardSigmoid = activation("HardSigmoid", 22, "alpha float = 0.2; beta float = 0.5", withLoops(kernel.HardSigmoid[float32], kernel.HardSigmoid[float64], "alpha", "beta"), "")
	leakyRelu   = activation("LeakyRelu", 16, "alpha float = 0.01", withLoops(kernel.LeakyRelu[float32], kernel.LeakyRelu[float64], "alpha", ""), "")
	selu        = activation("Selu", 22, "alpha float = 1.6732631921768188; gamma float = 1.0507010221481323", withParams(func(x, alpha, gamma float64) float64 {
		if x <= 0 {
			return gamma * alpha * math.Expm1(x)
		}
		return gamma * x
	}, "alpha", "gamma"), "alpha float = 1.6732; gamma float = 1.0507")
	swish = family(&graph.Op{
		Name: "Swish", Since: 24,
		Sig:   "(X:T) -> (Y:T); T = float; alpha float = 1",
		Infer: graph.Same, InPlace: true,
		Run: withParams(func(x, alpha, _ float64) float64 { return x * kernel.Sigmoid(alpha*x) }, "alpha", ""),
	})
	celu = family(
		&graph.Op{
			Name: "Celu", Since: 28,
			Sig:   "(X:T) -> (Y:T); T = float; alpha float = 1",
			Infer: graph.Same, InPlace: true,
			Run: withParams(func(x, alpha, _ float64) float64 { return max(0, x) + min(0, alpha*math.Expm1(x/alpha)) }, "alpha", ""),
		},
		&graph.Op{Since: 12, Sig: "T = f32"},
	)
	thresholdedRelu = family(
		&graph.Op{
			Name: "ThresholdedRelu", Since: 22,
			Sig:   "(X:T) -> (Y:T); T = float; alpha float = 1",
			Infer: graph.Same, InPlace: true,
			Run: withParams(func(x, alpha, _ float64) float64 {
				if x > alpha {
					return x
				}
				return 0
			}, "alpha", ""),
		},
		&graph.Op{Since: 10, Sig: "T = f16 f32 f64"},
	)
)
