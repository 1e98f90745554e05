package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// C16 lays activations of convolutions out in blocks of 16 channels (BlockC16). A value is blocked where a convolution computes it, and what
// works on blocked values as on any others stays in that layout, so that whole regions of a network do; the plain value is computed where something else reads
// it. Convolutions must have weights of float32 and known extents, and one or two spatial axes. Weights that are no constants, as in training, are packed in every run.
func C16(reg *graph.Registry, g *graph.Graph) (bool, error) { return blockConvs(reg, g, false) }

// C16Exact is C16 without convolutions by minimal filtering, whose rounding errors are about twice those of a sum of products.
func C16Exact(reg *graph.Registry, g *graph.Graph) (bool, error) { return blockConvs(reg, g, true) }

func blockConvs(reg *graph.Registry, g *graph.Graph, exact bool) (bool, error) {
	b := graph.NewBuilder(reg, g)
	b.Reserve()
	return eachGraph(b, func(b *graph.Builder) (bool, error) { return blockRegions(b, exact) })
}

func blockRegions(b *graph.Builder, exact bool) (bool, error) {
	g := b.Graph
	l := &c16{b: b, exact: exact, readers: readersOf(g), blocked: map[*graph.Value]*graph.Value{}, pending: map[*graph.Value]bool{}, norms: map[*graph.Value]*graph.Node{}}
	old := g.Nodes
	g.Nodes = make([]*graph.Node, 0, len(old))
	for _, n := range old {
		if l.convert(n) {
			continue
		}
		for _, v := range n.In {
			l.plain(v)
		}
		n.Subgraphs(func(s *graph.Graph) {
			for _, v := range s.Captures() {
				l.plain(v)
			}
		})
		g.Nodes = append(g.Nodes, n)
	}
	for _, v := range g.Outputs {
		l.plain(v)
	}
	for _, c := range g.Carry {
		l.plain(c.Out)
	}
	return l.changed, b.Err()
}

type c16 struct {
	b       *graph.Builder
	readers readers
	blocked map[*graph.Value]*graph.Value // by the value of the graph, what holds it in blocks
	pending map[*graph.Value]bool         // values that so far exist in blocks only
	norms   map[*graph.Value]*graph.Node  // by what they normalize, batch normalizations that take its own statistics
	changed bool
	exact   bool
}

// channelsOf is the number of channels of an image or a line of them, v [N, C, H, W] or [N, C, W] of float32, when it is known.
func channelsOf(v *graph.Value) (int, bool) {
	if v == nil || v.Type.DType != tensor.Float32 || v.Type.Rank() != 3 && v.Type.Rank() != 4 {
		return 0, false
	}
	c, ok := v.Type.Shape[1].Int()
	return c, ok && c > 0
}

// plain makes sure that v itself is computed.
func (l *c16) plain(v *graph.Value) {
	if !l.pending[v] {
		return
	}
	delete(l.pending, v)
	channels, _ := channelsOf(v)
	n := &graph.Node{
		Op: l.b.Registry().Lookup(private, "UnblockC16", 0), In: []*graph.Value{l.blocked[v]},
		Attrs: []graph.Attr{graph.Int("channels", channels), graph.Int("spatial", v.Type.Rank()-2)},
	}
	l.b.Append(n, v)
}

// block is v in blocks; made on demand.
func (l *c16) block(v *graph.Value) *graph.Value {
	if k := l.blocked[v]; k != nil {
		return k
	}
	k := l.b.Op(private+"::BlockC16", v)
	l.blocked[v] = k
	return k
}

// is makes y the blocked form of what v was computed to be.
func (l *c16) is(v, y *graph.Value) {
	l.blocked[v], l.pending[v] = y, true
	l.changed = true
}

// convert builds n on blocked values, if it can be and if that is of use.
func (l *c16) convert(n *graph.Node) bool {
	if !n.Wants(0) || len(n.In) == 0 || n.In[0] == nil {
		return false
	}
	l.b.Prefix(n.Label())
	if n.Op.Domain == private {
		rule := c16Gradients[n.Op.Name]
		return rule != nil && rule(l, n)
	}
	if n.Op.Domain != "" {
		return false
	}
	switch rule := c16Rules[n.Op.Name]; {
	case n.Op.Name == "Conv":
		return l.conv(n)
	case n.Op.Name == "BatchNormalization":
		return l.batchNorm(n)
	case n.Op.Name == "Shape" || n.Op.Name == "Size":
		return l.shape(n)
	case n.Op.Name == "Split":
		return l.split(n)
	case n.Op.Name == "ReduceMean" || n.Op.Name == "ReduceMax":
		return l.reduce(n)
	case rule == nil || !slices.ContainsFunc(n.In, func(v *graph.Value) bool { return l.pending[v] }):
		return false
	default:
		if _, ok := channelsOf(n.Out[0]); !ok {
			return false
		}
		y := rule(l, n)
		if y != nil {
			l.is(n.Out[0], y)
		}
		return y != nil
	}
}

// c16Rules build operators on blocked values. They return nil where they cannot.
var c16Rules = map[string]func(l *c16, n *graph.Node) *graph.Value{
	"Relu": (*c16).unary, "LeakyRelu": (*c16).unary, "Clip": (*c16).unary, "Elu": (*c16).unary, "Selu": (*c16).unary, "Celu": (*c16).unary,
	"Sigmoid": (*c16).unary, "Tanh": (*c16).unary, "HardSigmoid": (*c16).unary, "HardSwish": (*c16).unary, "Swish": (*c16).unary,
	"Mish": (*c16).unary, "Gelu": (*c16).unary, "Erf": (*c16).unary, "Softplus": (*c16).unary, "Softsign": (*c16).unary, "ThresholdedRelu": (*c16).unary,
	"Abs": (*c16).unary, "Neg": (*c16).unary,
	"Add": (*c16).add, "Sub": (*c16).binary, "Mul": (*c16).binary, "PRelu": (*c16).binary,
	"Concat": (*c16).concat, "Slice": (*c16).slice, "Resize": (*c16).resize, "DepthToSpace": (*c16).depthToSpace,
	"MaxPool": (*c16).pool, "AveragePool": (*c16).pool, "GlobalAveragePool": global("ReduceMean"), "GlobalMaxPool": global("ReduceMax"),
}

// shape is the shape, or the size, of a value that is in blocks only: nobody reads its elements for that.
func (l *c16) shape(n *graph.Node) bool {
	v := n.In[0]
	if !l.pending[v] || len(n.Attrs) > 0 {
		return false
	}
	channels, _ := channelsOf(v)
	part := func(start, end int) *graph.Value {
		return l.b.Op("Shape", l.blocked[v], graph.Int("start", start), graph.Int("end", end))
	}
	dims := []*graph.Value{part(0, 1), l.b.Ints(channels), part(6-v.Type.Rank(), 4)}
	concat := &graph.Node{Op: l.b.Registry().Lookup("", "Concat", 0), In: dims, Attrs: []graph.Attr{graph.Int("axis", 0)}}
	if n.Op.Name == "Shape" {
		l.b.Append(concat, n.Out[0])
		return true
	}
	all := l.b.Value(graph.Type{})
	l.b.Append(concat, all)
	l.b.Append(&graph.Node{Op: l.b.Registry().Lookup("", "ReduceProd", 0), In: []*graph.Value{all}, Attrs: []graph.Attr{graph.Int("keepdims", 0)}}, n.Out[0])
	return true
}

// unary is for functions of single elements; inputs after the first are their parameters.
func (l *c16) unary(n *graph.Node) *graph.Value {
	in := slices.Clone(n.In)
	if !l.pending[in[0]] || slices.ContainsFunc(in[1:], func(v *graph.Value) bool { return l.pending[v] }) {
		return nil
	}
	if y := l.activate(n); y != nil {
		return y
	}
	in[0] = l.blocked[in[0]]
	return sameNode(l.b, n, n.Attrs, in...)
}
