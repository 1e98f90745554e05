package kernel

import (
	"math"
	"slices"
)

// Depthwise is a convolution of each channel by itself, on blocks of 16 channels: rows of pixels [W][16]. The first output sees the first pixel
// of X first, or one beyond the edge (see Head). Bits of an output do not depend on which outputs are computed with it. Assembly knows the fields by their
// offsets, up to XRow.
type Depthwise struct {
	X    []float32 // from the first pixel on
	W    []float32 // [Kernel[0]][Kernel[1]][16], rows WRow apart
	Bias []float32 // [16]
	Y    []float32 // from the first output on
	R    []float32 // what is added, nil without

	Rows, Cols     int // of the outputs
	Lo, Hi         float32
	Kernel, Stride [2]int

	xStep, yStep, rStep  int // bytes from row to row
	down, tap, line, col int // bytes in X: to the next row of outputs, tap, row of taps after the last tap of one, and column of outputs
	wLine                int // bytes in W from the last tap of a row to the first of the next

	at                  int    // bytes in X to what the first tap of the first output sees
	inRow, inRows       int    // the row of X that it sees, and rows of X
	first, before, last uint64 // columns of inputs that are in X, as bits: of the first tile of a row, of the one that the last overlaps, of the last
	endCol, halves      int    // for assembly

	XRow, YRow, RRow int // elements from row to row
	WRow             int // elements from one row of taps to the next, 0 when they lie side by side
	Dilation         [2]int

	// In are the rows and columns of X, and Head those of the padding before it that the first output sees; negative: of X that it does not see. Products with
	// padding are left out, which CanPad must allow. Without both, X has all that the taps see.
	In, Head [2]int
}

// maxPad bounds padding before and after the columns of X.
const maxPad = 4

// CanPad reports whether Run leaves out taps that see padding for such a kernel, and so many columns of padding before and after X.
func (d *Depthwise) CanPad(before, after int) bool {
	return d.skips() && max(before, after) <= min(maxPad, d.Kernel[1]-1)
}

// Run computes the outputs: see depthwiseGo.
func (d *Depthwise) Run() {
	if d.Rows < 1 || d.Cols < 1 {
		return
	}
	if d.WRow == 0 {
		d.WRow = d.Kernel[1] * 16
	}
	_ = d.W[(d.Kernel[0]-1)*d.WRow+d.Kernel[1]*16-1]
	d.wLine = 4*d.WRow - 64*d.Kernel[1]
	d.prepare()
	d.run()
}

var lowestLanes = [16]float32(slices.Repeat([]float32{float32(math.Inf(-1))}, 16))

// Max is Run with maxima in place of sums: an output is the largest element under the taps, NaN if there is one. It has no use for W and Bias.
func (d *Depthwise) Max() {
	if d.Rows < 1 || d.Cols < 1 {
		return
	}
	d.Bias = lowestLanes[:]
	d.prepare()
	d.max()
}

// prepare checks that slices are long enough and sets the distances.
func (d *Depthwise) prepare() {
	in := d.In
	if !d.padded() {
		in = [2]int{(d.Rows-1)*d.Stride[0] + (d.Kernel[0]-1)*d.Dilation[0] + 1, (d.Cols-1)*d.Stride[1] + (d.Kernel[1]-1)*d.Dilation[1] + 1}
	}
	_ = d.X[(in[0]-1)*d.XRow+in[1]*16-1]
	_ = d.Bias[15]
	_ = d.Y[(d.Rows-1)*d.YRow+d.Cols*16-1]
	d.xStep, d.yStep, d.rStep = 4*d.XRow, 4*d.YRow, 0
	if d.R != nil {
		_ = d.R[(d.Rows-1)*d.RRow+d.Cols*16-1]
		d.rStep = 4 * max(d.RRow, 1) // 0 is for no R
	}
	d.down, d.tap, d.col = d.xStep*d.Stride[0], 64*d.Dilation[1], 64*d.Stride[1]
	d.line = d.xStep*d.Dilation[0] - d.Kernel[1]*d.tap
	d.at, d.inRow, d.inRows = -d.Head[0]*d.xStep-64*d.Head[1], -d.Head[0], in[0]
}

func (d *Depthwise) padded() bool { return d.In != [2]int{} }

// inside are the columns of inputs, from the one on that output col sees first, that are in X: a bit for each of as many as a tile sees, all bits if none
// of them is padding.
func (d *Depthwise) inside(col, cols int) uint64 {
	first := col*d.Stride[1] - d.Head[1]
	if end := first + (cols-1)*d.Stride[1] + d.Kernel[1]; !d.padded() || first >= 0 && end <= d.In[1] {
		return ^uint64(0)
	}
	return (1<<max(0, d.In[1]-first) - 1) &^ (1<<max(0, -first) - 1)
}

// depthwiseGo is the contract of Depthwise.Run: for all rows r, columns c and lanes l
//
//	s = Bias[l]
//	for ky, kx, in order, where i = r·Stride[0] + ky·Dilation[0] - Head[0] is in 0 … In[0]-1 and j = c·Stride[1] + kx·Dilation[1] - Head[1] in 0 … In[1]-1:
//		s = fma(X[i·XRow + j·16 + l], W[ky][kx][l], s)
//	Y[r·YRow + 16·c + l] = min(max(s + R[r·RRow + 16·c + l], Lo), Hi)   // NaN stays NaN
func depthwiseGo(d *Depthwise) {
	d.each(func(y, x []float32, ky, kx int) {
		for l, w := range d.W[ky*d.WRow+kx*16:][:16] {
			y[l] = float32(math.FMA(float64(x[l]), float64(w), float64(y[l])))
		}
	})
}

func maxPoolGo(d *Depthwise) {
	d.each(func(y, x []float32, _, _ int) {
		for l, v := range x {
			y[l] = max(y[l], v)
		}
	})
}

// each calls f for every tap of every output, in order, with the lanes of both.
func (d *Depthwise) each(f func(y, x []float32, ky, kx int)) {
	for r := range d.Rows {
		for c := range d.Cols {
			y := d.Y[r*d.YRow+16*c:][:16]
			copy(y, d.Bias[:16])
			for ky := range d.Kernel[0] {
				i := r*d.Stride[0] + ky*d.Dilation[0] - d.Head[0]
				if d.padded() && (i < 0 || i >= d.In[0]) {
					continue
				}
				for kx := range d.Kernel[1] {
					if j := c*d.Stride[1] + kx*d.Dilation[1] - d.Head[1]; !d.padded() || j >= 0 && j < d.In[1] {
						f(y, d.X[i*d.XRow+j*16:][:16], ky, kx)
					}
				}
			}
			if d.R != nil {
				for l, v := range d.R[r*d.RRow+16*c:][:16] {
					y[l] += v
				}
			}
			Clip(y, y, d.Lo, d.Hi)
		}
	}
}
