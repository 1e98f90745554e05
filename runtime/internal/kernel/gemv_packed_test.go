package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// eachGemv runs f with panels one at a time and several at once, in every tier.
func eachGemv(t *testing.T, f func(*testing.T)) {
	defer func(n int) { gemvStream = n }(gemvStream)
	for _, gemvStream = range []int{0, 1 << 40} {
		eachTier(t, f)
	}
}

// TestPackedGemv: one row gives the same bits as in any product.
func TestPackedGemv(t *testing.T) {
	eachGemv(t, func(t *testing.T) {
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
				want := make([]float32, 2*n) // two rows, of which the second counts
				g := PackedGemm{M: 2, N: n, K: k, A: append(make([]float32, k), a...), B: b, C: want, Lda: k, Ldc: n}
				g.Plan()
				g.Run(0, 0, panels)
				want = want[n:]
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

// TestGemmRow: a product of one row, with all that an epilogue does, has the bits of one with more rows.
func TestGemmRow(t *testing.T) {
	eachGemv(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for _, k := range []int{0, 1, 5, 64, 700} {
			for _, n := range []int{1, 15, 16, 64, 65, 128, 160, 200, 256, 300} {
				for mode := range 4 {
					a, b, bias := make([]float32, 2*k), make([]float32, PackedLen(k, n)), make([]float32, n)
					for _, s := range [][]float32{a, b, bias} {
						for i := range s {
							s[i] = float32(rng.NormFloat64())
						}
					}
					bias[n/2] = float32(math.NaN())
					want, got := make([]float32, 2*n), make([]float32, n)
					g := PackedGemm{M: 2, N: n, K: k, A: a, B: b, C: want, Lda: k, Ldc: n, Clamp: mode&1 != 0, Lo: -0.5, Hi: 2}
					if mode&2 != 0 {
						g.Bias = bias
					}
					_, panels := func() (int, int) { g.Plan(); return g.Grid() }()
					g.Run(0, 0, panels)
					g.M, g.A, g.C = 1, a[k:], got
					g.Plan()
					g.Run(0, 0, panels)
					for i, w := range want[n:] {
						if math.Float32bits(got[i]) != math.Float32bits(w) {
							t.Fatalf("k %d, n %d, mode %d: element %d is %v, want %v", k, n, mode, i, got[i], w)
						}
					}
				}
			}
		}
	})
}

func BenchmarkPackedGemv(b *testing.B) {
	for _, c := range []struct{ k, n int }{{64, 256}, {128, 512}, {256, 1024}, {512, 2048}, {1024, 16384}} {
		b.Run(fmt.Sprintf("%dx%d", c.k, c.n), func(b *testing.B) {
			w, x, y := make([]float32, PackedLen(c.k, c.n)), make([]float32, c.k), make([]float32, c.n)
			panels, _ := Panels(c.n)
			b.SetBytes(int64(4 * len(w)))
			for range b.N {
				PackedGemv(y, x, w, c.k, c.n, 0, panels)
			}
		})
	}
}
