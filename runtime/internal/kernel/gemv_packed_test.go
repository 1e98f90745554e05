package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestPackedGemv: one row gives the same bits as in any product.
func TestPackedGemv(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		_, width := Panels(1)
		for _, k := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 64, 511, 513, 1030} {
			for panels := range 2*GemvPanels + 2 {
				n := panels * width
				a, b := make([]float32, k), make([]float32, PackedLen(k, n)+1)[1:]
				for i := range a {
					a[i] = float32(rng.NormFloat64())
				}
				for i := range b {
					b[i] = float32(rng.NormFloat64())
				}
				want := make([]float32, n)
				g := PackedGemm{M: 1, N: n, K: k, A: a, B: b, C: want, Lda: k, Ldc: n}
				g.Plan()
				g.Run(0, 0, panels)
				got := make([]float32, n+2)
				for i := range got {
					got[i] = 7
				}
				PackedGemv(got[1:n+1], a, b, k, n, 0, panels/3)
				PackedGemv(got[1:n+1], a, b, k, n, panels/3, panels)
				for i, w := range want {
					if got[i+1] != w {
						t.Fatalf("k %d, %d panels: element %d is %v, want %v", k, panels, i, got[i+1], w)
					}
				}
				if got[0] != 7 || got[n+1] != 7 {
					t.Fatalf("k %d, %d panels: wrote beyond", k, panels)
				}
			}
		}
	})
}

func BenchmarkPackedGemv(b *testing.B) {
	for _, c := range []struct{ k, n int }{{64, 256}, {128, 512}, {256, 1024}, {512, 2048}} {
		b.Run("", func(b *testing.B) {
			w, x, y := make([]float32, PackedLen(c.k, c.n)), make([]float32, c.k), make([]float32, c.n)
			panels, _ := Panels(c.n)
			b.SetBytes(int64(4 * len(w)))
			for range b.N {
				for lo := 0; lo < panels; lo += GemvPanels {
					PackedGemv(y, x, w, c.k, c.n, lo, lo+GemvPanels)
				}
			}
		})
		b.Run("gemm", func(b *testing.B) {
			w, x, y := make([]float32, PackedLen(c.k, c.n)), make([]float32, c.k), make([]float32, c.n)
			panels, _ := Panels(c.n)
			b.SetBytes(int64(4 * len(w)))
			g := PackedGemm{M: 1, N: c.n, K: c.k, A: x, B: w, C: y, Lda: c.k, Ldc: c.n}
			g.Plan()
			for range b.N {
				g.Run(0, 0, panels)
			}
		})
	}
}
