package kernel

// ConvRow computes outputs lo to hi-1 of the row (o0, o1) of one output channel: y = bias + Σ w·x over channels, then taps, in order.
// x is [channels, In], w is [channels, Kernel] and y the whole row. It is for groups with so few output channels (depthwise
// convolutions have one) that gathering the inputs for a matrix product would cost more than the product.
func ConvRow[T Number](win *Window, channels, o0, o1, lo, hi int, x, w []T, bias T, y []T) {
	out := y[lo:hi]
	for i := range out {
		out[i] = bias
	}
	a0, lo0, hi0 := win.Taps(0, o0)
	a1, lo1, hi1 := win.Taps(1, o1)
	in, taps := win.InSize(), win.KernelSize()
	for c := range channels {
		for k0 := lo0; k0 < hi0; k0++ {
			for k1 := lo1; k1 < hi1; k1++ {
				at := c*in + ((a0+k0*win.Dilation[0])*win.In[1]+a1+k1*win.Dilation[1])*win.In[2]
				convTaps(win, lo, hi, x[at:at+win.In[2]], w[c*taps+(k0*win.Kernel[1]+k1)*win.Kernel[2]:][:win.Kernel[2]], y)
			}
		}
	}
}

// convTaps adds Σ_k w[k]·x[o·stride - head + k·dilation] to y[o] for o = lo … hi-1.
func convTaps[T Number](win *Window, lo, hi int, x, w, y []T) {
	s, d := win.Stride[2], win.Dilation[2]
	for k := 0; k < len(w); {
		l, h := win.Outputs(2, k)
		l, h = max(l, lo), min(h, hi)
		if k+2 < len(w) { // where three taps are inside, they share the passage over y
			l2, h2 := win.Outputs(2, k+2)
			from := k*d - win.Head[2]
			m0, m1 := l, min(h2, hi)
			if m0+8 <= m1 {
				l1, h1 := win.Outputs(2, k+1)
				convTap(y, x, w[k], max(l, m1), h, s, from)
				convTap(y, x, w[k+1], max(l1, lo), m0, s, from+d)
				convTap(y, x, w[k+1], m1, min(h1, hi), s, from+d)
				convTap(y, x, w[k+2], max(l2, lo), m0, s, from+2*d)
				convTap3(y[m0:m1], x[m0*s+from:], x[m0*s+from+d:], x[m0*s+from+2*d:], w[k:k+3], s)
				k += 3
				continue
			}
		}
		convTap(y, x, w[k], l, h, s, k*d-win.Head[2])
		k++
	}
}

// convTap adds w·x[o·s+from] to y[o] for o = lo … hi-1.
func convTap[T Number](y, x []T, w T, lo, hi, s, from int) {
	if lo >= hi {
		return
	}
	y, x = y[lo:hi], x[lo*s+from:]
	if s == 1 {
		x = x[:len(y)]
		for i, v := range x {
			y[i] += w * v
		}
		return
	}
	for i := range y {
		y[i] += w * x[i*s]
	}
}

func convTap3[T Number](y, x0, x1, x2, w []T, s int) {
	w0, w1, w2 := w[0], w[1], w[2]
	if s == 1 {
		x0, x1, x2 = x0[:len(y)], x1[:len(y)], x2[:len(y)]
		for i, v := range y {
			v += w0 * x0[i]
			v += w1 * x1[i]
			v += w2 * x2[i]
			y[i] = v
		}
		return
	}
	for i, v := range y {
		v += w0 * x0[i*s]
		v += w1 * x1[i*s]
		v += w2 * x2[i*s]
		y[i] = v
	}
}
