package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// slide is the sliding window of a convolution or pool, as its attributes describe it.
type slide struct {
	kernel.Window
	rank int    // number of spatial axes
	auto string // auto_pad
	ceil bool   // ceil_mode
}

// maxSlide bounds kernel extents, strides, dilations and pads so that products of two never overflow.
const maxSlide = 1 << 30

// readSlide reads the attributes of n for rank spatial axes. size has the extents of the kernel when an input gives them, -1 where
// they are unknown; without it they are the attribute kernel_shape.
func readSlide(n *graph.Node, rank int, size []int) (s slide, err error) {
	if rank < 1 {
		return s, graph.Shapef("an input without spatial axes")
	}
	if rank > 3 {
		return s, graph.Unsupportedf("%d spatial axes", rank)
	}
	s.rank, s.auto, s.ceil = rank, n.Str("auto_pad"), n.Bool("ceil_mode")
	for i := range 3 {
		s.In[i], s.Out[i], s.Kernel[i], s.Stride[i], s.Dilation[i] = 1, 1, 1, 1, 1
	}
	off := 3 - rank
	read := func(name string, dst []int, least int64) {
		v := n.Ints(name)
		if len(v) == 0 || err != nil {
			return
		}
		if len(v) != len(dst) {
			err = graph.Shapef("%s has %d values for %d", name, len(v), len(dst))
			return
		}
		for i, x := range v {
			if x < least || x > maxSlide {
				err = graph.Shapef("%s is %v", name, v)
				return
			}
			dst[i] = int(x)
		}
	}
	read("kernel_shape", s.Kernel[off:], 1)
	read("strides", s.Stride[off:], 1)
	read("dilations", s.Dilation[off:], 1)
	switch s.auto {
	case "", "NOTSET":
		s.auto = ""
		var pads [6]int
		read("pads", pads[:2*rank], 0)
		copy(s.Head[off:], pads[:rank])
		copy(s.Tail[off:], pads[rank:2*rank])
	case "VALID", "SAME_UPPER", "SAME_LOWER":
	default:
		return s, graph.Invalidf("auto_pad is %q", s.auto)
	}
	if size == nil && len(n.Ints("kernel_shape")) == 0 && err == nil {
		err = graph.Shapef("kernel_shape is empty")
	}
	for i, k := range size {
		given := len(n.Ints("kernel_shape")) > 0
		if k == 0 || k > maxSlide || given && k > 0 && k != s.Kernel[off+i] {
			return s, graph.Shapef("the kernel has %d elements on axis %d, kernel_shape is %v", k, i, n.Ints("kernel_shape"))
		}
		if !given {
			s.Kernel[off+i] = k
		}
	}
	return s, err
}

// fit settles the pads and the output extent of an axis (0 … 2, the last spatial axis is 2) whose input extent is known.
func (s *slide) fit(axis, in int) error {
	span := (s.Kernel[axis]-1)*s.Dilation[axis] + 1
	stride := s.Stride[axis]
	s.In[axis] = in
	if s.auto == "SAME_UPPER" || s.auto == "SAME_LOWER" {
		out := in / stride
		if in%stride > 0 {
			out++
		}
		pad := max(0, (out-1)*stride+span-in)
		s.Head[axis] = pad / 2
		if s.auto == "SAME_LOWER" {
			s.Head[axis] = pad - pad/2
		}
		s.Tail[axis] = pad - s.Head[axis]
		s.Out[axis] = out
		return nil
	}
	room := in + s.Head[axis] + s.Tail[axis] - span
	if room < 0 {
		return graph.Shapef("a kernel that spans %d on an axis of %d with pads %d and %d", span, in, s.Head[axis], s.Tail[axis])
	}
	s.Out[axis] = room/stride + 1
	if s.ceil {
		if room%stride > 0 {
			s.Out[axis]++
		}
		if (s.Out[axis]-1)*stride >= in+s.Head[axis] { // the last window would start in the padding at the end
			s.Out[axis]--
		}
	}
	return nil
}

// outDim is the output extent of an axis for an input extent that may be a symbol.
func (s *slide) outDim(axis int, in graph.Dim) (graph.Dim, error) {
	if s.Kernel[axis] < 0 {
		return graph.Unknown(), nil
	}
	stride := graph.Size(s.Stride[axis])
	if n, ok := in.Int(); ok {
		if n > 1<<62 {
			return graph.Dim{}, graph.Shapef("an axis of %d", n)
		}
		err := s.fit(axis, n)
		return graph.Size(s.Out[axis]), err
	}
	up := graph.Size(s.Stride[axis] - 1)
	if s.auto == "SAME_UPPER" || s.auto == "SAME_LOWER" {
		return in.Add(up).Div(stride), nil
	}
	span := (s.Kernel[axis]-1)*s.Dilation[axis] + 1
	room := in.Add(graph.Size(s.Head[axis] + s.Tail[axis] - span))
	if s.ceil {
		if s.Tail[axis]+s.Stride[axis]-1 >= span { // a window may start in the padding and be dropped
			return graph.Unknown(), nil
		}
		room = room.Add(up)
	}
	return room.Div(stride).Add(graph.Size(1)), nil
}

// bind settles all axes for a run. x is [N, C, spatial…].
func (s *slide) bind(x tensor.Shape) error {
	for i, d := range x[2:] {
		if err := s.fit(3-s.rank+i, d); err != nil {
			return err
		}
	}
	return nil
}

// outDims are the spatial extents of the output for an input [N, C, spatial…].
func (s *slide) outDims(x []graph.Dim) ([]graph.Dim, error) {
	out := make([]graph.Dim, s.rank)
	for i, d := range x[2:] {
		var err error
		if out[i], err = s.outDim(3-s.rank+i, d); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sameTypes reports inputs whose element types are known and differ from that of the first input.
func sameTypes(c *graph.Infer, inputs ...int) error {
	for _, i := range inputs {
		if d := c.DType(i); c.Has(i) && d != tensor.Invalid && c.DType(0) != tensor.Invalid && d != c.DType(0) {
			return graph.Typef("input %d is %s, input 0 is %s", i, d, c.DType(0))
		}
	}
	return nil
}

// unknownDims are n extents of which nothing is known.
func unknownDims(n int) []graph.Dim {
	d := make([]graph.Dim, n)
	for i := range d {
		d[i] = graph.Unknown()
	}
	return d
}

// outOf is output i, which must have been allocated from its inferred shape.
func outOf(c *graph.Ctx, i int) (*tensor.Tensor, error) {
	if c.Out[i] == nil {
		return nil, graph.Shapef("the size of output %d is not known", i)
	}
	return c.Out[i], nil
}
