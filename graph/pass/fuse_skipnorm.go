package pass

import "github.com/onnxrun/onnxrun/graph"

// FuseSkipNorm joins the sum of the residual connection and the normalization of it. Others may read the sum too. It comes after the fusion of
// products, which can take over such a sum at no cost.
func FuseSkipNorm(reg *graph.Registry, g *graph.Graph) (bool, error) {
	return rewrite(reg, g, skipNormRules)
}

var skipNormRules = []rule{
	{parse("n=LayerNormalization(&sum=Add(x, skip), scale, ...)"), skipNormOf("SkipLayerNorm")},
	{parse("n=RMSNormalization(&sum=Add(x, skip), scale)"), skipNormOf("SkipRMSNorm")},
}

func skipNormOf(name string) func(*graph.Builder, *match) *graph.Value {
	return func(b *graph.Builder, m *match) *graph.Value {
		x, skip, scale := m.val("x"), m.val("skip"), m.val("scale")
		rank := x.Type.Rank()
		if axis := m.root.Int("axis"); rank < 1 || axis != -1 && axis != rank-1 || !x.Type.Equal(skip.Type) || scale.Type.DType != x.Type.DType || x.Type.DType.IsHalf() {
			return nil
		}
		width := x.Type.Shape[rank-1]
		args := []graph.Arg{x, skip}
		for _, p := range m.root.In[1:] {
			if p != nil && (!p.Type.Ranked || len(p.Type.Shape) != 1 || !p.Type.Shape[0].IsInt() || !p.Type.Shape[0].Equal(width)) {
				return nil
			}
			args = append(args, p)
		}
		out := b.OpN(2, private+"::"+name, append(args, graph.Float("epsilon", m.root.Float("epsilon")))...)
		m.replace("sum", out[1])
		return out[0]
	}
}
