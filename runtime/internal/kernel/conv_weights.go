package kernel

// ConvWeights is the gradient of the weights of a convolution by that of its output, for some channels of one group: each weight gets the sum, over images, then output
// positions, of what its tap saw times the gradient there.
type ConvWeights struct {
	Win            *Window
	X              []float32 // [images, positions, XStep]: Channels elements, then others
	G              []float32 // [images, output positions, GStep]: Rows elements, then others
	XStep, GStep   int
	Images         int
	Channels, Rows int
	W              []float32 // [Rows, Ldw]: Channels·taps elements, then others
	Ldw            int
	Scratch        []float32 // see ConvWeightsScratch
}

// convWeightsDepth is the number of output positions in a block of the sum: one block of a PackedGemm, so that what it packs stays in the second-level cache.
const convWeightsDepth = 240

// ConvWeightsScratch is the length of the scratch memory for so many rows, channels and taps.
func ConvWeightsScratch(rows, channels, taps int) int {
	cols := channels * taps
	g := PackedGemm{M: rows, N: cols, K: convWeightsDepth, TransA: true}
	n := rows*cols + PackedLen(convWeightsDepth, cols) + g.Plan()
	if !wholePanels(channels) {
		n += cols * convWeightsDepth
	}
	return n
}

// wholePanels reports whether the channels that a tap sees fill panels of a packed matrix.
func wholePanels(channels int) bool {
	_, width := Panels(1)
	return channels%width == 0
}

// Run computes W by products of the gradients [positions, Rows], transposed, with what the taps see [positions, taps·Channels].
func (c *ConvWeights) Run() {
	taps, all := c.Win.KernelSize(), c.Images*c.Win.OutSize()
	cols := taps * c.Channels
	sums, rest := c.Scratch[:c.Rows*cols], c.Scratch[c.Rows*cols:]
	panels, _ := Panels(cols)
	for p := 0; p < all; p += convWeightsDepth {
		n := min(convWeightsDepth, all-p)
		g := PackedGemm{M: c.Rows, N: cols, K: n, A: c.G[p*c.GStep:], Lda: c.GStep, TransA: true, B: rest[:PackedLen(n, cols)], C: sums, Ldc: cols}
		left := rest[len(g.B):]
		if wholePanels(c.Channels) {
			c.seePanels(g.B, p, n)
		} else {
			if c.XStep == c.Channels && c.Win.Dilation[2] == 1 {
				c.seeLines(left, p, n)
			} else {
				for t := range taps {
					c.see(left[t*c.Channels:], cols, c.Channels, 0, t, p, n)
				}
			}
			PackB(g.B, left, n, cols, cols, false, 0, panels)
			left = left[n*cols:]
		}
		if p > 0 {
			g.Residual, g.Ldr = sums, cols
		}
		g.Plan()
		g.SetScratch(left)
		blocks, _ := g.Grid()
		for b := range blocks {
			g.PackA(b)
			g.Run(b, 0, panels)
		}
	}
	for r := range c.Rows { // [taps, Channels] to [Channels, taps]
		Transpose32(c.W[r*c.Ldw:], sums[r*cols:], c.Channels, taps, taps, c.Channels)
	}
}

// seePanels packs what the taps see from the output positions p to p+n-1, where each tap has panels of its own.
func (c *ConvWeights) seePanels(dst []float32, p, n int) {
	_, width := Panels(1)
	for t := range c.Win.KernelSize() {
		for first := 0; first < c.Channels; first += width {
			c.see(dst, width, width, first, t, p, n)
			dst = dst[n*width:]
		}
	}
}

// seeLines writes [n, taps·Channels] where what the taps of a line of the kernel see is a line in X, too.
func (c *ConvWeights) seeLines(dst []float32, p, n int) {
	w, ch := c.Win, c.Channels
	out, in, line := w.OutSize(), w.InSize(), w.Kernel[2]*c.Channels
	for ; n > 0; p, n = p+1, n-1 {
		image, row, o2 := p/out, p%out/w.Out[2], p%w.Out[2]
		i2 := o2*w.Stride[2] - w.Head[2]
		lo, hi := min(max(-i2, 0), w.Kernel[2]), max(min(w.Kernel[2], w.In[2]-i2), 0)
		for k0 := range w.Kernel[0] {
			i0 := row/w.Out[1]*w.Stride[0] - w.Head[0] + k0*w.Dilation[0]
			for k1 := range w.Kernel[1] {
				i1 := row%w.Out[1]*w.Stride[1] - w.Head[1] + k1*w.Dilation[1]
				to := dst[:line]
				dst = dst[line:]
				if i0 < 0 || i0 >= w.In[0] || i1 < 0 || i1 >= w.In[1] || lo >= hi {
					clear(to)
					continue
				}
				clear(to[:lo*ch])
				clear(to[hi*ch:])
				copy(to[lo*ch:hi*ch], c.X[(image*in+(i0*w.In[1]+i1)*w.In[2]+i2+lo)*ch:])
			}
		}
	}
}

// see writes rows of channels from first on, ld elements apart: what a tap sees from the output positions p to p+n-1, zeros in the padding.
func (c *ConvWeights) see(dst []float32, ld, channels, first, tap, p, n int) {
	w := c.Win
	out, in := w.OutSize(), w.InSize()
	k0, k1, k2 := tap/w.Kernel[2]/w.Kernel[1], tap/w.Kernel[2]%w.Kernel[1], tap%w.Kernel[2]
	from, to := w.Outputs(2, k2)
	for n > 0 {
		image, row, o2 := p/out, p%out/w.Out[2], p%w.Out[2]
		count := min(n, w.Out[2]-o2)
		i0 := row/w.Out[1]*w.Stride[0] - w.Head[0] + k0*w.Dilation[0]
		i1 := row%w.Out[1]*w.Stride[1] - w.Head[1] + k1*w.Dilation[1]
		lo, hi := min(max(from-o2, 0), count), min(max(to-o2, 0), count)
		if i0 < 0 || i0 >= w.In[0] || i1 < 0 || i1 >= w.In[1] || lo >= hi {
			lo, hi = count, count
		}
		for i := range lo {
			clear(dst[i*ld:][:channels])
		}
		if lo < hi {
			i2 := (o2+lo)*w.Stride[2] - w.Head[2] + k2*w.Dilation[2]
			CopyRows(dst[lo*ld:], c.X[(image*in+(i0*w.In[1]+i1)*w.In[2]+i2)*c.XStep+first:], hi-lo, channels, ld, w.Stride[2]*c.XStep)
		}
		for i := hi; i < count; i++ {
			clear(dst[i*ld:][:channels])
		}
		p, n = p+count, n-count
		dst = dst[min(len(dst), count*ld):]
	}
}

// Transpose32 writes to[a·ldTo + b] = from[b·ldFrom + a] for a < na and b < nb.
func Transpose32(to, from []float32, na, nb, ldTo, ldFrom int) {
	if na == 0 || nb == 0 {
		return
	}
	to, from = to[:(na-1)*ldTo+nb], from[:(nb-1)*ldFrom+na]
	for a := 0; a < na; a += tileSide { // tiles stay in the first-level cache
		for b := 0; b < nb; b += tileSide {
			n, m := min(tileSide, na-a), min(tileSide, nb-b)
			t, f := to[a*ldTo+b:], from[b*ldFrom+a:]
			if transposeTile(float32Bits(t), float32Bits(f), n, m, ldTo, ldFrom) {
				continue
			}
			for i := range n {
				for j := range m {
					t[i*ldTo+j] = f[j*ldFrom+i]
				}
			}
		}
	}
}

// ConvWeight is the gradient of one weight, the tap (k0, k1, k2), from one plane of the input and of the output's gradient, in float64.
func ConvWeight[T float32 | float64](w *Window, x, g []T, k0, k1, k2 int) float64 {
	lo0, hi0 := w.Outputs(0, k0)
	lo1, hi1 := w.Outputs(1, k1)
	lo2, hi2 := w.Outputs(2, k2)
	if lo2 >= hi2 {
		return 0
	}
	s := w.Stride[2]
	var a, b float64
	for o0 := lo0; o0 < hi0; o0++ {
		i0 := o0*w.Stride[0] - w.Head[0] + k0*w.Dilation[0]
		for o1 := lo1; o1 < hi1; o1++ {
			i1 := o1*w.Stride[1] - w.Head[1] + k1*w.Dilation[1]
			row := g[(o0*w.Out[1]+o1)*w.Out[2]:][lo2:hi2]
			seen := x[(i0*w.In[1]+i1)*w.In[2]+lo2*s-w.Head[2]+k2*w.Dilation[2]:][:(len(row)-1)*s+1]
			i := 0
			for ; i+2 <= len(row); i += 2 {
				a += float64(row[i]) * float64(seen[i*s])
				b += float64(row[i+1]) * float64(seen[(i+1)*s])
			}
			if i < len(row) {
				a += float64(row[i]) * float64(seen[i*s])
			}
		}
	}
	return a + b
}
