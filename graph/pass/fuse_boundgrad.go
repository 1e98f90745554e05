package pass

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// FuseBoundGrad finds gradients of Relu and Clip, which pass where a value is above a bound, and below another.
func FuseBoundGrad(reg *graph.Registry, g *graph.Graph) (bool, error) {
	a, err := rewrite(reg, g, lowerRules)
	if err != nil {
		return a, err
	}
	b, err := rewrite(reg, g, upperRules)
	return a || b, err
}

var lowerRules = []rule{{parse("Where(&a=Greater(y, #lo), g, 0)"), func(b *graph.Builder, m *match) *graph.Value {
	y, g := m.val("y"), m.val("g")
	if y.Type.DType != tensor.Float32 || !y.Type.Ranked || !y.Type.Equal(g.Type) {
		return nil
	}
	return b.Op(private+"::BoundGrad", y, g, graph.Float("lo", float32(m.float("lo"))))
}}}

var upperRules = []rule{{parse("Where(&a=Less(y, #hi), d=ai.onnxrun::BoundGrad(y, g), 0)"), func(b *graph.Builder, m *match) *graph.Value {
	d := m.node("d")
	if d.HasAttr("hi") {
		return nil
	}
	return b.Op(private+"::BoundGrad", m.val("y"), m.val("g"), graph.Float("lo", d.Float("lo")), graph.Float("hi", float32(m.float("hi"))))
}}}
