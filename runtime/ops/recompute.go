package ops

import "github.com/onnxrun/onnxrun/graph"

// Recompute is its input. What is computed from it is not taken to be what is computed from the input itself, so that a value may be computed a second time
// instead of being kept: gradient checkpointing (https://arxiv.org/abs/1604.06174).
var recompute = family(&graph.Op{
	Domain: private, Name: "Recompute", Since: 1,
	Sig:   "(X:T) -> (Y:T); T = " + movable(25) + optionals,
	Infer: inferIdentity, View: true,
	Run: runIdentity,
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		return []*graph.Value{b.Op("Identity", n.In[0])}
	},
})
