package pass

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// convShape is what is known of a convolution when its operator is chosen: the weights and attributes, and the size of images where it is constant; never
// the batch, for an image shall have the same result alone and among others.
type convShape struct {
	in, out, group             int
	kernel, strides, dilations [2]int
	size                       [2]int // height and width of the input, 0 where unknown
	varies                     bool   // the weights, which must be packed in every run
}

// algorithm is the operator that computes such a convolution best, and for minimal filtering the size of its tiles.
func (c *convShape) algorithm(exact bool) (name string, tile int) {
	if c.group > 1 && c.group == c.in && c.in == c.out {
		return "ConvDepthwise", 0
	}
	if tile := c.winogradTile(); tile > 0 && !exact {
		return "ConvWinograd", tile
	}
	return "ConvDirect", 0
}

// conv builds a convolution on blocked values.
func (l *c16) conv(n *graph.Node) bool {
	c, attrs, ok := readConv(n)
	if !ok {
		return false
	}
	x, w := n.In[0], n.In[1]
	if !(c.in <= 4 && c.group == 1 && x.Type.Rank() == 4 && l.blocked[x] == nil) { // blocks of so few channels would be mostly empty
		x = l.block(x)
	}
	l.plain(w)
	if s, _ := w.Type.Static(); len(s) == 3 {
		if w.Const != nil {
			t, err := w.Const.Reshape(s[0], s[1], 1, s[2])
			if err != nil {
				return false
			}
			w = l.b.Const(t)
		} else {
			w = l.b.Op("Reshape", w, l.b.Ints(s[0], s[1], 1, s[2]))
		}
	}
	name, tile := c.algorithm(l.exact)
	phase := phaseOf(w)
	if phase != nil && (name == "ConvDirect" || name == "ConvWinograd" && c.varies && wholeKernel(phase)) {
		w = phase.In[0]
	} else {
		phase = nil
	}
	args := []graph.Arg{x}
	switch {
	case name == "ConvWinograd" && c.varies: // which packs them itself
		args = append(args, w)
		if attrs = append(attrs, graph.Int("tile", tile)); phase != nil {
			attrs = append(attrs, graph.Int("transposed", 1))
		}
	case name == "ConvWinograd":
		args = append(args, l.b.Op(private+"::PackConvWinograd", w, graph.Int("tile", tile)))
	default:
		pack := []graph.Arg{w, graph.Int("group", c.group)}
		if phase != nil {
			pack = append(pack, graph.Int("transposed", 1), graph.Ints("first", phase.Ints("first")...), graph.Ints("taps", phase.Ints("taps")...), graph.Int("stride", phase.Int("stride")))
		}
		args = append(args, l.b.Op(private+"::Pack"+name, pack...))
	}
	if n.Has(2) {
		l.plain(n.In[2])
		args = append(args, n.In[2])
	}
	for _, a := range attrs {
		args = append(args, a)
	}
	l.is(n.Out[0], l.b.Op(private+"::"+name, args...))
	return true
}

// phaseOf is the node that takes weights w from those of a transposed convolution in one group, which packing can do by itself.
func phaseOf(w *graph.Value) *graph.Node {
	n := w.Def
	if n == nil || n.Op.Domain != private || n.Op.Name != "PhaseWeights" || n.Int("group") != 1 {
		return nil
	}
	return n
}

// wholeKernel reports whether a phase has all weights.
func wholeKernel(phase *graph.Node) bool {
	s, ok := phase.In[0].Type.Static()
	taps := phase.Ints("taps")
	return ok && phase.Int("stride") == 1 && int(taps[0]) == s[2] && int(taps[1]) == s[3]
}

// readConv is the shape of a convolution that can be computed on blocked values, with the attributes of the private operators.
func readConv(n *graph.Node) (c convShape, attrs []graph.Attr, ok bool) {
	if n.In[1] == nil || n.In[1].Type.DType != tensor.Float32 {
		return c, nil, false
	}
	extents, ok := n.In[1].Type.Static()
	w := tensor.Shape(extents)
	rank := len(w)
	x := n.In[0].Type
	c.varies = n.In[1].Const == nil
	if !ok || rank != 3 && rank != 4 || x.Rank() != rank || x.DType != tensor.Float32 || w.Elems() == 0 {
		return c, nil, false
	}
	c.group = n.Int("group")
	if c.group < 1 || w[0]%c.group != 0 {
		return c, nil, false
	}
	c.in, c.out = w[1]*c.group, w[0]
	c.kernel, c.strides, c.dilations = [2]int{1, w[rank-1]}, [2]int{1, 1}, [2]int{1, 1}
	if rank == 4 {
		c.kernel[0] = w[2]
	}
	axes := rank - 2
	c.size[0] = 1
	for i, d := range x.Shape[2:] {
		c.size[2-axes+i], _ = d.Int()
	}
	for i, v := range n.Ints("strides") {
		c.strides[2-axes+i] = int(v)
	}
	for i, v := range n.Ints("dilations") {
		c.dilations[2-axes+i] = int(v)
	}
	pads, ok := convPads(n, &c, axes)
	if !ok {
		return c, nil, false
	}
	two := func(v [2]int) []int64 { return []int64{int64(v[0]), int64(v[1])} }
	attrs = []graph.Attr{
		graph.Int("in_channels", c.in), graph.Int("channels", c.out), graph.Int("group", c.group), graph.Ints("kernel_shape", two(c.kernel)...),
		graph.Ints("strides", two(c.strides)...), graph.Ints("dilations", two(c.dilations)...), graph.Ints("pads", pads...),
	}
	return c, attrs, true
}

// convPads are top, left, bottom and right of a convolution. They must be known: auto_pad SAME depends on the image's size.
func convPads(n *graph.Node, c *convShape, axes int) (pads []int64, ok bool) {
	pads = make([]int64, 4)
	switch auto := n.Str("auto_pad"); auto {
	case "", "NOTSET":
		if p := n.Ints("pads"); len(p) == 2*axes {
			copy(pads[2-axes:2], p[:axes])
			copy(pads[4-axes:], p[axes:])
		}
	case "VALID":
	case "SAME_UPPER", "SAME_LOWER":
		for i := 2 - axes; i < 2; i++ {
			size, ok := n.In[0].Type.Shape[i+axes].Int()
			if !ok {
				return nil, false
			}
			outs := (size + c.strides[i] - 1) / c.strides[i]
			pad := max(0, (outs-1)*c.strides[i]+(c.kernel[i]-1)*c.dilations[i]+1-size)
			pads[i], pads[2+i] = int64(pad/2), int64(pad-pad/2)
			if auto == "SAME_LOWER" {
				pads[i], pads[2+i] = pads[2+i], pads[i]
			}
		}
	default:
		return nil, false
	}
	return pads, true
}
