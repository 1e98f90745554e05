package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// guarded is a slice of n floats between guard words, at an address that is no multiple of a vector, and a check of the guards.
func guarded(n int) ([]float32, func() bool) {
	const guard = 64
	b := make([]float32, n+2*guard+1)
	for i := range b {
		b[i] = -12345
	}
	return b[guard+1 : guard+1+n : guard+1+n], func() bool {
		for i, v := range b {
			if v != -12345 && (i < guard+1 || i >= guard+1+n) {
				return false
			}
		}
		return true
	}
}

// integers fills s with small integers, whose sums of products are exact in any order.
func integers(r *rand.Rand, s []float32) {
	for i := range s {
		s[i] = float32(r.IntN(17) - 8)
	}
}

// packedProduct runs g as an operator would, its matrix B packed from b.
func packedProduct(g *PackedGemm, b []float32, ldb int, trans bool) {
	panels, _ := Panels(g.N)
	g.B = make([]float32, PackedLen(g.K, g.N))
	PackB(g.B, b, g.K, g.N, ldb, trans, 0, panels)
	ok := func() bool { return true }
	if n := g.Plan(); n > 0 {
		var s []float32
		s, ok = guarded(n)
		g.SetScratch(s)
	}
	blocks, _ := g.Grid()
	for i := blocks - 1; i >= 0 && g.packedA != nil; i-- { // in any order, for threads do them
		g.PackA(i)
	}
	if !ok() {
		panic("packing A writes outside of its memory")
	}
	for i := range blocks {
		half := panels / 2
		g.Run(i, half, panels)
		g.Run(i, 0, half)
	}
}

// TestPackedGemm holds every tail of rows and columns, both ways to read A, and the epilogue against a plain sum of integers, which every order gives.
func TestPackedGemm(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		_, width := Panels(1)
		var ms, ns []int
		for m := range 31 {
			ms = append(ms, m)
		}
		ms = append(ms, 84, 85, 97)
		for n := range 2*width + 2 {
			ns = append(ns, n)
		}
		for _, m := range ms {
			for _, n := range ns {
				if m > 15 && n > 2 && n%7 != 0 {
					continue
				}
				k := []int{0, 1, 3, 4, 5, 8, 17, 31, 64, 130}[r.IntN(10)]
				lda := k + r.IntN(3)
				if r.IntN(3) == 0 {
					k, lda = 70, 1024 // rows that fall on one place of the cache
				}
				checkPacked(t, r, m, n, k, lda)
			}
		}
		checkPacked(t, r, 15, 33, 1100, 2048)
		checkPacked(t, r, 300, 5, 80, 1024)
		checkPacked(t, r, 29, 40, 1537, 1537)
	})
}

func checkPacked(t *testing.T, r *rand.Rand, m, n, k, lda int) {
	t.Helper()
	ldc, ldb, trans := n+r.IntN(4), n+r.IntN(2), r.IntN(2) == 1
	if trans {
		ldb = k + r.IntN(2)
	}
	transA := r.IntN(4) == 0
	if transA {
		lda = m + r.IntN(3)
	}
	a, _ := guarded(max(0, (m-1)*lda+k, k*lda))
	b := make([]float32, max(k*ldb, n*ldb))
	c, ok := guarded(max(0, (m-1)*ldc+n))
	integers(r, a)
	integers(r, b)
	g := &PackedGemm{M: m, N: n, K: k, A: a, Lda: lda, TransA: transA, C: c, Ldc: ldc, Clamp: r.IntN(2) == 1, Lo: -20, Hi: 900}
	if r.IntN(2) == 1 {
		g.Bias, _ = guarded(n)
		integers(r, g.Bias)
	}
	if r.IntN(2) == 1 {
		g.Ldr = n + 1
		g.Residual, _ = guarded(m * g.Ldr)
		integers(r, g.Residual)
	}
	packedProduct(g, b, ldb, trans)
	name := fmt.Sprintf("%d×%d×%d lda %d trans %v %v bias %v residual %v clamp %v", m, n, k, lda, transA, trans, g.Bias != nil, g.Residual != nil, g.Clamp)
	if !ok() {
		t.Fatalf("%s: writes outside of C", name)
	}
	for i := range m {
		for j := range n {
			var s float32
			for p := range k {
				at, bt := i*lda+p, p*ldb+j
				if transA {
					at = p*lda + i
				}
				if trans {
					bt = j*ldb + p
				}
				s += a[at] * b[bt]
			}
			if g.Bias != nil {
				s += g.Bias[j]
			}
			if g.Residual != nil {
				s += g.Residual[i*g.Ldr+j]
			}
			if g.Clamp {
				s = min(max(s, g.Lo), g.Hi)
			}
			if c[i*ldc+j] != s {
				t.Fatalf("%s: C(%d,%d) = %v, want %v", name, i, j, c[i*ldc+j], s)
			}
		}
		for j := n; j < ldc && i < m-1; j++ {
			if c[i*ldc+j] != -12345 {
				t.Fatalf("%s: writes between rows", name)
			}
		}
	}
	back := make([]float32, k*n)
	UnpackB(back, g.B, k, n)
	for p := range k {
		for j := range n {
			want := b[p*ldb+j:]
			if trans {
				want = b[j*ldb+p:]
			}
			if back[p*n+j] != want[0] {
				t.Fatalf("%s: B(%d,%d) is unpacked as %v, want %v", name, p, j, back[p*n+j], want[0])
			}
		}
	}
}

// TestPackedGemmRows: a row has the same bits alone, among others, and at any place in a tile; assembly and its contract in Go agree bit for bit
// where they round alike, NaN and infinities go through.
func TestPackedGemmRows(t *testing.T) {
	const m, n, k = 33, 45, 1030
	r := rand.New(rand.NewPCG(3, 4))
	a, b := make([]float32, m*k), make([]float32, k*n)
	for i := range a {
		a[i] = float32(r.NormFloat64())
	}
	for i := range b {
		b[i] = float32(r.NormFloat64())
	}
	a[5*k+7], a[6*k+9] = float32(math.NaN()), float32(math.Inf(1))
	var first []float32
	eachTier(t, func(t *testing.T) {
		all := make([]float32, m*n)
		packedProduct(&PackedGemm{M: m, N: n, K: k, A: a, Lda: k, C: all, Ldc: n, Clamp: true, Lo: -1e9, Hi: 1e9}, b, n, false)
		one := make([]float32, n)
		for i := range m {
			packedProduct(&PackedGemm{M: 1, N: n, K: k, A: a[i*k:], Lda: k, C: one, Ldc: n, Clamp: true, Lo: -1e9, Hi: 1e9}, b, n, false)
			for j := range n {
				if math.Float32bits(one[j]) != math.Float32bits(all[i*n+j]) {
					t.Fatalf("row %d alone: %v, among others: %v", i, one[j], all[i*n+j])
				}
				if i == 5 && one[j] == one[j] {
					t.Fatalf("C(5,%d) = %v, want NaN", j, one[j])
				}
			}
		}
		if first == nil {
			first = all
		}
		for i := range all {
			if d := float64(all[i] - first[i]); math.Abs(d) > 2e-5 {
				t.Fatalf("element %d: %v, plain Go has %v", i, all[i], first[i])
			}
		}
	})
}

func BenchmarkPackedGemm(b *testing.B) {
	for _, s := range [][3]int{{1024, 1024, 1024}, {2048, 2048, 2048}, {384, 384, 1536}, {384, 1536, 384}, {128, 768, 3072}, {128, 3072, 768}, {128, 768, 768}, {197, 768, 768},
		{1500, 384, 384}, {64, 576, 3136}, {16, 768, 768}, {4, 768, 3072}, {1, 768, 3072}, {1, 768, 768}, {1, 4096, 4096}, {1, 768, 50257}} {
		m, k, n := s[0], s[1], s[2]
		b.Run(fmt.Sprintf("%dx%dx%d", m, k, n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			g := &PackedGemm{M: m, N: n, K: k, A: make([]float32, m*k), Lda: k, C: make([]float32, m*n), Ldc: n}
			w := make([]float32, k*n)
			integers(r, g.A)
			integers(r, w)
			packedProduct(g, w, n, false)
			blocks, panels := g.Grid()
			b.ResetTimer()
			for b.Loop() {
				for i := range blocks {
					if g.packedA != nil {
						g.PackA(i)
					}
				}
				for j := 0; j < panels; j += 4 { // as the operator does: rows within groups of panels
					for i := range blocks {
						g.Run(i, j, min(panels, j+4))
					}
				}
			}
			b.ReportMetric(2*float64(m)*float64(n)*float64(k)*float64(b.N)/1e9/b.Elapsed().Seconds(), "GFLOP/s")
			if m == 1 {
				b.ReportMetric(4*float64(n)*float64(k)*float64(b.N)/1e9/b.Elapsed().Seconds(), "GB/s")
			}
		})
	}
}
