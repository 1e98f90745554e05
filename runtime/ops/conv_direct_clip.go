package ops

import "github.com/onnxrun/onnxrun/runtime/internal/kernel"

// Where taps lie far apart, as those of dilated kernels on small pictures, most products are with padding. Such a convolution is computed tap by tap: each adds its
// products to the pixels for which it lies in the picture, and nothing is padded or copied. One tap must do so for all pixels, for the first part of the sums and
// the last one.

// clipTap is the products of one tap with one input block, for the output's rows r0 to r1-1 and columns c0 to c1-1.
type clipTap struct {
	r0, r1, c0, c1 int
	off            int // of its input for the output at row 0, column 0, from the first input block on; may be negative
	first          int // of its products
	taps           []kernel.ConvTap
}

const (
	clipShare = 0.6 // of the products may be within the picture, for this to pay
	clipWidth = 8   // pixels of a row, with fewer the registers are not used well
)

// clipped are the taps in the order of the sums; nil where the usual way is better.
func (p *directPlan) clipped() []clipTap {
	if p.plain || p.span < 2 || p.rows != p.Out[1] || p.width != p.Out[2] || p.width < clipWidth {
		return nil
	}
	var live, first int
	whole := [2]int{-1, -1} // the taps of the first and the last block that serve all pixels
	var list []clipTap
	row, plane := p.In[2]*16, p.In[1]*p.In[2]*16
	for b := range p.span {
		lanes := min(16, p.lanes-16*b)
		for ky := range p.Kernel[1] {
			for kx := range p.Kernel[2] {
				y, x := ky*p.Dilation[1]-p.Head[1], kx*p.Dilation[2]-p.Head[2]
				t := clipTap{off: b*plane + y*row + x*16, first: first, taps: []kernel.ConvTap{{Lanes: lanes}}}
				first += lanes
				t.r0, t.r1 = within(y, p.Stride[1], p.In[1], p.Out[1])
				t.c0, t.c1 = within(x, p.Stride[2], p.In[2], p.Out[2])
				n := max(t.r1-t.r0, 0) * max(t.c1-t.c0, 0)
				if n == 0 {
					continue
				}
				if live += n * lanes; n == p.pixels && whole[0] < 0 {
					whole[0] = len(list)
				}
				if n == p.pixels && b == p.span-1 {
					whole[1] = len(list)
				}
				list = append(list, t)
			}
		}
	}
	if whole[1] < 0 || whole[0] == whole[1] || float64(live) > clipShare*float64(p.k)*float64(p.pixels) {
		return nil
	}
	order := []clipTap{list[whole[0]]}
	for i, t := range list {
		if i != whole[0] && i != whole[1] {
			order = append(order, t)
		}
	}
	return append(order, list[whole[1]])
}

// within are the outputs lo to hi-1 of n along an axis whose input at + i·step is one of size elements.
func within(at, step, size, n int) (lo, hi int) {
	if at < 0 {
		lo = (-at + step - 1) / step
	}
	if at < size {
		hi = (size-1-at)/step + 1
	}
	return lo, min(hi, n)
}

// clip computes rows r0 to r1-1 of a panel. s has what the taps share; in, y and r begin with the image of the panel's first input block, its first output pixel, and
// what is added to that.
func (a *directArgs) clip(s kernel.ConvSpan, in, weights, y, r []float32, outRow, r0, r1 int) {
	for i := range a.clips {
		t := &a.clips[i]
		s.Taps, s.W, s.Count, s.Reach = t.taps, weights[t.first*16:], t.taps[0].Lanes, t.taps[0].Lanes
		s.More, s.Last = i > 0, i == len(a.clips)-1
		for row := max(r0, t.r0); row < min(r1, t.r1); row++ {
			s.X = in[t.off+row*a.Stride[1]*a.In[2]*16+t.c0*a.pixelStep:]
			s.Y = y[row*outRow+t.c0*16:]
			if r != nil {
				s.R = r[(row*a.width+t.c0)*16:]
			}
			s.Run(t.c1 - t.c0)
		}
	}
	for row := r0; row < r1 && a.act.Kind != kernel.ActNone; row++ {
		kernel.ActivateRows(y[row*outRow:], s.Blocks, a.width*16, s.YNext, a.act)
	}
}
