package kernel

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"
)

// TestFFT compares every kind of length with the sum that defines the transform: powers of two, mixed radices, primes, products with large primes.
func TestFFT(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 24, 26, 30, 34, 36, 49, 64, 97, 100, 121, 128, 169, 210, 257, 400, 480, 512, 514} {
		f := NewFFT(n)
		x := make([]complex128, n+1)
		re := make([]complex128, n+1)
		for i := range n {
			x[i] = complex(rng.NormFloat64(), rng.NormFloat64())
			re[i] = complex(real(x[i]), 0)
		}
		want, wantReal := naiveDFT(x[:n]), naiveDFT(re[:n])
		work := make([]complex128, f.Work())
		f.Transform(x, work)
		f.Real(re, work)
		for k := range want {
			if d := cmplx.Abs(x[k] - want[k]); !(d < 1e-12*float64(n)+1e-13) {
				t.Fatalf("length %d: [%d] is %v, want %v", n, k, x[k], want[k])
			}
			if d := cmplx.Abs(re[k] - wantReal[k]); k <= n/2 && !(d < 1e-12*float64(n)+1e-13) {
				t.Fatalf("real numbers, length %d: [%d] is %v, want %v", n, k, re[k], wantReal[k])
			}
		}
	}
}

func naiveDFT(x []complex128) []complex128 {
	y := make([]complex128, len(x))
	for k := range y {
		for i, v := range x {
			s, c := math.Sincos(-2 * math.Pi * float64(i*k%len(x)) / float64(len(x)))
			y[k] += v * complex(c, s)
		}
	}
	return y
}
