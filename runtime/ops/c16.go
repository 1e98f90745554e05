package ops

import (
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Convolutions of blocked activations (see BlockC16) take X [N, ⌈in_channels/16⌉, H, W, 16], weights W packed by an operator of their own, a bias
// B [channels] and a tensor R of the output's blocks, without the border, and compute
//
//	Y = pad(activation(conv(X, W) + B + R), out_pads)
//
// into [N, ⌈channels/16⌉, top + H' + bottom, left + W' + right, 16]. pads are top, left, bottom, right, as are out_pads: a border of zeros for
// a reader that then needs no padding of its own.
const (
	convC16Sig = "(X:T, W:T, B?:T, R?:T) -> (Y:T); T = f32; " + convC16Attrs + activationSig
	// convC16Attrs are those that also the operators which undo a packing need.
	convC16Attrs = "in_channels int!; channels int!; group int = 1; kernel_shape ints!; strides ints; pads ints; dilations ints; out_pads ints;"
)

// Bounds of what these convolutions take, so that products do not overflow.
const (
	maxChannels = 1 << 24
	maxKernel   = 1 << 15
)

// convC16 is what the attributes of such a convolution say. The window's axes 1 and 2 are H and W, axis 0 has extent 1.
type convC16 struct {
	slide
	in, out, group           int
	top, left, bottom, right int // out_pads
}

// readConvC16 reads the attributes; the window's extents are settled by bind, for a shape [N, blocks, H, W].
func readConvC16(n *graph.Node) (g convC16, err error) {
	g.in, g.out, g.group = n.Int("in_channels"), n.Int("channels"), n.Int("group")
	if g.in < 1 || g.out < 1 || g.in > maxChannels || g.out > maxChannels || g.group < 1 || g.in%g.group != 0 || g.out%g.group != 0 {
		return g, graph.Invalidf("%d channels in, %d out, %d groups", g.in, g.out, g.group)
	}
	if g.slide, err = readSlide(n, 2, nil); err != nil {
		return g, err
	}
	if g.Kernel[1] > maxKernel || g.Kernel[2] > maxKernel {
		return g, graph.Shapef("kernel_shape is %v", n.Ints("kernel_shape"))
	}
	border := n.Ints("out_pads")
	if len(border) == 0 {
		return g, nil
	}
	if len(border) != 4 {
		return g, graph.Shapef("out_pads has %d values", len(border))
	}
	for i, p := range []*int{&g.top, &g.left, &g.bottom, &g.right} {
		if border[i] < 0 || border[i] > maxSlide {
			return g, graph.Shapef("out_pads is %v", border)
		}
		*p = int(border[i])
	}
	return g, nil
}

// inferConvC16 sets the output. wide says that X may also be [N, in_channels, H, W], not blocked.
func inferConvC16(c *graph.Infer, wide bool) (g convC16, err error) {
	if err = sameTypes(c, 1, 2, 3); err != nil {
		return g, err
	}
	if g, err = readConvC16(c.Node); err != nil {
		return g, err
	}
	if _, err = activationOf(c.Node); err != nil {
		return g, err
	}
	x, ok := c.Shape(0)
	if !ok {
		x = []graph.Dim{graph.Unknown(), laneBlocks(graph.Size(g.in)), graph.Unknown(), graph.Unknown(), graph.Size(16)}
	}
	if wide && len(x) == 4 {
		if x[1].IsInt() && !x[1].Is(g.in) {
			return g, graph.Shapef("%s for %d channels", graph.ShapeString(x), g.in)
		}
	} else if err = isC16(x, g.in); err != nil {
		return g, err
	}
	dims, err := g.outDims(x[:4])
	if err != nil {
		return g, err
	}
	if b, ok := c.Shape(2); ok && (len(b) != 1 || b[0].IsInt() && !b[0].Is(g.out)) {
		return g, graph.Shapef("bias of %s for %d channels", c.Type(2), g.out)
	}
	y := []graph.Dim{x[0], laneBlocks(graph.Size(g.out)), dims[0], dims[1], graph.Size(16)}
	if r, ok := c.Shape(3); ok {
		if len(r) != 5 {
			return g, graph.Shapef("%s is added to %s", c.Type(3), graph.ShapeString(y))
		}
		for i, d := range r {
			if d.IsInt() && y[i].IsInt() && !d.Equal(y[i]) {
				return g, graph.Shapef("%s is added to %s", c.Type(3), graph.ShapeString(y))
			}
		}
	}
	y[2] = y[2].Add(graph.Size(g.top + g.bottom))
	y[3] = y[3].Add(graph.Size(g.left + g.right))
	c.SetTensor(0, c.DType(0), y...)
	return g, nil
}

// checkPacked reports packed weights of another shape than want.
func checkPacked(c *graph.Infer, want ...int) error { return checkPackedAt(c, 1, want...) }

// checkPackedAt is checkPacked for weights that are input i.
func checkPackedAt(c *graph.Infer, i int, want ...int) error {
	w, ok := c.Shape(i)
	bad := ok && len(w) != len(want)
	for k := 0; ok && !bad && k < len(w); k++ {
		bad = w[k].IsInt() && !w[k].Is(want[k])
	}
	if bad {
		return graph.Shapef("packed weights of %s, want %v", c.Type(i), tensor.Shape(want))
	}
	return nil
}

// unpackedConv is the packed weights of n, unpacked by the operator of that name.
func unpackedConv(b *graph.Builder, n *graph.Node, unpack string) *graph.Value {
	return b.Op(private+"::"+unpack, append(attrsOf(n, "in_channels", "channels", "group", "kernel_shape"), n.In[1])...)
}

// attrsOf are those attributes of n that have one of the names.
func attrsOf(n *graph.Node, names ...string) (args []graph.Arg) {
	for _, a := range n.Attrs {
		if slices.Contains(names, a.Name) {
			args = append(args, a)
		}
	}
	return args
}

// expandConvC16 is a convolution of blocked activations by weights W [M, C/group, kH, kW], by standard operators.
func expandConvC16(b *graph.Builder, n *graph.Node, w *graph.Value) []*graph.Value {
	g, err := readConvC16(n)
	if err != nil {
		b.Fail(err)
		return nil
	}
	x := n.In[0]
	if x.Type.Rank() != 4 {
		x = b.Op(private+"::UnblockC16", x, graph.Int("channels", g.in))
	}
	var bias *graph.Value
	if n.Has(2) {
		bias = n.In[2]
	}
	y := b.Op("Conv", append(attrsOf(n, "group", "kernel_shape", "strides", "pads", "dilations"), x, w, bias)...)
	if n.Has(3) {
		y = b.Op("Add", y, b.Op(private+"::UnblockC16", n.In[3], graph.Int("channels", g.out)))
	}
	y = expandActivation(b, n, y)
	if g.top+g.left+g.bottom+g.right > 0 {
		y = b.Op("Pad", y, b.Ints(0, 0, g.top, g.left, 0, 0, g.bottom, g.right))
	}
	return []*graph.Value{b.Op(private+"::BlockC16", y)}
}

// clampOf are the bounds of activations that the kernels of convolutions apply while the sums are in registers; what is left is the activation to run
// on the results.
func clampOf(a kernel.Activation) (lo, hi float32, left kernel.Activation) {
	lo, hi = float32(math.Inf(-1)), float32(math.Inf(1))
	switch a.Kind {
	case kernel.ActRelu:
		return 0, hi, left
	case kernel.ActClip:
		return a.Alpha, a.Beta, left
	}
	return lo, hi, a
}

// laneBias is B with zeros for the lanes beyond the channels, in scratch memory.
func laneBias(c *graph.Ctx, channels int) ([]float32, error) {
	bias, err := graph.Scratch[float32](c, (channels+15)/16*16)
	if err != nil {
		return nil, err
	}
	n := 0
	if c.Has(2) {
		n = copy(bias, tensor.Data[float32](c.In[2]))
	}
	clear(bias[n:])
	return bias, nil
}

// clearBorder writes the zeros of out_pads around an image y [top + h + bottom, left + w + right, 16] of one block, for the rows lo to hi-1 of its inside and,
// where those touch the first or last row, above or below them.
func (g *convC16) clearBorder(y []float32, lo, hi int) {
	h, w := g.Out[1], g.Out[2]
	row := (g.left + w + g.right) * 16
	if lo == 0 {
		clear(y[:g.top*row])
	}
	if hi == h {
		clear(y[(g.top+h)*row:][:g.bottom*row])
	}
	for r := lo; r < hi && g.left+g.right > 0; r++ {
		line := y[(g.top+r)*row:][:row]
		clear(line[:g.left*16])
		clear(line[(g.left+w)*16:])
	}
}
