package pass

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
)

// FuseActivation finds the activations that older opsets spell out, in the forms in which exporters do.
func FuseActivation(reg *graph.Registry, g *graph.Graph) (bool, error) {
	a, err := rewrite(reg, g, gateRules) // first: the rules after them read their results
	if err != nil {
		return a, err
	}
	b, err := rewrite(reg, g, activationRules)
	return a || b, err
}

// relu6 is min(max(t, 0), 6).
func relu6(t string) string {
	return "Clip(" + t + ", 0, 6) | Min(Relu(" + t + ") | Max(" + t + ", 0), 6)"
}

var gateRules = []rule{
	{parse("Div(1, Add(Exp(Neg(x)), 1)) | Reciprocal(Add(Exp(Neg(x)), 1))"), unaryOp("Sigmoid")},
	{parse("Log(Add(Exp(x), 1))"), unaryOp("Softplus")},
	{parse("Div(" + relu6("Add(x, 3)") + ", 6) | Mul(" + relu6("Add(x, 3)") + ", 0.16666666666666666)"), func(b *graph.Builder, m *match) *graph.Value {
		return b.Op("HardSigmoid", m.val("x"), graph.Float("alpha", 1./6), graph.Float("beta", 0.5))
	}},
}

var activationRules = []rule{
	{parse("Mul(x, Sigmoid(x)) | Div(x, Add(Exp(Neg(x)), 1))"), unaryOp("Swish")},
	{parse("Mul(x, Sigmoid(Mul(x, #a)))"), func(b *graph.Builder, m *match) *graph.Value {
		return b.Op("Swish", m.val("x"), graph.Float("alpha", float32(m.float("a"))))
	}},
	{parse("Mul(x, Tanh(Softplus(x)))"), unaryOp("Mish")},
	{parse("Mul(x, h=HardSigmoid(x))"), func(b *graph.Builder, m *match) *graph.Value {
		n := m.node("h")
		if math.Abs(float64(n.Float("alpha"))-1./6) > 1e-6 || n.Float("beta") != 0.5 {
			return nil
		}
		return b.Op("HardSwish", m.val("x"))
	}},
	{parse("Div(Mul(x, " + relu6("Add(x, 3)") + "), 6) | Mul(Mul(x, " + relu6("Add(x, 3)") + "), 0.16666666666666666)"), unaryOp("HardSwish")},
	{parse("Mul(Div(x, 6) | Mul(x, 0.16666666666666666), " + relu6("Add(x, 3)") + ")"), unaryOp("HardSwish")},
}

// unaryOp builds the operator on x.
func unaryOp(name string) func(*graph.Builder, *match) *graph.Value {
	return func(b *graph.Builder, m *match) *graph.Value { return b.Op(name, m.val("x")) }
}
