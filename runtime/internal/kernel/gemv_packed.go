package kernel

// GemvPanels is how many panels PackedGemv likes to take at once.
const GemvPanels = 4

// gemvStream is the size in bytes from which a matrix comes from memory, not from a cache, each time that it is needed. Tests change it.
var gemvStream = 16 << 20

// PackedGemv is the product of one row a, k long, and panels lo to hi-1 of a packed k × n matrix, where all panels are whole: the elements of
// c that belong to these panels are what [PackedGemm] computes, bit for bit.
func PackedGemv(c, a, b []float32, k, n, lo, hi int) {
	g := PackedGemm{M: 1, N: n, K: k, A: a, B: b, C: c, Lda: k, Ldc: n}
	g.runRow(lo, hi)
}

// runRow is Run where A is one row and there is no residual.
func (g *PackedGemm) runRow(lo, hi int) {
	count, width := Panels(g.N)
	blocks, depth := gemmBlocks(g.K)
	if g.K == 0 {
		blocks, depth = 1, 0
	}
	at := GemvPanels
	if 4*PackedLen(g.K, g.N) >= gemvStream {
		at = 1
	}
	clamp := [2]float32{g.Lo, g.Hi}
	for kb := range blocks {
		k0 := kb * depth
		last := kb == blocks-1
		v := gemvFew{panels: at, a: g.A[k0:][:min(depth, g.K-k0)], add: kb > 0}
		if last && g.Clamp {
			v.clamp = &clamp
		}
		j := lo
		for ; hi-j >= at && (j+at)*width <= g.N; j += at {
			v.c, v.b = g.C[j*width:][:at*width], g.B[(k0*count+len(v.a)*j)*width:][:at*len(v.a)*width]
			if last && g.Bias != nil {
				v.bias = g.Bias[j*width:][:at*width]
			}
			if !v.run() {
				break
			}
		}
		t := gemmTile{a: v.a, k: len(v.a), lo: g.Lo, hi: g.Hi}
		if v.add {
			t.add = 1
		}
		if v.clamp != nil {
			t.clamp = 1
		}
		for ; j < hi; j++ {
			t.n = min(width, g.N-j*width)
			t.b, t.c = g.B[(k0*count+t.k*j)*width:], g.C[j*width:]
			if last && g.Bias != nil {
				t.bias = g.Bias[j*width:]
			}
			t.run(1, false)
		}
	}
}

// gemvFew is the product of a and one panel b, or GemvPanels that follow one another: added to c, if add is set, and to the bias, if there is one.
type gemvFew struct {
	panels        int
	a, b, c, bias []float32
	clamp         *[2]float32 // bounds of the result, or nil
	add           bool
}
