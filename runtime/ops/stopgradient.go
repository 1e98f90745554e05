package ops

import "github.com/onnxrun/onnxrun/graph"

// StopGradient is its input, through which no gradient passes: what depends on it counts as constant. It is an Identity in everything else.
var stopGradient = flat(family(&graph.Op{
	Domain: private, Name: "StopGradient", Since: 1,
	Sig:   "(X:T) -> (Y:T); T = float",
	Infer: graph.Same,
	Run:   runIdentity, View: true, // a kernel, so that it is still there when gradients are taken
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		return []*graph.Value{b.Op("Identity", n.In[0])}
	},
}))
