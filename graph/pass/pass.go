// Package pass holds the rewrites of graphs: one file each. A pass keeps graph inputs, outputs, their names, and the identity of the
// values that others hold; it may change how they are computed.
package pass

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// Pass is a rewrite of a graph and of the graphs inside it. Run reports whether anything changed.
type Pass struct {
	Name string
	Run  func(reg *graph.Registry, g *graph.Graph) (bool, error)
}

// Inference is the pipeline before a graph is run.
var Inference = []Pass{
	{"expand", Expand},      // first: all that follows sees only operators with kernels
	{"fold", Fold},          // before identity and cse, which compare constants
	{"sequence", Sequences}, // after fold, which makes positions and extents constants
	{"reshape", Reshape},    // after fold, by which most shapes are known
	{"identity", Identity},  // folding leaves no-ops behind
	{"cse", CSE},
	{"prune", Prune}, // last: removes what the others left unread
}

// fusions turn several nodes into one of the private domain ai.onnxrun, whose kernel does their work at once. Every such operator has an Expand.
var fusions = []Pass{
	{"widen", Widen},
	{"fold", Fold}, // weights of halves, before the patterns that look for constants
	{"cse", CSE},   // what was converted twice
	{"prune", Prune},
	{"lower_einsum", LowerEinsum}, // before all that look for products
	{"fuse_layernorm", FuseLayerNorm},
	{"fuse_rmsnorm", FuseRMSNorm}, // after fuse_layernorm, in which it would find its form too
	{"fuse_gelu", FuseGelu},
	{"fuse_activation", FuseActivation},
	{"fuse_boundgrad", FuseBoundGrad},
	{"fuse_softmax", FuseSoftmax},
	{"fuse_rotary", FuseRotary},
	{"fuse_conv", FuseConv},
	{"fuse_attention", FuseAttention}, // after fuse_softmax
	{"lower_attention", LowerAttention},
	{"merge_qkv", MergeQKV},  // after both, for the operator that they make
	{"transpose", Transpose}, // after fuse_attention, which reads transposed heads
	{"identity", Identity},
	{"fuse_scale", FuseScale}, // after transpose, which takes factors to their products
}

// layouts choose how values lie in memory; they pay where kernels use vector instructions.
var layouts = []Pass{
	{"pack_matmul", PackMatMul},       // after the fusions that look for MatMul
	{"fuse_transpose", FuseTranspose}, // products by what is not constant
	{"subpixel", SubPixel},            // before c16, for the convolutions that it makes
	{"pack_recurrent", PackRecurrent},
	{"c16", C16}, // after the fusions that look for Conv
	{"transpose_c16", TransposeC16},
	{"gather_rows", GatherRows},           // after c16, whose blocks take slices and concatenations of channels as they are
	{"fuse_skipnorm", FuseSkipNorm},       // after the products, which take over sums
	{"fuse_elementwise", FuseElementwise}, // last: takes what nothing else has
}

// Target is what a graph is made ready for.
type Target struct {
	Vector  bool    // kernels use vector instructions
	Exact   bool    // no algorithms that save multiplications and lose accuracy
	Threads Threads // for the constants; nil is one
}

// Execution is the pipeline before a graph is run on this machine: Inference, then private operators. What it makes of a graph stays in memory.
func Execution(t Target) []Pass {
	list := append(slices.Clone(Inference), fusions...)
	if t.Vector {
		list = append(list, layouts...)
	}
	list = append(list, Pass{"cse", CSE}, Pass{"fold", Fold}, Pass{"cse", CSE}, Pass{"prune", Prune}) // first cse: weights that several nodes read are packed once
	for i := range list {
		switch name := list[i].Name; {
		case name == "fold":
			list[i].Run = FoldOn(t.Threads)
		case name == "c16" && t.Exact:
			list[i].Run = C16Exact
		}
	}
	return list
}

// Apply runs passes in order. The graph is verified after each, so that a faulty pass is named.
func Apply(reg *graph.Registry, g *graph.Graph, passes []Pass) error {
	for _, p := range passes {
		changed, err := p.run(reg, g)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		if changed {
			if err := graph.Verify(g); err != nil {
				return fmt.Errorf("pass %s broke the graph: %w", p.Name, err)
			}
		}
	}
	return nil
}

// run is Run with an error in place of a panic: a fault of a pass must not end the program that compiles a strange model.
func (p Pass) run(reg *graph.Registry, g *graph.Graph) (changed bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the pass failed: %v", r)
		}
	}()
	return p.Run(reg, g)
}

// replace makes every reader in g, and in the graphs inside it, that reads a key of m read its value instead. The outputs of g itself
// stay as they are: their names are the contract with the caller.
func replace(g *graph.Graph, m map[*graph.Value]*graph.Value) {
	if len(m) == 0 {
		return
	}
	find := func(v *graph.Value) *graph.Value {
		for {
			n, ok := m[v]
			if !ok {
				return v
			}
			v = n
		}
	}
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		for i, v := range n.In {
			if v != nil {
				n.In[i] = find(v)
			}
		}
		n.Subgraphs(func(s *graph.Graph) {
			for i, v := range s.Outputs {
				s.Outputs[i] = find(v)
			}
		})
		return true
	})
}

// outputs is the set of g's outputs.
func outputs(g *graph.Graph) map[*graph.Value]bool {
	m := map[*graph.Value]bool{}
	for _, v := range g.Outputs {
		m[v] = true
	}
	return m
}
