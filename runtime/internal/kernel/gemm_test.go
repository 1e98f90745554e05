package kernel

import (
	"math/rand/v2"
	"testing"
)

// gemmLoop is the contract of Gemm as it is written there.
func gemmLoop[T Numeric](m, n, k int, a []T, lda int, transA bool, b []T, ldb int, transB bool, c []T, ldc int, accumulate bool) {
	for i := range m {
		for j := range n {
			if !accumulate {
				c[i*ldc+j] = 0
			}
			for p := 0; p < k; p += gemmK {
				var s T
				for q := p; q < min(k, p+gemmK); q++ {
					x, y := i*lda+q, q*ldb+j
					if transA {
						x = q*lda + i
					}
					if transB {
						y = j*ldb + q
					}
					s += T(a[x] * b[y])
				}
				if p == 0 && !accumulate {
					c[i*ldc+j] = s
				} else {
					c[i*ldc+j] += s
				}
			}
		}
	}
}

func TestGemm(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, m := range []int{0, 1, 2, 3, 4, 5, 9} {
		for _, n := range []int{0, 1, 3, 4, 5, 31, 32, 33, 66, 70} {
			for _, k := range []int{0, 1, 3, 4, 255, 256, 257, 515} {
				for mode := range 8 {
					checkGemm[float32](t, r, m, n, k, mode)
				}
				checkGemm[int32](t, r, m, n, k, 5)
				checkGemm[float64](t, r, m, n, k, 2)
			}
		}
	}
}

// checkGemm compares Gemm with its contract on matrices that are windows of larger ones, end at the end of their slices and
// lie in a C whose other elements must not change.
func checkGemm[T Numeric](t *testing.T, r *rand.Rand, m, n, k, mode int) {
	transA, transB, acc := mode&1 != 0, mode&2 != 0, mode&4 != 0
	window := func(rows, cols int, flip bool) ([]T, int) {
		if flip {
			rows, cols = cols, rows
		}
		ld := cols + 3
		s := make([]T, max(0, (rows-1)*ld+cols))
		for i := range s {
			s[i] = T(100 * (r.Float64() - 0.25))
		}
		return s, ld
	}
	a, lda := window(m, k, transA)
	b, ldb := window(k, n, transB)
	c, ldc := window(m, n, false)
	want := append([]T{}, c...)
	gemmLoop(m, n, k, a, lda, transA, b, ldb, transB, want, ldc, acc)
	GemmOf(m, n, k, a, lda, transA, b, ldb, transB, c, ldc, acc)
	for i := range want {
		if c[i] != want[i] {
			t.Fatalf("%T %dx%dx%d mode %d: [%d] is %v, want %v", c[i], m, n, k, mode, i, c[i], want[i])
		}
	}
}

func TestGemmAllocates(t *testing.T) {
	a, b, c := make([]float32, 512*8), make([]float32, 512*40), make([]float32, 8*40)
	for _, m := range []int{1, 8} {
		if n := testing.AllocsPerRun(5, func() { Gemm(m, 40, 512, a, 512, false, b, 40, false, c, 40, false) }); n != 0 {
			t.Errorf("%d rows: %v allocations", m, n)
		}
	}
}
