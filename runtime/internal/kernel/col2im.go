package kernel

// Addable are the elements of tensors that can be summed.
type Addable interface {
	~float32 | ~float64 | ~complex64 | ~complex128 | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Col2Im writes a plane [In]: each element is the sum of those of cols [Kernel, Out] that stand for it, of which tap k of position o stands for the
// element that a window at o sees by k.
func Col2Im[T Addable](w *Window, plane, cols []T) {
	clear(plane)
	w.lines(func(o, i, n, step int) {
		from := cols[o:][:n]
		for j, v := range from {
			plane[i+j*step] += v
		}
	})
}

// Im2Col writes cols [Kernel, Out]: what a window at each position sees in a plane by each tap, zeros in the padding.
func Im2Col[T Addable](w *Window, cols, plane []T) {
	clear(cols)
	w.lines(func(o, i, n, step int) {
		to := cols[o:][:n]
		for j := range to {
			to[j] = plane[i+j*step]
		}
	})
}

// lines calls f for each run of n elements of columns [Kernel, Out] from o on that stand for elements of the plane i, i + step, ….
func (w *Window) lines(f func(o, i, n, step int)) {
	tap := 0
	for k0 := range w.Kernel[0] {
		lo0, hi0 := w.Outputs(0, k0)
		for k1 := range w.Kernel[1] {
			lo1, hi1 := w.Outputs(1, k1)
			for k2 := range w.Kernel[2] {
				lo2, hi2 := w.Outputs(2, k2)
				for o0 := lo0; o0 < hi0 && lo2 < hi2; o0++ {
					i0 := o0*w.Stride[0] - w.Head[0] + k0*w.Dilation[0]
					for o1 := lo1; o1 < hi1; o1++ {
						i1 := o1*w.Stride[1] - w.Head[1] + k1*w.Dilation[1]
						i := (i0*w.In[1]+i1)*w.In[2] + lo2*w.Stride[2] - w.Head[2] + k2*w.Dilation[2]
						f(((tap*w.Out[0]+o0)*w.Out[1]+o1)*w.Out[2]+lo2, i, hi2-lo2, w.Stride[2])
					}
				}
				tap++
			}
		}
	}
}
