package pass

import "github.com/onnxrun/onnxrun/graph"

// FuseSoftmax finds exp(x)/Σexp(x), usually with the largest x subtracted first, and the logarithm of it.
func FuseSoftmax(reg *graph.Registry, g *graph.Graph) (bool, error) {
	return rewrite(reg, g, softmaxRules)
}

var softmaxRules = []rule{
	{parse("Div(e=Exp(Sub(x, top=ReduceMax(x, _))), sum=ReduceSum(e, _))"), softmaxOf("Softmax")},
	{parse("Div(e=Exp(x), sum=ReduceSum(e, _))"), softmaxOf("Softmax")},
	{parse("Sub(d=Sub(x, top=ReduceMax(x, _)), Log(sum=ReduceSum(Exp(d), _)))"), softmaxOf("LogSoftmax")},
	{parse("Log(s=Softmax(x))"), func(b *graph.Builder, m *match) *graph.Value {
		return b.Op("LogSoftmax", m.val("x"), graph.Int("axis", m.node("s").Int("axis")))
	}},
}

func softmaxOf(name string) func(*graph.Builder, *match) *graph.Value {
	return func(b *graph.Builder, m *match) *graph.Value {
		x := m.val("x")
		axes, ok := reducedAxes(m.node("sum"), x.Type.Rank())
		if !ok || len(axes) != 1 {
			return nil
		}
		if top := m.node("top"); top != nil {
			if t, ok := reducedAxes(top, x.Type.Rank()); !ok || len(t) != 1 || t[0] != axes[0] {
				return nil
			}
		}
		return b.Op(name, x, graph.Int("axis", axes[0]))
	}
}
