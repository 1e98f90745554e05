package nn

import "github.com/onnxrun/onnxrun/graph"

// Conv are the sizes of a convolution. A list of one number holds for all spatial axes; an empty one stands for 1, of paddings for 0.
type Conv struct {
	Kernel, Stride, Padding, Dilation []int
	OutputPadding                     []int // of transposed convolutions
	Groups                            int   // 1 by default
	NoBias                            bool
}

// Conv1d is a convolution of [N, C, L]. Parameters: weight [out, C/groups, kernel], bias [out].
func (n *Net) Conv1d(name string, x *graph.Value, out int, c Conv) *graph.Value {
	return n.conv(name, x, out, 1, c)
}

// Conv2d is a convolution of [N, C, H, W]. Parameters: weight [out, C/groups, kernel, kernel], bias [out].
func (n *Net) Conv2d(name string, x *graph.Value, out int, c Conv) *graph.Value {
	return n.conv(name, x, out, 2, c)
}

// ConvTranspose1d is the gradient of Conv1d as a layer, which makes sequences longer. Parameters: weight [C, out/groups, kernel], bias [out].
func (n *Net) ConvTranspose1d(name string, x *graph.Value, out int, c Conv) *graph.Value {
	return n.convTranspose(name, x, out, 1, c)
}

// ConvTranspose2d is the gradient of Conv2d as a layer, which makes images larger. Parameters: weight [C, out/groups, kernel, kernel], bias [out].
func (n *Net) ConvTranspose2d(name string, x *graph.Value, out int, c Conv) *graph.Value {
	return n.convTranspose(name, x, out, 2, c)
}

func (n *Net) conv(name string, x *graph.Value, out, axes int, c Conv) *graph.Value {
	s := n.layer(name)
	attrs, kernel, groups, in := s.sizes(x, out, axes, c)
	if s.B.Err() != nil {
		return nil
	}
	shape := append([]int{out, in / groups}, kernel...)
	w := s.weight(usual, shape...)
	var b *graph.Value
	if !c.NoBias {
		b = s.Param("bias", usualBias(shape...), out)
	}
	return s.op("Conv", []*graph.Value{x, w, b}, attrs...)
}

func (n *Net) convTranspose(name string, x *graph.Value, out, axes int, c Conv) *graph.Value {
	s := n.layer(name)
	attrs, kernel, groups, in := s.sizes(x, out, axes, c)
	if s.B.Err() != nil {
		return nil
	}
	shape := append([]int{in, out / groups}, kernel...)
	w := s.weight(usual, shape...)
	var b *graph.Value
	if !c.NoBias {
		b = s.Param("bias", usualBias(shape...), out)
	}
	if len(c.OutputPadding) > 0 {
		attrs = append(attrs, graph.Ints("output_padding", s.each("output padding", c.OutputPadding, axes, 0)...))
	}
	return s.op("ConvTranspose", []*graph.Value{x, w, b}, attrs...)
}

// sizes checks the sizes of a convolution of x and returns them as attributes.
func (n *Net) sizes(x *graph.Value, out, axes int, c Conv) (attrs []graph.Attr, kernel []int, groups, in int) {
	in, groups = n.extent(x, 1), max(c.Groups, 1)
	if n.B.Err() != nil {
		return nil, nil, 1, 1
	}
	if x.Type.Rank() != axes+2 {
		n.B.Fail(graph.Shapef("a convolution over %d axes of %s", axes, x.Type))
	}
	if c.Groups < 0 || out < 1 || in%groups != 0 || out%groups != 0 {
		n.B.Fail(graph.Shapef("a convolution from %d to %d channels in %d groups", in, out, c.Groups))
	}
	k := n.each("kernel", c.Kernel, axes, 1)
	for _, v := range k {
		kernel = append(kernel, int(v))
	}
	attrs = []graph.Attr{
		graph.Ints("kernel_shape", k...), graph.Ints("strides", n.each("stride", c.Stride, axes, 1)...), graph.Ints("pads", n.pads(c.Padding, axes)...),
		graph.Ints("dilations", n.each("dilation", c.Dilation, axes, 1)...), graph.Int("group", groups),
	}
	return attrs, kernel, groups, in
}

// each is the list for every axis: least for an empty one, which no element may be below.
func (n *Net) each(what string, list []int, axes, least int) []int64 {
	out := make([]int64, axes)
	for i := range out {
		switch len(list) {
		case 0:
			out[i] = int64(least)
		case 1:
			out[i] = int64(list[0])
		case axes:
			out[i] = int64(list[i])
		default:
			n.B.Fail(graph.Shapef("%s %v for %d axes", what, list, axes))
		}
		if n.B.Err() == nil && out[i] < int64(least) {
			n.B.Fail(graph.Shapef("%s %v", what, list))
		}
	}
	return out
}

// pads are ONNX's: those before all axes, then those behind them.
func (n *Net) pads(list []int, axes int) []int64 {
	p := n.each("padding", list, axes, 0)
	return append(p, p...)
}
