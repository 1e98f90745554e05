package kernel

// ConvWeights is the gradient of the weights of a convolution by that of its output, for some channels of one group and some images: each weight gets the sum,
// over images, then output positions, of what its tap saw times the gradient there.
type ConvWeights struct {
	Win            *Window
	X              []float32 // [images, XStep]: Channels planes, then others
	G              []float32 // [images, GStep]: Rows planes, then others
	XStep, GStep   int
	Images         int
	Channels, Rows int
	W              []float32 // [Rows, Ldw]: Channels·taps elements, then others
	Ldw            int
	Scratch        []float32 // see ConvWeightsScratch
}

// convWeightsDepth is the number of output positions in a block of the sum.
const convWeightsDepth = 512

// ConvWeightsScratch is the length of the scratch memory for weights of [rows, cols] and out positions.
func ConvWeightsScratch(rows, cols, out int) int {
	depth := min(out, convWeightsDepth)
	g := PackedGemm{M: rows, N: cols, K: depth, TransA: true} // wants the most
	return cols*depth + PackedLen(depth, cols) + g.Plan()
}

// Run computes W as products of the gradients [Rows, positions] with what the taps see [positions, Channels·taps].
func (c *ConvWeights) Run() {
	out, cols := c.Win.OutSize(), c.Channels*c.Win.KernelSize()
	for r := range c.Rows {
		clear(c.W[r*c.Ldw:][:cols])
	}
	for i := range c.Images {
		for p := 0; p < out; p += convWeightsDepth {
			n := min(convWeightsDepth, out-p)
			seen, rest := c.Scratch[:cols*n], c.Scratch[cols*n:]
			c.see(seen, c.X[i*c.XStep:], p, n)
			g := PackedGemm{M: c.Rows, N: cols, K: n, A: c.G[i*c.GStep+p:], Lda: out, B: rest[:PackedLen(n, cols)], C: c.W, Ldc: c.Ldw, Residual: c.W, Ldr: c.Ldw}
			panels, _ := Panels(cols)
			PackB(g.B, seen, n, cols, n, true, 0, panels)
			if g.Plan() > 0 {
				g.SetScratch(rest[len(g.B):])
			}
			blocks, _ := g.Grid()
			for b := range blocks {
				if g.packedA != nil {
					g.PackA(b)
				}
				g.Run(b, 0, panels)
			}
		}
	}
}

// see writes [Channels·taps, n] inputs: what each tap sees from the n output positions from p on, zeros in the padding.
func (c *ConvWeights) see(dst, x []float32, p, n int) {
	w := c.Win
	in := w.InSize()
	for ch := range c.Channels {
		plane := x[ch*in:][:in]
		for k0 := range w.Kernel[0] {
			for k1 := range w.Kernel[1] {
				for k2 := range w.Kernel[2] {
					w.see(dst[:n], plane, p, k0, k1, k2)
					dst = dst[n:]
				}
			}
		}
	}
}

// see writes what a tap sees in a plane from the output positions from p on.
func (w *Window) see(dst, plane []float32, p, k0, k1, k2 int) {
	first, last := w.Outputs(2, k2)
	for len(dst) > 0 {
		o2, row := p%w.Out[2], p/w.Out[2]
		n := min(len(dst), w.Out[2]-o2)
		i0 := row/w.Out[1]*w.Stride[0] - w.Head[0] + k0*w.Dilation[0]
		i1 := row%w.Out[1]*w.Stride[1] - w.Head[1] + k1*w.Dilation[1]
		lo, hi := min(max(first-o2, 0), n), min(max(last-o2, 0), n)
		if i0 < 0 || i0 >= w.In[0] || i1 < 0 || i1 >= w.In[1] || lo >= hi {
			clear(dst[:n])
		} else {
			clear(dst[:lo])
			clear(dst[hi:n])
			copyStrided(dst[lo:hi], plane[(i0*w.In[1]+i1)*w.In[2]+(o2+lo)*w.Stride[2]-w.Head[2]+k2*w.Dilation[2]:], w.Stride[2])
		}
		dst = dst[n:]
		p += n
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
