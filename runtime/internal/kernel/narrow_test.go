package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestNarrowGemm: narrow products have the bits of PackedGemm for any number of rows, and those of the contract up to rounding.
func TestNarrowGemm(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		_, width := Panels(1)
		special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1)), 1e-42}
		for _, k := range []int{1, 2, 3, 30, 64, gemmSplit - 1} {
			for n := 1; n <= NarrowColumns; n++ {
				for _, rows := range []int{0, 1, 2, 3, 4, 11, 12, 13, 15, 16, 25, 40} {
					lda := k + rows%3
					a, m, bias := make([]float32, max(0, (rows-1)*lda+k)+1)[1:], make([]float32, k*n), make([]float32, n)
					for _, s := range [][]float32{a, m, bias} {
						for i := range s {
							s[i] = float32(rng.NormFloat64())
							if rng.IntN(500) == 0 {
								s[i] = special[rng.IntN(len(special))]
							}
						}
					}
					if rows%2 == 0 {
						bias = nil
					}
					b := make([]float32, PackedLen(k, n))
					PackB(b, m, k, n, n, false, 0, 1)
					want := make([]float32, rows*n)
					g := PackedGemm{M: rows, N: n, K: k, A: a, B: b, C: want, Lda: lda, Ldc: n, Bias: bias}
					g.Plan()
					blocks, panels := g.Grid()
					for i := range blocks {
						g.Run(i, 0, panels)
					}
					guarded := make([]float32, rows*n+17)
					for i := range guarded {
						guarded[i] = 7
					}
					NarrowGemm(guarded[1:][:rows*n], a, lda, b, bias, k, n)
					for i, w := range want {
						if got := guarded[i+1]; math.Float32bits(got) != math.Float32bits(w) && !(got != got && w != w) {
							t.Fatalf("%d × %d × %d: element %d is %v, want %v", rows, k, n, i, got, w)
						}
					}
					for i, v := range guarded {
						if (i < 1 || i > rows*n) && v != 7 {
							t.Fatalf("%d × %d × %d: wrote element %d of %d", rows, k, n, i-1, rows*n)
						}
					}
					wide := make([]float32, rows*NarrowColumns)
					var add [NarrowColumns]float32
					copy(add[:], bias)
					narrowRowsGo(wide, NarrowColumns, a, lda, b, &add, k, rows)
					for i, w := range want {
						if got := wide[i/n*NarrowColumns+i%n]; math.Abs(float64(got-w)) > 1e-5*float64(k) {
							t.Fatalf("%d × %d × %d: element %d of the loop is %v, want %v, width %d", rows, k, n, i, got, w, width)
						}
					}
				}
			}
		}
		if NarrowFits(gemmSplit, 3) || NarrowFits(3, NarrowColumns+1) || NarrowFits(0, 1) {
			t.Fatal("fits more than it can")
		}
	})
}
