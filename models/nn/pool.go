package nn

import "github.com/onnxrun/onnxrun/graph"

// Pool are the sizes of a pooling, as of [Conv]; an empty stride is the kernel.
type Pool struct {
	Kernel, Stride, Padding, Dilation []int
	Ceil                              bool // the last window may reach beyond the end
}

// MaxPool is the maximum of windows of [N, C, spatial…].
func (n *Net) MaxPool(x *graph.Value, p Pool) *graph.Value {
	attrs := n.windows(x, p)
	if n.B.Err() != nil {
		return nil
	}
	if len(p.Dilation) > 0 {
		attrs = append(attrs, graph.Ints("dilations", n.each("dilation", p.Dilation, x.Type.Rank()-2, 1)...))
	}
	return n.op("MaxPool", []*graph.Value{x}, attrs...)
}

// AvgPool is the mean of windows of [N, C, spatial…], padding counting as zeros.
func (n *Net) AvgPool(x *graph.Value, p Pool) *graph.Value {
	if len(p.Dilation) > 0 {
		n.B.Fail(graph.Shapef("an average pooling has no dilation, not %v", p.Dilation))
	}
	return n.op("AveragePool", []*graph.Value{x}, append(n.windows(x, p), graph.Int("count_include_pad", 1))...)
}

func (n *Net) windows(x *graph.Value, p Pool) []graph.Attr {
	n.extent(x, 1)
	if n.B.Err() != nil {
		return nil
	}
	axes := x.Type.Rank() - 2
	if axes < 1 {
		n.B.Fail(graph.Shapef("a pooling of %s", x.Type))
		return nil
	}
	stride := p.Stride
	if len(stride) == 0 {
		stride = p.Kernel
	}
	attrs := []graph.Attr{
		graph.Ints("kernel_shape", n.each("kernel", p.Kernel, axes, 1)...), graph.Ints("strides", n.each("stride", stride, axes, 1)...),
		graph.Ints("pads", n.pads(p.Padding, axes)...),
	}
	if p.Ceil {
		attrs = append(attrs, graph.Int("ceil_mode", 1))
	}
	return attrs
}

// GlobalAvgPool is the mean over all spatial axes: [N, C, spatial…] → [N, C].
func (n *Net) GlobalAvgPool(x *graph.Value) *graph.Value {
	return n.Flatten(n.B.Op("GlobalAveragePool", x))
}

// GlobalMaxPool is the maximum over all spatial axes: [N, C, spatial…] → [N, C].
func (n *Net) GlobalMaxPool(x *graph.Value) *graph.Value {
	return n.Flatten(n.B.Op("GlobalMaxPool", x))
}
