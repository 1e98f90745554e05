package kernel

// ConvTap is a run of products in a direct convolution: Lanes elements of the input from Off on, counted from where a pixel begins.
type ConvTap struct{ Off, Lanes int }

// Reach is the number of elements of the input that the taps of a pixel span.
func Reach(taps []ConvTap) int {
	far := 0
	for _, t := range taps {
		far = max(far, t.Off+t.Lanes)
	}
	return far
}

// ConvSpan computes output pixels that lie in a row, 16 channels of each ([N, C/16, H, W, 16] layout), or 32, two blocks at once. Assembly knows
// the fields by their offsets.
type ConvSpan struct {
	Taps   []ConvTap
	X      []float32 // from the first pixel on
	Step   int       // elements of X from one pixel to the next
	W      []float32 // [Count][16] of each block
	Bias   []float32 // [Blocks·16]
	Y      []float32 // [pixels][16] of each block
	R      []float32 // what is added, laid out as Y, or nil
	Blocks int       // of 16 output channels: 1 or 2

	WNext, YNext, RNext int // elements from one block to the next

	Lo, Hi float32 // bounds of the result

	More bool // the sums in Y go on: this is not the first part of the products
	Last bool // add Bias and R and apply the bounds: this is the last part of them

	Reach int // of Taps
	Count int // of products: the sum of the taps' lanes

	tiles, done int // what assembly counts: tiles to compute, and bytes of Y that are computed in each block
}

// Run computes a number of pixels, see convSpanGo.
func (s *ConvSpan) Run(pixels int) {
	if pixels < 1 {
		return
	}
	// The taps and the step are trusted to agree with Reach and Count.
	_, _ = s.X[(pixels-1)*s.Step+s.Reach-1], s.W[(s.Blocks-1)*s.WNext+16*s.Count-1]
	_ = s.Y[(s.Blocks-1)*s.YNext+16*pixels-1]
	if s.Last {
		_ = s.Bias[16*s.Blocks-1]
		if s.R != nil {
			_ = s.R[(s.Blocks-1)*s.RNext+16*pixels-1]
		}
	}
	most := spanTile()
	if most == 0 {
		convSpanGo(s, pixels)
		return
	}
	// Tiles are of nearly equal size: narrow ones use the registers badly.
	t, tiles := *s, (pixels+most-1)/most
	m, wider := pixels/tiles, pixels%tiles
	if wider > 0 {
		t.tiles = wider
		t.run(m + 1)
		n := wider * (m + 1)
		t.X, t.Y = t.X[n*t.Step:], t.Y[16*n:]
		if t.R != nil {
			t.R = t.R[16*n:]
		}
	}
	t.tiles = tiles - wider
	t.run(m)
}

// convSpanGo is the contract of ConvSpan.Run: for all pixels p, blocks b and channels c
//
//	sum = Σ_t Σ_l X[p·Step + Taps[t].Off + l] · W[b·WNext + 16·k + c]   // l < Taps[t].Lanes; k counts the products, forward
//	if More: sum += Y[b·YNext + 16·p + c]
//	if Last: sum = min(max(sum + Bias[16·b+c] + R[b·RNext + 16·p + c], Lo), Hi)   // NaN stays NaN
//	Y[b·YNext + 16·p + c] = sum
func convSpanGo(s *ConvSpan, pixels int) {
	for b := range s.Blocks {
		w0 := s.W[b*s.WNext:]
		for p := range pixels {
			var sum [16]float32
			w := w0
			for _, t := range s.Taps {
				x := s.X[p*s.Step+t.Off:][:t.Lanes]
				for _, v := range x {
					k := w[:16]
					for c := range sum {
						sum[c] += v * k[c]
					}
					w = w[16:]
				}
			}
			y := s.Y[b*s.YNext+16*p:][:16]
			if s.More {
				for c := range sum {
					sum[c] += y[c]
				}
			}
			if s.Last {
				bias := s.Bias[16*b:][:16]
				for c := range sum {
					sum[c] += bias[c]
				}
				if s.R != nil {
					r := s.R[b*s.RNext+16*p:][:16]
					for c := range sum {
						sum[c] += r[c]
					}
				}
				Clip(sum[:], sum[:], s.Lo, s.Hi)
			}
			copy(y, sum[:])
		}
	}
}
