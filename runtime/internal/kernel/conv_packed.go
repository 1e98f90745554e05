package kernel

// packsConv reports whether convolutions of T run on the micro-kernels of matrix products. Kernels of more taps than a block of k has products are so rare
// that the panels need not hold them.
func packsConv[T Number](taps int) bool {
	var z T
	_, is := any(z).(float32)
	return is && Active() > Go && taps <= gemmDepth
}

// packedConvScratch is the scratch memory of a tile: a block of the inputs in panels, and the weights where they must be packed, too.
func packedConvScratch(rows, cols, depth int) int {
	g := PackedGemm{M: rows, N: cols, K: depth, TransA: true} // wants the most
	return PackedLen(depth, cols) + g.Plan()
}

// runPacked computes a tile as products of W [Rows, depth] with inputs [depth, Cols], block by block of the sum.
func runPacked(t *ConvTile[float32]) {
	w := t.Win
	size, taps := w.OutSize(), w.KernelSize()
	if t.Channels == 0 {
		for r := range t.Rows {
			clear(t.Y[r*size+t.Col0:][:t.Cols])
		}
	}
	depth, _, _, _ := ConvBlock[float32](t.Channels, taps, t.Rows)
	for c0 := 0; c0 < t.Channels; c0 += depth {
		n := min(depth, t.Channels-c0)
		g := PackedGemm{M: t.Rows, N: t.Cols, K: n * taps, A: t.W[c0*taps:], Lda: t.Channels * taps, C: t.Y[t.Col0:], Ldc: size}
		inputs := PackedLen(g.K, g.N)
		g.B = t.Panel[:inputs]
		gatherPanels(t, g.B, c0, n)
		if c0 > 0 {
			g.Residual, g.Ldr = g.C, size
		}
		if g.Plan() > 0 {
			g.SetScratch(t.Panel[inputs:])
		}
		blocks, panels := g.Grid()
		for i := range blocks {
			if g.packedA != nil {
				g.PackA(i)
			}
			g.Run(i, 0, panels)
		}
	}
	t.addBias()
}

// packedRows finds the rows of one panel in a packed matrix, see PackB.
type packedRows struct {
	panel, panels, width int
	k, depth             int
}

// at is where row p begins.
func (r *packedRows) at(p int) int {
	k0 := p / r.depth * r.depth
	kc := min(r.depth, r.k-k0)
	return (k0*r.panels + kc*r.panel + p - k0) * r.width
}

// gatherPanels writes the inputs that the columns of t see in channels c0 to c0+n-1 as a packed matrix [n·taps, Cols].
func gatherPanels(t *ConvTile[float32], dst []float32, c0, n int) {
	w := t.Win
	rows := packedRows{k: n * w.KernelSize()}
	rows.panels, rows.width = Panels(t.Cols)
	_, rows.depth = gemmBlocks(rows.k)
	for ; rows.panel < rows.panels; rows.panel++ {
		col := rows.panel * rows.width
		last := min(col+rows.width, t.Cols)
		for at := col; at < last; { // the columns of an output row at a time
			o := t.Col0 + at
			o2, row := o%w.Out[2], o/w.Out[2]
			m := min(last-at, w.Out[2]-o2)
			gatherSpan(t, dst[at-col:], &rows, c0, n, row/w.Out[1], row%w.Out[1], o2, m)
			at += m
		}
		if cols := last - col; cols < rows.width {
			for p := range rows.k {
				clear(dst[rows.at(p):][cols:rows.width])
			}
		}
	}
}

// gatherSpan writes the first m elements of each row: what the outputs (o0, o1, o2 … o2+m-1) see by each tap in each channel.
func gatherSpan(t *ConvTile[float32], dst []float32, rows *packedRows, c0, n, o0, o1, o2, m int) {
	w := t.Win
	in, taps := w.InSize(), w.KernelSize()
	stride := w.Stride[2]
	tap := 0
	for k0 := range w.Kernel[0] {
		i0 := o0*w.Stride[0] - w.Head[0] + k0*w.Dilation[0]
		for k1 := range w.Kernel[1] {
			i1 := o1*w.Stride[1] - w.Head[1] + k1*w.Dilation[1]
			inside := i0 >= 0 && i0 < w.In[0] && i1 >= 0 && i1 < w.In[1]
			for k2 := range w.Kernel[2] {
				lo, hi := w.Outputs(2, k2)
				lo, hi = min(max(lo-o2, 0), m), min(max(hi-o2, 0), m)
				if !inside || lo >= hi {
					lo, hi = m, m
				}
				from := (i0*w.In[1]+i1)*w.In[2] + (o2+lo)*stride - w.Head[2] + k2*w.Dilation[2]
				for c := range n {
					row := dst[rows.at(c*taps+tap):][:m]
					clear(row[:lo])
					clear(row[hi:])
					if lo < hi {
						copyStrided(row[lo:hi], t.X[(c0+c)*in+from:], stride)
					}
				}
				tap++
			}
		}
	}
}

// copyStrided is dst[i] = src[i·stride].
func copyStrided(dst, src []float32, stride int) {
	if stride == 1 && len(dst) >= 16 {
		copy(dst, src)
		return
	}
	src = src[:(len(dst)-1)*stride+1]
	for i := range dst {
		dst[i] = src[i*stride]
	}
}
