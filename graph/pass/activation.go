package pass

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
)

// activationAttrs says how a fused operator computes what the node n computes of its first input: the attributes activation, alpha and beta. It
// reports false for nodes that are no activation, and for bounds that are no constants.
func activationAttrs(n *graph.Node) ([]graph.Attr, bool) {
	if n.Op.Domain != "" {
		return nil, false
	}
	name := n.Op.Name
	switch name {
	case "Relu", "Sigmoid", "Tanh", "HardSwish", "Softplus", "Softsign", "Mish":
		return []graph.Attr{graph.Str("activation", name)}, true
	case "Gelu":
		if n.Str("approximate") == "tanh" {
			name = "GeluTanh"
		}
		return []graph.Attr{graph.Str("activation", name)}, true
	case "LeakyRelu", "Elu", "Celu", "ThresholdedRelu", "Swish":
		return []graph.Attr{graph.Str("activation", name), graph.Float("alpha", n.Float("alpha"))}, true
	case "HardSigmoid":
		return []graph.Attr{graph.Str("activation", name), graph.Float("alpha", n.Float("alpha")), graph.Float("beta", n.Float("beta"))}, true
	case "Selu":
		return []graph.Attr{graph.Str("activation", name), graph.Float("alpha", n.Float("alpha")), graph.Float("beta", n.Float("gamma"))}, true
	case "Clip":
		lo, okLo := clipBound(n, 1, math.Inf(-1))
		hi, okHi := clipBound(n, 2, math.Inf(1))
		return []graph.Attr{graph.Str("activation", name), graph.Float("alpha", lo), graph.Float("beta", hi)}, okLo && okHi
	}
	return nil, false
}

// clipBound is the constant input i of a Clip, or open where there is none.
func clipBound(n *graph.Node, i int, open float64) (float32, bool) {
	if !n.Has(i) {
		return float32(open), true
	}
	t := n.In[i].Const
	if t == nil || t.Len() != 1 || math.IsNaN(t.Float(0)) {
		return 0, false
	}
	return float32(t.Float(0)), true
}
