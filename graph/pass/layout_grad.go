package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// c16Gradients build gradients on blocked values. They report false where they cannot, or where nothing is blocked yet.
var c16Gradients = map[string]func(l *c16, n *graph.Node) bool{
	"ConvWeightGrad": (*c16).weightGrad, "BatchNormGrad": (*c16).batchNormGrad, "BoundGrad": (*c16).boundGrad, "MaxPoolGrad": (*c16).maxPoolGrad,
}

// weightGrad is the gradient of a convolution's weights from blocked activations, which the convolution and the gradient of its input read, too.
func (l *c16) weightGrad(n *graph.Node) bool {
	x, g := n.In[0], n.In[1]
	c, attrs, ok := readConv(&graph.Node{Op: l.b.Registry().Lookup("", "Conv", 0), In: []*graph.Value{x, n.Out[0]}, Attrs: n.Attrs})
	if !ok {
		return false
	}
	in, okX := channelsOf(x)
	out, okG := channelsOf(g)
	if !okX || !okG || in != c.in || out != c.out || g.Type.Rank() != x.Type.Rank() {
		return false
	}
	k := &graph.Node{Op: l.b.Registry().Lookup(private, "ConvWeightGradC16", 0), Attrs: append(attrs, graph.Int("spatial", x.Type.Rank()-2))}
	if !fitsConv(&c, k.Ints("pads"), x, g) {
		return false
	}
	if !(c.in <= 4 && c.group == 1 && x.Type.Rank() == 4 && l.blocked[x] == nil) { // as the convolution does
		x = l.block(x)
	}
	k.In = []*graph.Value{x, l.block(g)}
	l.b.Append(k, n.Out[0])
	l.changed = true
	return true
}

// fitsConv reports whether g has the extents of a convolution of x. In the gradient of a transposed convolution's weights it may have others.
func fitsConv(c *convShape, pads []int64, x, g *graph.Value) bool {
	axes := x.Type.Rank() - 2
	for i, d := range x.Type.Shape[2:] {
		k := 2 - axes + i
		room := d.Add(graph.Size(int(pads[k]+pads[2+k]) - (c.kernel[k]-1)*c.dilations[k] - 1))
		if !room.Div(graph.Size(c.strides[k])).Add(graph.Size(1)).Equal(g.Type.Shape[2+i]) {
			return false
		}
	}
	return x.Type.Shape[0].Equal(g.Type.Shape[0])
}

// batchNorm is a normalization of blocks. It keeps by what it normalized for its gradient.
func (l *c16) batchNorm(n *graph.Node) bool {
	x := n.In[0]
	channels, ok := channelsOf(x)
	if !ok || !l.pending[x] || len(n.In) != 5 || slices.ContainsFunc(n.In[1:], notFloat) {
		return false
	}
	attrs := append(slices.Clone(n.Attrs), graph.Int("channels", channels))
	k := &graph.Node{Op: l.b.Registry().Lookup(private, "BatchNormC16", 0), In: append([]*graph.Value{l.blocked[x]}, n.In[1:]...), Attrs: attrs}
	out := append([]*graph.Value{l.b.Value(graph.Type{})}, n.Out[1:]...)
	if n.Bool("training_mode") {
		for len(out) < 3 {
			out = append(out, nil)
		}
		out = append(out[:3], l.b.Value(graph.Type{}), l.b.Value(graph.Type{}))
		l.norms[x] = k
	}
	l.b.Append(k, out...)
	l.is(n.Out[0], out[0])
	return true
}

func notFloat(v *graph.Value) bool { return v == nil || v.Type.DType != tensor.Float32 }

// batchNormGrad is the gradient of a normalization that was blocked. A bound before which nothing else reads is part of it.
func (l *c16) batchNormGrad(n *graph.Node) bool {
	x, g := n.In[0], n.In[2]
	k := l.norms[x]
	if k == nil || notFloat(g) || notFloat(n.In[1]) || k.Float("epsilon") != n.Float("epsilon") || !g.Type.Equal(x.Type) {
		return false
	}
	attrs := []graph.Attr{graph.Int("channels", k.Int("channels")), graph.Float("epsilon", k.Float("epsilon"))}
	in := []*graph.Value{l.blocked[x], n.In[1], l.block(g), k.Out[3], k.Out[4]}
	if b := in[2].Def; l.pending[g] && l.readers.only(g) == n && b != nil && b.Op.Domain == private && b.Op.Name == "BoundGrad" {
		in = append(in, b.In[0])
		in[2] = b.In[1]
		attrs = append(attrs, b.Attrs...)
	}
	out := append([]*graph.Value{l.b.Value(graph.Type{})}, n.Out[1:]...)
	l.b.Append(&graph.Node{Op: l.b.Registry().Lookup(private, "BatchNormGradC16", 0), In: in, Attrs: attrs}, out...)
	l.is(n.Out[0], out[0])
	return true
}

// boundGrad works element by element.
func (l *c16) boundGrad(n *graph.Node) bool {
	if _, ok := channelsOf(n.Out[0]); !ok || !l.pending[n.In[0]] && !l.pending[n.In[1]] || !n.In[0].Type.Equal(n.In[1].Type) {
		return false
	}
	l.is(n.Out[0], sameNode(l.b, n, n.Attrs, l.block(n.In[0]), l.block(n.In[1])))
	return true
}

// maxPoolGrad is the gradient of a pool over blocks.
func (l *c16) maxPoolGrad(n *graph.Node) bool {
	x, y, g := n.In[0], n.In[1], n.In[2]
	if _, ok := channelsOf(n.Out[0]); !ok || l.blocked[x] == nil || l.blocked[y] == nil || !y.Type.Equal(g.Type) {
		return false
	}
	attrs, ok := lanePool(n)
	if !ok {
		return false
	}
	l.is(n.Out[0], sameNode(l.b, n, attrs, l.blocked[x], l.blocked[y], l.block(g)))
	return true
}
