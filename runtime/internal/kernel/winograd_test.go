package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// winogradCase is a convolution with its operands in the plain layout.
type winogradCase struct {
	Winograd
	x, k, bias, residual []float32 // [Batch, In, H, W], [Out, In, 3, 3], [Out], [Batch, Out, OutH, OutW]
	transposed           bool      // kernels are packed as those of a transposed convolution
}

func newWinogradCase(r *rand.Rand, m, batch, in, out, h, w, top, left, outH, outW int, normal bool) *winogradCase {
	c := &winogradCase{Winograd: Winograd{Tile: m, Batch: batch, In: in, Out: out, H: h, W: w, Top: top, Left: left, OutH: outH, OutW: outW, YH: outH, YW: outW}}
	fill := func(n int) []float32 {
		s := make([]float32, n)
		integers(r, s)
		for i := range s {
			if normal {
				s[i] = float32(r.NormFloat64())
			}
		}
		return s
	}
	c.x, c.k, c.bias, c.residual = fill(batch*in*h*w), fill(out*in*9), fill(out), fill(batch*out*outH*outW)
	return c
}

// block brings a tensor [batch, c, plane] into blocks of 16 channels. What lies beyond c is any finite number.
func block(s []float32, batch, c, plane int) []float32 {
	blocks := (c + 15) / 16
	out, _ := guarded(batch * blocks * plane * 16)
	for i := range out {
		out[i] = 77
	}
	for n := range batch {
		for k := range c {
			for p := range plane {
				out[((n*blocks+k/16)*plane+p)*16+k%16] = s[(n*c+k)*plane+p]
			}
		}
	}
	return out
}

// pack packs the kernels, panel by panel, each in two pieces.
func (c *winogradCase) pack(t testing.TB) []float32 {
	w := &c.Winograd
	k := WinogradKernels{W: c.k, Tile: w.Tile, Out: w.Out, In: w.In, Rows: max(w.Rows, w.In), Transposed: c.transposed}
	if c.transposed {
		k.W = make([]float32, len(c.k))
		for i, v := range c.k {
			o, in, tap := i/9/w.In, i/9%w.In, i%9
			k.W[(in*w.Out+o)*9+8-tap] = v
		}
	}
	u, ok := guarded(WinogradLen(w.Tile, w.Out, k.Rows))
	for j := WinogradPanels(w.Out) - 1; j >= 0; j-- {
		k.Pack(k.Panel(u, j), j, w.In/3, w.In)
		k.Pack(k.Panel(u, j), j, 0, w.In/3)
	}
	if !ok() {
		t.Fatal("writes outside of the packed kernels")
	}
	return u
}

// run computes the case by blocks of so many tiles, panels and pieces in any order, and returns the result [Batch, Out, OutH, OutW].
func (c *winogradCase) run(t testing.TB, tiles int) []float32 {
	w := &c.Winograd
	w.X = block(c.x, w.Batch, w.In, w.H*w.W)
	panels := WinogradPanels(w.Out)
	u := c.pack(t)
	blocks := (w.Out + 15) / 16
	if c.bias != nil {
		w.Bias = make([]float32, blocks*16)
		copy(w.Bias, c.bias)
	}
	if c.residual != nil {
		w.Residual = block(c.residual, w.Batch, w.Out, w.OutH*w.OutW)
	}
	var ok func() bool
	w.Y, ok = guarded(w.Batch * blocks * w.YH * w.YW * 16)
	for i := range w.Y {
		w.Y[i] = -12345
	}
	w.Plan()
	inBlocks := (w.In + 15) / 16
	for first := 0; first < w.Tiles(); first += tiles {
		n := min(tiles, w.Tiles()-first)
		nv, nm := w.Sizes(n)
		v, okV := guarded(nv)
		m, okM := guarded(nm)
		half := (n + 1) / 2
		for _, piece := range [][4]int{{half, n, 0, inBlocks / 2}, {0, half, 0, inBlocks}, {half, n, inBlocks / 2, inBlocks}} {
			w.Transform(v, first, n, first+piece[0], first+piece[1], piece[2], piece[3])
		}
		for j := range panels {
			w.Multiply(v, m, winogradPanelOf(u, w.Tile, w.Out, w.Rows, j), first, n, first, first+half, j)
			if half < n {
				w.Multiply(v, m, winogradPanelOf(u, w.Tile, w.Out, w.Rows, j), first, n, first+half, first+n, j)
			}
		}
		if !okV() || !okM() {
			t.Fatal("writes outside of V or M")
		}
	}
	if !ok() {
		t.Fatal("writes outside of Y")
	}
	out := make([]float32, w.Batch*w.Out*w.OutH*w.OutW)
	for n := range w.Batch {
		for b := range blocks {
			for y := range w.YH {
				for x := range w.YW {
					p := w.Y[(((n*blocks+b)*w.YH+y)*w.YW+x)*16:][:16]
					yy, xx := y-w.YTop, x-w.YLeft
					if yy < 0 || yy >= w.OutH || xx < 0 || xx >= w.OutW {
						for _, v := range p {
							if v != -12345 {
								t.Fatalf("writes outside of the result, at row %d, column %d", y, x)
							}
						}
						continue
					}
					for q := range min(16, w.Out-b*16) {
						out[((n*w.Out+b*16+q)*w.OutH+yy)*w.OutW+xx] = p[q]
					}
				}
			}
		}
	}
	return out
}

// direct is the convolution in float64; f, when set, rounds every sum.
func (c *winogradCase) direct(f func(float64) float64) []float64 {
	w := &c.Winograd
	out := make([]float64, w.Batch*w.Out*w.OutH*w.OutW)
	for i := range out {
		x, y, o, n := i%w.OutW, i/w.OutW%w.OutH, i/w.OutW/w.OutH%w.Out, i/w.OutW/w.OutH/w.Out
		var s float64
		for k := range w.In {
			for p := range 9 {
				yy, xx := y+p/3-w.Top, x+p%3-w.Left
				if yy < 0 || yy >= w.H || xx < 0 || xx >= w.W {
					continue
				}
				s += float64(c.x[((n*w.In+k)*w.H+yy)*w.W+xx]) * float64(c.k[(o*w.In+k)*9+p])
				if f != nil {
					s = f(s)
				}
			}
		}
		if c.bias != nil {
			s += float64(c.bias[o])
		}
		if c.residual != nil {
			s += float64(c.residual[i])
		}
		switch w.Act.Kind {
		case ActClip:
			s = min(max(s, float64(w.Act.Alpha)), float64(w.Act.Beta))
		case ActRelu:
			s = max(s, 0)
		case ActHardSwish:
			s = w.Act.At(s)
		}
		out[i] = s
	}
	return out
}

// near fails when got is further from want than two millionths of what sums of so many products of normal numbers reach.
func (c *winogradCase) near(t *testing.T, name string, got []float32, want []float64) {
	t.Helper()
	top := 1 + 3*math.Sqrt(float64(9*c.In))
	for i, v := range got {
		if !(math.Abs(float64(v)-want[i]) <= 2e-6*top) {
			t.Fatalf("%s: element %d is %v, want %v", name, i, v, want[i])
		}
	}
}

// TestWinograd holds all kinds of tiles, pads, tails, blocks and epilogues against a direct convolution in float64.
func TestWinograd(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, m := range []int{2, 4} {
			for h := 1; h <= 11; h++ {
				for w := 1; w <= 11; w++ {
					in, out := []int{1, 3, 16, 17, 33}[r.IntN(5)], []int{1, 5, 16, 31, 33, 48}[r.IntN(6)]
					top, left := r.IntN(4), r.IntN(4)
					outH, outW := h+top+r.IntN(4)-2, w+left+r.IntN(4)-2
					if outH < 1 || outW < 1 {
						continue
					}
					c := newWinogradCase(r, m, 1+r.IntN(2), in, out, h, w, top, left, outH, outW, true)
					if r.IntN(2) == 0 {
						c.bias = nil
					}
					if r.IntN(2) == 0 {
						c.residual = nil
					}
					c.Act = []Activation{{}, {Kind: ActRelu}, {Kind: ActClip, Alpha: -1, Beta: 2}, {Kind: ActHardSwish, Alpha: 1. / 6, Beta: .5}}[r.IntN(4)]
					if r.IntN(2) == 0 {
						c.YTop, c.YLeft = r.IntN(3), r.IntN(3)
						c.YH, c.YW = c.YTop+outH+r.IntN(3), c.YLeft+outW+r.IntN(3)
					}
					c.transposed, c.Rows = r.IntN(2) == 0, in+r.IntN(3)
					name := fmt.Sprintf("F(%d,3) %d→%d channels, %d×%d, pads %d %d, result %d×%d, bias %v residual %v %s",
						m, in, out, h, w, top, left, outH, outW, c.bias != nil, c.residual != nil, c.Act.Kind)
					c.near(t, name, c.run(t, 1+r.IntN(40)), c.direct(nil))
				}
			}
		}
	})
}

// BenchmarkWinograd runs six layers with kernels of their own on one thread: a layer that is repeated would find them in the cache.
func BenchmarkWinograd(b *testing.B) {
	for _, s := range [][4]int{
		{4, 64, 64, 56}, {4, 128, 128, 28}, {4, 256, 256, 14}, {2, 512, 512, 7},
		{4, 16, 16, 160}, {4, 32, 32, 80}, {4, 80, 80, 40}, {4, 64, 32, 256}, {4, 128, 64, 128}, {4, 512, 256, 32},
	} {
		tile, in, out, size := s[0], s[1], s[2], s[3]
		b.Run(fmt.Sprintf("F%d/%d-%d@%d", tile, in, out, size), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			kernels := make([][]float32, 6)
			for i := range kernels {
				kernels[i] = make([]float32, WinogradLen(tile, out, in))
				for k := range kernels[i] {
					kernels[i][k] = float32(r.NormFloat64())
				}
			}
			w := Winograd{Tile: tile, Batch: 1, In: in, Out: out, H: size, W: size, Top: 1, Left: 1, OutH: size, OutW: size, YH: size, YW: size}
			w.X, w.Y = make([]float32, in*size*size), make([]float32, out*size*size)
			w.Act.Kind = ActRelu
			w.Plan()
			blocks := (w.Tiles() + w.Block() - 1) / w.Block()
			tiles := (w.Tiles() + blocks - 1) / blocks
			nv, nm := w.Sizes(tiles)
			v, m := make([]float32, nv), make([]float32, nm)
			b.ResetTimer()
			for b.Loop() {
				for _, u := range kernels {
					for first := 0; first < w.Tiles(); first += tiles {
						n := min(tiles, w.Tiles()-first)
						w.Transform(v, first, n, first, first+n, 0, (in+15)/16)
						for j := range WinogradPanels(out) {
							w.Multiply(v, m, winogradPanelOf(u, w.Tile, w.Out, w.Rows, j), first, n, first, first+n, j)
						}
					}
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e6/6/float64(b.N), "µs/layer")
			b.ReportMetric(6*18*float64(in*out*size*size)*float64(b.N)/1e9/b.Elapsed().Seconds(), "GFLOP/s") // of a direct convolution
		})
	}
}

// BenchmarkWinogradPack packs kernels, those of a convolution and of its gradient.
func BenchmarkWinogradPack(b *testing.B) {
	for _, s := range [][3]int{{4, 64, 0}, {4, 64, 1}, {4, 256, 0}, {4, 256, 1}, {2, 512, 0}, {2, 512, 1}} {
		k := WinogradKernels{Tile: s[0], In: s[1], Out: s[1], Rows: s[1] + 1, Transposed: s[2] == 1}
		b.Run(fmt.Sprintf("F%d/%d/transposed=%v", k.Tile, k.In, k.Transposed), func(b *testing.B) {
			k.W = make([]float32, 9*k.In*k.Out)
			panel := make([]float32, WinogradLen(k.Tile, 32, k.Rows))
			for b.Loop() {
				for j := range WinogradPanels(k.Out) {
					_, width := winogradPanel(k.Out, j)
					k.Pack(panel[:WinogradLen(k.Tile, width, k.Rows)], j, 0, k.In)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(k.In*k.Out), "ns/kernel")
		})
	}
}
