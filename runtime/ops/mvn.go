package ops

import "github.com/onnxrun/onnxrun/graph"

// MeanVarianceNormalization is (X - mean) / (sqrt(variance) + 1e-9) over axes.
var meanVarianceNormalization = family(
	&graph.Op{
		Name: "MeanVarianceNormalization", Since: 13,
		Sig: `(X:T) -> (Y:T)
			T = float
			axes ints = [0 2 3]`,
		Infer: graph.Same, Expand: expandMVN,
	},
	&graph.Op{Since: 9, Sig: "T = f16 f32 f64"},
)

func expandMVN(b *graph.Builder, n *graph.Node) []*graph.Value {
	var axes []int
	for _, a := range n.Ints("axes") {
		axes = append(axes, int(a))
	}
	x, over := n.In[0], b.Ints(axes...)
	d := b.Op("Sub", x, b.Op("ReduceMean", x, over))
	std := b.Op("Sqrt", b.Op("ReduceMean", b.Op("Mul", d, d), over))
	return []*graph.Value{b.Op("Div", d, b.Op("Add", std, b.Scalar(x.Type.DType, 1e-9)))}
}
