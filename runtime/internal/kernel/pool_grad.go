package kernel

// MaxPoolGrad adds the gradients g of the outputs y of a plane to those dx of its elements x: each to the first of the largest in its window.
func MaxPoolGrad[T float32 | float64](w *Window, dx, x, y, g []T) {
	step := w.Dilation[2]
	at := 0
	for o0 := range w.Out[0] {
		a0, lo0, hi0 := w.Taps(0, o0)
		for o1 := range w.Out[1] {
			a1, lo1, hi1 := w.Taps(1, o1)
			for o2 := range w.Out[2] {
				a2, lo2, hi2 := w.Taps(2, o2)
				top, grad := y[at], g[at]
				at++
			window:
				for k0 := lo0; k0 < hi0; k0++ {
					for k1 := lo1; k1 < hi1; k1++ {
						i := ((a0+k0*w.Dilation[0])*w.In[1]+a1+k1*w.Dilation[1])*w.In[2] + a2 + lo2*step
						for k2 := lo2; k2 < hi2; k2++ {
							if v := x[i]; v == top || v != v {
								dx[i] += grad
								break window
							}
							i += step
						}
					}
				}
			}
		}
	}
}

// SumPoolGrad adds the gradient of each output of a plane to all elements dx in its window; with mean, divided by how many those are, or with pad by how many
// they and the padding are.
func SumPoolGrad[T float32 | float64](w *Window, dx, g []T, mean, pad bool) {
	for o0 := range w.Out[0] {
		a0, lo0, hi0 := w.Taps(0, o0)
		for o1 := range w.Out[1] {
			a1, lo1, hi1 := w.Taps(1, o1)
			row := g[(o0*w.Out[1]+o1)*w.Out[2]:][:w.Out[2]]
			n01 := (hi0 - lo0) * (hi1 - lo1)
			if pad {
				n01 = w.Padded(0, o0) * w.Padded(1, o1)
			}
			for o2, v := range row {
				first, lo2, hi2 := w.Taps(2, o2)
				if mean {
					n := n01 * (hi2 - lo2)
					if pad {
						n = n01 * w.Padded(2, o2)
					}
					if n > 0 {
						v /= T(n)
					}
				}
				for k0 := lo0; k0 < hi0; k0++ {
					for k1 := lo1; k1 < hi1; k1++ {
						to := dx[((a0+k0*w.Dilation[0])*w.In[1]+a1+k1*w.Dilation[1])*w.In[2]:][:w.In[2]]
						for k2 := lo2; k2 < hi2; k2++ {
							to[first+k2*w.Dilation[2]] += v
						}
					}
				}
			}
		}
	}
}
