package kernel

// Ordered are the elements of pools.
type Ordered interface {
	~float32 | ~float64 | ~int8 | ~uint8
}

// MaxPoolRow writes the row (o0, o1) of the outputs of a plane of x [planes, In]: the largest element under each window, NaN if there is one,
// the lowest value of T (minus infinity for floats) where the window sees only padding.
func MaxPoolRow[T Ordered](w *Window, o0, o1, plane int, x, y []T) {
	p := x[plane*w.InSize():][:w.InSize()]
	low := lowest[T]()
	for i := range y {
		y[i] = low
	}
	a0, lo0, hi0 := w.Taps(0, o0)
	a1, lo1, hi1 := w.Taps(1, o1)
	s := w.Stride[2]
	for k0 := lo0; k0 < hi0; k0++ {
		for k1 := lo1; k1 < hi1; k1++ {
			row := p[((a0+k0*w.Dilation[0])*w.In[1]+a1+k1*w.Dilation[1])*w.In[2]:][:w.In[2]]
			if w.Kernel[2] > w.In[2] { // most taps see padding
				for o2 := range y {
					first, lo, hi := w.Taps(2, o2)
					for k := lo; k < hi; k++ {
						y[o2] = max(y[o2], row[first+k*w.Dilation[2]])
					}
				}
				continue
			}
			for k2 := range w.Kernel[2] {
				lo, hi := w.Outputs(2, k2)
				if lo >= hi {
					continue
				}
				out, in := y[lo:hi], row[lo*s-w.Head[2]+k2*w.Dilation[2]:]
				if s == 1 {
					in = in[:len(out)]
					for i, v := range in {
						out[i] = max(out[i], v)
					}
					continue
				}
				for i, v := range out {
					out[i] = max(v, in[i*s])
				}
			}
		}
	}
}

// MaxPoolIndexRow is MaxPoolRow that also gives the position in x of the first of the largest elements, or of the first NaN, and -1 for none:
// column-major within the plane when columnMajor is set.
func MaxPoolIndexRow[T Ordered](w *Window, o0, o1, plane int, x, y []T, idx []int64, columnMajor bool) {
	p := x[plane*w.InSize():][:w.InSize()]
	a0, lo0, hi0 := w.Taps(0, o0)
	a1, lo1, hi1 := w.Taps(1, o1)
	step := w.Dilation[2]
	for o2 := range y {
		a2, lo2, hi2 := w.Taps(2, o2)
		best, at := lowest[T](), -1
		top := best // of -0 and +0, which compare equal, max takes +0, as MaxPoolRow does
		for k0 := lo0; k0 < hi0; k0++ {
			for k1 := lo1; k1 < hi1; k1++ {
				i := ((a0+k0*w.Dilation[0])*w.In[1]+a1+k1*w.Dilation[1])*w.In[2] + a2 + lo2*step
				for k2 := lo2; k2 < hi2; k2++ {
					v := p[i]
					if v > best || at < 0 || v != v && best == best {
						best, at = v, i
					}
					top = max(top, v)
					i += step
				}
			}
		}
		y[o2] = top
		if at >= 0 {
			if columnMajor {
				i0, i1, i2 := at/w.In[2]/w.In[1], at/w.In[2]%w.In[1], at%w.In[2]
				at = i0 + w.In[0]*(i1+w.In[1]*i2)
			}
			at += plane * w.InSize()
		}
		idx[o2] = int64(at)
	}
}

// lowest is the smallest value of T, minus infinity for floats.
func lowest[T Ordered]() T {
	var zero T
	switch any(zero).(type) {
	case int8:
		v := int8(-128)
		return T(v)
	case uint8:
		return 0
	}
	one := T(1)
	return -one / zero
}

// AveragePoolRow writes the row (o0, o1) of the outputs of a plane [In]: the mean of what each window sees, over the number of its
// taps that see an input, or with pad also padding, but nothing past it. It is 0 where the window sees nothing.
func AveragePoolRow[T float32 | float64](w *Window, o0, o1 int, p, y []T, pad bool) {
	a0, lo0, hi0 := w.Taps(0, o0)
	a1, lo1, hi1 := w.Taps(1, o1)
	clear(y)
	s := w.Stride[2]
	for k0 := lo0; k0 < hi0; k0++ {
		for k1 := lo1; k1 < hi1; k1++ {
			row := p[((a0+k0*w.Dilation[0])*w.In[1]+a1+k1*w.Dilation[1])*w.In[2]:][:w.In[2]]
			if w.Kernel[2] > w.In[2] { // most taps see padding
				for o2 := range y {
					first, lo, hi := w.Taps(2, o2)
					for k := lo; k < hi; k++ {
						y[o2] += row[first+k*w.Dilation[2]]
					}
				}
				continue
			}
			for k2 := range w.Kernel[2] {
				lo, hi := w.Outputs(2, k2)
				if lo >= hi {
					continue
				}
				out, in := y[lo:hi], row[lo*s-w.Head[2]+k2*w.Dilation[2]:]
				if s == 1 {
					in = in[:len(out)]
					for i, v := range in {
						out[i] += v
					}
					continue
				}
				for i := range out {
					out[i] += in[i*s]
				}
			}
		}
	}
	n01 := (hi0 - lo0) * (hi1 - lo1)
	if pad {
		n01 = w.Padded(0, o0) * w.Padded(1, o1)
	}
	for o2, sum := range y {
		_, lo2, hi2 := w.Taps(2, o2)
		n := n01 * (hi2 - lo2)
		if pad {
			n = n01 * w.Padded(2, o2)
		}
		if n > 0 {
			y[o2] = sum / T(n)
		}
	}
}

// Padded is the number of taps of output o that see an input or padding along the axis.
func (w *Window) Padded(axis, o int) int {
	room := w.In[axis] + w.Head[axis] + w.Tail[axis] - 1 - o*w.Stride[axis]
	if room < 0 {
		return 0
	}
	return min(w.Kernel[axis], room/w.Dilation[axis]+1)
}
