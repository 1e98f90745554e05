package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestExpSum holds the exponentials to Activate's, and their sum to the order that it promises.
func TestExpSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	eachTier(t, func(t *testing.T) {
		for n := range 100 {
			x, want := make([]float32, n), make([]float32, n)
			for i := range x {
				x[i] = float32(rng.NormFloat64() * 10)
			}
			if n > 50 {
				x[n/2] = float32(math.Inf(-1))
			}
			for i, v := range x {
				want[i] = v - 3
			}
			Activate(want, want, Activation{Kind: ActExp})
			var sums [16]float32
			for i, e := range want {
				sums[i%16] += e
			}
			for apart := 8; apart > 0; apart /= 2 {
				for i := range apart {
					sums[i] += sums[i+apart]
				}
			}
			buf := make([]float32, n+2)
			buf[0], buf[n+1] = 77, 77
			y := buf[1 : n+1]
			copy(y, x)
			sum := ExpSum(y, y, 3)
			if i := differ(y, want); i >= 0 || sum != sums[0] || buf[0] != 77 || buf[n+1] != 77 {
				t.Fatalf("%d: sum %v, want %v; element %d", n, sum, sums[0], i)
			}
		}
	})
	if got := ExpSum(make([]float32, 2), []float32{1, float32(math.NaN())}, 1); got == got {
		t.Errorf("NaN is lost: %v", got)
	}
}

func BenchmarkExpSum(b *testing.B) {
	x := make([]float32, 4096)
	y := make([]float32, len(x))
	for b.Loop() {
		ExpSum(y, x, 1)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(x)), "ns/el")
}
