package pass

import "github.com/onnxrun/onnxrun/graph"

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
