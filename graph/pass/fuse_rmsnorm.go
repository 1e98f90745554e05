package pass

import "github.com/onnxrun/onnxrun/graph"

// FuseRMSNorm finds x/√(mean(x²) + ε), with the mean over the last axes (https://arxiv.org/abs/1910.07467), and the scale that follows it. Models
// of halves cast to float32 before it and back before the scale, as T5, LLaMA and Qwen do. It comes after FuseLayerNorm, in which it would find
// the same form.
func FuseRMSNorm(reg *graph.Registry, g *graph.Graph) (bool, error) {
	a, err := rewrite(reg, g, rmsNormRules)
	if err != nil {
		return a, err
	}
	b, err := rewrite(reg, g, rmsScaleRules)
	if err != nil {
		return a || b, err
	}
	c, err := rewrite(reg, g, rmsCastRules)
	return a || b || c, err
}

var rmsNormRules = []rule{
	{parse(inverseRoot("x", "Add(var=ReduceMean(Pow(x, 2) | Mul(x, x), _), #eps)")), func(b *graph.Builder, m *match) *graph.Value {
		x := m.val("x")
		axes, ok := reducedAxes(m.node("var"), x.Type.Rank())
		axis, last := trailing(axes, x.Type.Rank())
		if !ok || !last {
			return nil
		}
		one := filled(b, x.Type, axis, 1)
		if one == nil {
			return nil
		}
		return b.Op("RMSNormalization", x, one, graph.Int("axis", axis-x.Type.Rank()), graph.Float("epsilon", float32(m.float("eps"))))
	}},
}

var rmsScaleRules = []rule{
	{parse("Mul(Cast?(n=RMSNormalization(x, @one)), s)"), func(b *graph.Builder, m *match) *graph.Value {
		x, s, n := m.val("x"), m.val("s"), m.node("n")
		axis, err := graph.Axis(n.Int("axis"), max(x.Type.Rank(), 0))
		if err != nil || !filledWith(m.val("one"), 1) || !rowLike(s.Type, x.Type, axis) {
			return nil
		}
		return again(b, n, x, s)
	}},
}

// The kernel computes halves in float32.
var rmsCastRules = []rule{
	{parse("n=RMSNormalization(Cast(x), s)"), func(b *graph.Builder, m *match) *graph.Value {
		if !m.val("x").Type.DType.IsHalf() {
			return nil
		}
		return again(b, m.root, m.val("x"), m.val("s"))
	}},
}
