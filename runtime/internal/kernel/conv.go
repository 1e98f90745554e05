package kernel

// Number is what convolutions add up: floats, or int32 for quantized ones.
type Number interface{ ~float32 | ~float64 | ~int32 }

// ConvTile is the work on one block of a convolution of one group: Rows output channels by Cols output positions from Col0 on.
type ConvTile[T Number] struct {
	Win        *Window
	Channels   int // input channels of the group
	X          []T // [Channels, In]
	W          []T // [Rows, Channels, Kernel]
	Bias       []T // [Rows], or nil for zeros
	Y          []T // [Rows, OutSize]
	Rows       int
	Col0, Cols int
	Panel      []T     // scratch, see ConvBlock
	Off        []int32 // scratch of 4 * Cols
}

// convDepth is the number of products per block of the sum; one column panel and four rows of weights of that depth stay in the first cache level.
const convDepth = 512

// ConvBlock is the shape of the blocks that suit a convolution of that depth: channels per block of the sum, output positions and output channels per tile,
// and elements of Panel. It follows from the shape of the weights and the instruction set alone.
func ConvBlock[T Number](channels, taps, rows int) (depth, cols, height, panel int) {
	depth = max(1, min(channels, convDepth/taps))
	if packsConv[T](taps) {
		cols = max(32, min(256, 1<<16/(depth*taps)&^31))
		height = min(rows, max(64, 1<<26/(max(1, channels*taps)*cols)))
		return depth, cols, height, packedConvScratch(height, cols, depth*taps)
	}
	cols = min(64, max(4, 65536/(depth*taps)&^3))
	height = min(rows, max(32, 1<<21/(max(1, channels*taps)*cols)&^3))
	return depth, cols, height, depth * taps * cols
}

// Run computes the tile as a matrix product of W with the columns of the input that each output position sees (im2col), which
// are gathered block by block of the sum into panels of four positions. The sum of an element runs over channels, then taps, in order; the bias comes last, since
// products added to a large bias would lose digits.
func (t *ConvTile[T]) Run() {
	w := t.Win
	size, taps := w.OutSize(), w.KernelSize()
	if packsConv[T](taps) {
		runPacked(any(t).(*ConvTile[float32]))
		return
	}
	for r := range t.Rows {
		clear(t.Y[r*size+t.Col0:][:t.Cols])
	}
	depth, _, _, _ := ConvBlock[T](t.Channels, taps, t.Rows)
	for c0 := 0; c0 < t.Channels; c0 += depth {
		n := min(depth, t.Channels-c0)
		t.gather(c0, n)
		t.multiply(c0*taps, n*taps)
	}
	t.addBias()
}

func (t *ConvTile[T]) addBias() {
	size := t.Win.OutSize()
	for r, b := range t.Bias {
		y := t.Y[r*size+t.Col0:][:t.Cols]
		for i := range y {
			y[i] += b
		}
	}
}

// gather fills Panel with [Cols/4][n*taps][4] inputs of channels c0 to c0+n-1.
func (t *ConvTile[T]) gather(c0, n int) {
	w := t.Win
	in, taps := w.InSize(), w.KernelSize()
	quads := (t.Cols + 3) / 4
	t.positions()
	tap := 0
	for k0 := range w.Kernel[0] {
		for k1 := range w.Kernel[1] {
			for k2 := range w.Kernel[2] {
				off := t.offsets(k0, k1, k2)
				for q := range quads {
					o := off[q*4 : q*4+4 : q*4+4]
					dst := t.Panel[(q*n*taps+tap)*4:]
					x := t.X[c0*in:]
					step := taps * 4
					if o[0]|o[1]|o[2]|o[3] >= 0 {
						a, b, d, e := int(o[0]), int(o[1]), int(o[2]), int(o[3])
						for c := range n {
							p := dst[c*step:][:4]
							xc := x[c*in:][:in]
							p[0], p[1], p[2], p[3] = xc[a], xc[b], xc[d], xc[e]
						}
						continue
					}
					for c := range n {
						p := dst[c*step:][:4]
						for i, k := range o {
							var v T
							if k >= 0 {
								v = x[c*in+int(k)]
							}
							p[i] = v
						}
					}
				}
				tap++
			}
		}
	}
}

// positions writes, for each column, the input position of tap 0 along each axis to Off[n:], where n is Cols rounded up to 4.
func (t *ConvTile[T]) positions() {
	w := t.Win
	n := (t.Cols + 3) &^ 3
	p := t.Off[n : 4*n]
	hw := w.Out[1] * w.Out[2]
	o0, o1, o2 := t.Col0/hw, t.Col0/w.Out[2]%w.Out[1], t.Col0%w.Out[2]
	for i := range t.Cols {
		p[i*3] = int32(o0*w.Stride[0] - w.Head[0])
		p[i*3+1] = int32(o1*w.Stride[1] - w.Head[1])
		p[i*3+2] = int32(o2*w.Stride[2] - w.Head[2])
		if o2++; o2 == w.Out[2] {
			o2 = 0
			if o1++; o1 == w.Out[1] {
				o1 = 0
				o0++
			}
		}
	}
}

// offsets are, for each column, where in a channel the tap sees its input, -1 in the padding and past the last column.
func (t *ConvTile[T]) offsets(k0, k1, k2 int) []int32 {
	w := t.Win
	n := (t.Cols + 3) &^ 3
	off, p := t.Off[:n], t.Off[n:]
	d0, d1, d2 := int32(k0*w.Dilation[0]), int32(k1*w.Dilation[1]), int32(k2*w.Dilation[2])
	n0, n1, n2 := uint32(w.In[0]), uint32(w.In[1]), uint32(w.In[2])
	for i := range off {
		off[i] = -1
		if i < t.Cols {
			i0, i1, i2 := uint32(p[i*3]+d0), uint32(p[i*3+1]+d1), uint32(p[i*3+2]+d2)
			if i0 < n0 && i1 < n1 && i2 < n2 {
				off[i] = int32((i0*n1+i1)*n2 + i2)
			}
		}
	}
	return off
}

// multiply adds the products of the weights from k0 on, n of each row, with the gathered panels to Y.
func (t *ConvTile[T]) multiply(k0, n int) {
	size := t.Win.OutSize()
	row := t.Channels * t.Win.KernelSize()
	var acc [16]T
	for q := 0; q*4 < t.Cols; q++ {
		panel := t.Panel[q*n*4:][:n*4]
		cols := min(4, t.Cols-q*4)
		for r := 0; r < t.Rows; r += 4 {
			rows := min(4, t.Rows-r)
			var a [4][]T
			for i := range a {
				k := r + min(i, rows-1)
				a[i] = t.W[k*row+k0:][:n]
			}
			y := t.Y[r*size+t.Col0+q*4:]
			if rows == 4 && cols == 4 {
				y0, y1, y2, y3 := y[:4], y[size:][:4], y[2*size:][:4], y[3*size:][:4]
				copy(acc[0:4], y0)
				copy(acc[4:8], y1)
				copy(acc[8:12], y2)
				copy(acc[12:16], y3)
				gemm4x4(&acc, a[0], a[1], a[2], a[3], panel)
				copy(y0, acc[0:4])
				copy(y1, acc[4:8])
				copy(y2, acc[8:12])
				copy(y3, acc[12:16])
				continue
			}
			for i := range rows {
				copy(acc[i*4:i*4+4], y[i*size:][:cols])
			}
			gemm4x4(&acc, a[0], a[1], a[2], a[3], panel)
			for i := range rows {
				copy(y[i*size:][:cols], acc[i*4:i*4+4])
			}
		}
	}
}

// gemm4x4 adds Σ_k a_i[k]·b[4k+j] to acc[4i+j], k forward. All rows have the same length and b four times that.
func gemm4x4[T Number](acc *[16]T, a0, a1, a2, a3, b []T) {
	gemm4x2(acc, 0, a0, a1, a2, a3, b)
	gemm4x2(acc, 2, a0, a1, a2, a3, b)
}

// gemm4x2 is half of gemm4x4, so that the sums stay in registers.
func gemm4x2[T Number](acc *[16]T, j int, a0, a1, a2, a3, b []T) {
	j &= 2
	s00, s01 := acc[j], acc[j+1]
	s10, s11 := acc[4+j], acc[4+j+1]
	s20, s21 := acc[8+j], acc[8+j+1]
	s30, s31 := acc[12+j], acc[12+j+1]
	a1, a2, a3 = a1[:len(a0)], a2[:len(a0)], a3[:len(a0)]
	for k, v := range a0 {
		if len(b) < 4 {
			break
		}
		p, q := b[j], b[j+1]
		b = b[4:]
		s00 += v * p
		s01 += v * q
		v = a1[k]
		s10 += v * p
		s11 += v * q
		v = a2[k]
		s20 += v * p
		s21 += v * q
		v = a3[k]
		s30 += v * p
		s31 += v * q
	}
	acc[j], acc[j+1] = s00, s01
	acc[4+j], acc[4+j+1] = s10, s11
	acc[8+j], acc[8+j+1] = s20, s21
	acc[12+j], acc[12+j+1] = s30, s31
}
