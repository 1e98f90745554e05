package ops

import "github.com/onnxrun/onnxrun/graph"

// window is the window of a convolution whose image is v and whose weights are input 1, with what auto_pad and output_shape mean settled, as attributes.
func (r rule) window(v *graph.Value, transposed bool) (slide, []graph.Arg) {
	rank, w := r.rank(v)-2, r.x(1)
	if r.Err() != nil || r.rank(w) != rank+2 {
		r.Fail(graph.Unsupportedf("the gradient of a convolution of %s by %s", v.Type, w.Type))
		return slide{}, nil
	}
	s, err := readSlide(r.n, rank, kernelExtents(w.Type.Shape[2:]))
	if err != nil {
		r.Fail(err)
		return s, nil
	}
	moves := s.auto != "" && s.auto != "VALID" || transposed && len(r.n.Ints("output_shape")) > 0
	for i, d := range v.Type.Shape[2:] {
		axis := 3 - rank + i
		n, ok := d.Int()
		if !ok && !transposed && s.Stride[axis] == 1 {
			n, ok = 1, true // SAME pads by the kernel alone
		}
		switch {
		case !moves:
		case !ok || s.Kernel[axis] < 0:
			r.Fail(graph.Unsupportedf("the gradient of %s with pads that depend on an unknown extent of %q", r.n.Op, v.Name))
			return s, nil
		case transposed:
			err = s.fitTranspose(r.n, axis, n)
		default:
			err = s.fit(axis, n)
		}
		if err != nil {
			r.Fail(err)
			return s, nil
		}
	}
	var strides, dilations, head, tail []int64
	for a := 3 - rank; a < 3; a++ {
		strides, dilations = append(strides, int64(s.Stride[a])), append(dilations, int64(s.Dilation[a]))
		head, tail = append(head, int64(s.Head[a])), append(tail, int64(s.Tail[a]))
	}
	return s, []graph.Arg{graph.Int("group", r.n.Int("group")), graph.Ints("strides", strides...), graph.Ints("dilations", dilations...), graph.Ints("pads", append(head, tail...)...)}
}

// cutTo leaves the beginning of each spatial axis of v, as long as that of like.
func (r rule) cutTo(v, like *graph.Value) *graph.Value {
	if r.Err() != nil {
		return nil
	}
	var axes, zeros []int
	same := true
	for i, d := range v.Type.Shape[2:] {
		same = same && d.Equal(like.Type.Shape[2+i])
		axes, zeros = append(axes, 2+i), append(zeros, 0)
	}
	if same {
		return v
	}
	return r.Op("Slice", v, r.Ints(zeros...), r.Op("Shape", like, graph.Int("start", 2)), r.Ints(axes...))
}

// channelSum sums v over all axes but the second.
func (r rule) channelSum(v *graph.Value) *graph.Value {
	axes := []int{0}
	for i := 2; i < r.rank(v); i++ {
		axes = append(axes, i)
	}
	return r.Op("ReduceSum", v, r.Ints(axes...), graph.Int("keepdims", 0))
}

// convGrad: dX is the transposed convolution of G by W, which reaches every element of X that a window saw; dB = Σ G for each channel.
func convGrad(r rule) []*graph.Value {
	x, w, g := r.x(0), r.x(1), r.g(0)
	s, win := r.window(x, false)
	if r.Err() != nil {
		return nil
	}
	// What is left of X behind the last window is at most stride - 1 long.
	var more []int64
	for i, d := range x.Type.Shape[2:] {
		a := 3 - s.rank + i
		extra := s.Stride[a] - 1
		in, okIn := d.Int()
		out, okOut := g.Type.Shape[2+i].Int()
		if okIn && okOut && s.Kernel[a] > 0 {
			extra = in - ((out-1)*s.Stride[a] + (s.Kernel[a]-1)*s.Dilation[a] + 1 - s.Head[a] - s.Tail[a])
		}
		more = append(more, int64(extra))
	}
	dx := r.cutTo(r.Op("ConvTranspose", append([]graph.Arg{g, w, graph.Ints("output_padding", more...)}, win...)...), x)
	dw := r.Op("ai.onnxrun::ConvWeightGrad", append([]graph.Arg{x, g, r.shape(w)}, win...)...)
	return []*graph.Value{dx, dw, r.channelSum(g)}
}

// convTransposeGrad: dX is the convolution of G by W, and W has the gradient that it has in a convolution of G to X.
func convTransposeGrad(r rule) []*graph.Value {
	x, w, g := r.x(0), r.x(1), r.g(0)
	_, win := r.window(x, true)
	if r.Err() != nil {
		return nil
	}
	if r.empty(x) { // what comes out may be shorter than the window
		return []*graph.Value{r.ZerosLike(x), r.ZerosLike(w), r.channelSum(g)}
	}
	dx := r.cutTo(r.Op("Conv", append([]graph.Arg{g, w}, win...)...), x)
	dw := r.Op("ai.onnxrun::ConvWeightGrad", append([]graph.Arg{g, x, r.shape(w)}, win...)...)
	return []*graph.Value{dx, dw, r.channelSum(g)}
}
