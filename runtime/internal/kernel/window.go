package kernel

// Window is a kernel that slides over three spatial axes; operators with fewer have leading axes of extent 1.
// Output o sees the inputs o*Stride - Head + k*Dilation for k = 0 … Kernel-1; those outside of 0 … In-1 are padding.
type Window struct {
	In, Out, Kernel, Stride, Dilation, Head, Tail [3]int
}

// Taps are the k from lo to hi-1 for which output o sees an input along the axis, and first is the input position of k = 0.
func (w *Window) Taps(axis, o int) (first, lo, hi int) {
	d := w.Dilation[axis]
	first = o*w.Stride[axis] - w.Head[axis]
	if first < 0 {
		lo = (d - 1 - first) / d
	}
	if last := w.In[axis] - 1 - first; last >= 0 {
		hi = min(w.Kernel[axis], last/d+1)
	}
	return first, min(lo, hi), hi
}

// Outputs are the o from lo to hi-1 for which tap k sees an input along the axis.
func (w *Window) Outputs(axis, k int) (lo, hi int) {
	s := w.Stride[axis]
	first := k*w.Dilation[axis] - w.Head[axis]
	if first < 0 {
		lo = (s - 1 - first) / s
	}
	if last := w.In[axis] - 1 - first; last >= 0 {
		hi = min(w.Out[axis], last/s+1)
	}
	return min(lo, hi), hi
}

// InSize, OutSize and KernelSize are the products over the axes.
func (w *Window) InSize() int     { return w.In[0] * w.In[1] * w.In[2] }
func (w *Window) OutSize() int    { return w.Out[0] * w.Out[1] * w.Out[2] }
func (w *Window) KernelSize() int { return w.Kernel[0] * w.Kernel[1] * w.Kernel[2] }
