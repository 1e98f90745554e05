package kernel

// Ordered are the elements of pools.
type Ordered interface {
	~float32 | ~float64 | ~int8 | ~uint8
}

// MaxPoolRow writes the row (o0, o1) of the outputs of a plane of x [planes, In]: the first of the largest elements under each window, the first
// NaN if there is one, the lowest value of T (minus infinity for floats) where the window sees only padding. idx, if not nil, gets
// their positions in x, or -1; column-major within the plane when columnMajor is set.
func MaxPoolRow[T Ordered](w *Window, o0, o1, plane int, x, y []T, idx []int64, columnMajor bool) {
	p := x[plane*w.InSize():][:w.InSize()]
	a0, lo0, hi0 := w.Taps(0, o0)
	a1, lo1, hi1 := w.Taps(1, o1)
	step := w.Dilation[2]
	for o2 := range y {
		a2, lo2, hi2 := w.Taps(2, o2)
		best, at := lowest[T](), -1
		for k0 := lo0; k0 < hi0; k0++ {
			for k1 := lo1; k1 < hi1; k1++ {
				i := ((a0+k0*w.Dilation[0])*w.In[1]+a1+k1*w.Dilation[1])*w.In[2] + a2 + lo2*step
				for k2 := lo2; k2 < hi2; k2++ {
					if v := p[i]; v > best || at < 0 || v != v && best == best {
						best, at = v, i
					}
					i += step
				}
			}
		}
		y[o2] = best
		if idx == nil {
			continue
		}
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
	step := w.Dilation[2]
	n01 := (hi0 - lo0) * (hi1 - lo1)
	if pad {
		n01 = w.padded(0, o0) * w.padded(1, o1)
	}
	for o2 := range y {
		a2, lo2, hi2 := w.Taps(2, o2)
		var sum T
		for k0 := lo0; k0 < hi0; k0++ {
			for k1 := lo1; k1 < hi1; k1++ {
				i := ((a0+k0*w.Dilation[0])*w.In[1]+a1+k1*w.Dilation[1])*w.In[2] + a2 + lo2*step
				for range hi2 - lo2 {
					sum += p[i]
					i += step
				}
			}
		}
		n := n01 * (hi2 - lo2)
		if pad {
			n = n01 * w.padded(2, o2)
		}
		if n > 0 {
			sum /= T(n)
		}
		y[o2] = sum
	}
}

// padded is the number of taps of output o that see an input or padding along the axis.
func (w *Window) padded(axis, o int) int {
	room := w.In[axis] + w.Head[axis] + w.Tail[axis] - 1 - o*w.Stride[axis]
	if room < 0 {
		return 0
	}
	return min(w.Kernel[axis], room/w.Dilation[axis]+1)
}
