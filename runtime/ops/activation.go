package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// activationSig are the attributes of a fused operator that ends in an activation: the name of the function ("" for none) and its
// parameters, which have the defaults of the operator of that name.
const activationSig = "activation string; alpha float; beta float"

// activationOf reads the attributes activation, alpha and beta. The names are those of the standard's operators, and Silu (Swish with alpha 1),
// QuickGelu (Swish with alpha 1.702) and GeluTanh (Gelu with approximate = tanh). Clip bounds by alpha and beta, Selu's gamma is beta.
func activationOf(n *graph.Node) (kernel.Activation, error) {
	name := n.Str("activation")
	if name == "Silu" || name == "QuickGelu" {
		name = "Swish"
	}
	kind, ok := kernel.ActByName(name)
	if !ok {
		return kernel.Activation{}, graph.Invalidf("activation %q is not known", name)
	}
	a := kernel.Activation{Kind: kind}
	a.Alpha, a.Beta = activationDefaults(kind)
	if n.Str("activation") == "QuickGelu" {
		a.Alpha = 1.702
	}
	if n.HasAttr("alpha") {
		a.Alpha = n.Float("alpha")
	}
	if n.HasAttr("beta") {
		a.Beta = n.Float("beta")
	}
	return a, nil
}

func activationDefaults(kind kernel.Act) (alpha, beta float32) {
	switch kind {
	case kernel.ActClip:
		return float32(math.Inf(-1)), float32(math.Inf(1))
	case kernel.ActLeakyRelu:
		return 0.01, 0
	case kernel.ActHardSigmoid:
		return 0.2, 0.5
	case kernel.ActHardSwish:
		return 1. / 6, 0.5
	case kernel.ActSelu:
		return 1.6732632, 1.0507010
	case kernel.ActElu, kernel.ActCelu, kernel.ActSwish, kernel.ActThresholdedRelu:
		return 1, 0
	}
	return 0, 0
}

// expandActivation applies the activation of a fused operator n to x by operators of the standard.
func expandActivation(b *graph.Builder, n *graph.Node, x *graph.Value) *graph.Value {
	a, err := activationOf(n)
	if err != nil {
		b.Fail(err)
		return nil
	}
	return buildActivation(b, a, x)
}

func buildActivation(b *graph.Builder, a kernel.Activation, x *graph.Value) *graph.Value {
	alpha, beta := graph.Float("alpha", a.Alpha), graph.Float("beta", a.Beta)
	switch a.Kind {
	case kernel.ActNone:
		return x
	case kernel.ActClip:
		return b.Op("Clip", x, bound(b, x, a.Alpha), bound(b, x, a.Beta))
	case kernel.ActHardSwish:
		if one, half := activationDefaults(a.Kind); a.Alpha != one || a.Beta != half {
			return b.Op("Mul", x, b.Op("HardSigmoid", x, alpha, beta))
		}
	case kernel.ActHardSigmoid:
		return b.Op("HardSigmoid", x, alpha, beta)
	case kernel.ActSelu:
		return b.Op("Selu", x, alpha, graph.Float("gamma", a.Beta))
	case kernel.ActLeakyRelu, kernel.ActElu, kernel.ActCelu, kernel.ActSwish, kernel.ActThresholdedRelu:
		return b.Op(a.Kind.String(), x, alpha)
	case kernel.ActGeluTanh:
		return b.Op("Gelu", x, graph.Str("approximate", "tanh"))
	}
	return b.Op(a.Kind.String(), x)
}

// bound is a limit of Clip, nil for one that does not limit.
func bound(b *graph.Builder, x *graph.Value, v float32) *graph.Value {
	if math.IsInf(float64(v), 0) {
		return nil
	}
	return b.Scalar(x.Type.DType, float64(v))
}
