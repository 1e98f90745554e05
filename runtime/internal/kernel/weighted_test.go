package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestWeightedSum: every tier within the rounding of one product of the formula in float64, wherever an element lies; nothing else is written or read.
func TestWeightedSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	eachTier(t, func(t *testing.T) {
		for n := 0; n <= 40; n++ {
			a, b := make([]float32, n+1)[1:], make([]float32, n+1)[1:] // not aligned, and nothing behind
			for i := range a {
				if a[i], b[i] = float32(rng.NormFloat64()), float32(rng.NormFloat64()); rng.IntN(5) == 0 {
					a[i] = special[rng.IntN(len(special))]
				}
			}
			y := make([]float32, n+2)
			y[0], y[n+1] = 77, 77
			WeightedSum(y[1:n+1], a, b, 0.3, 0.7)
			if y[0] != 77 || y[n+1] != 77 {
				t.Fatalf("n %d: wrote outside", n)
			}
			y = y[1 : n+1]
			for i, v := range y {
				p, q := float64(float32(0.3))*float64(a[i]), float64(float32(0.7))*float64(b[i])
				if p+q > math.MaxFloat32 {
					continue
				}
				near(t, n, i, v, p, q)
				one := []float32{0}
				WeightedSum(one, a[i:i+1], b[i:i+1], 0.3, 0.7)
				if differ(one, []float32{v}) >= 0 {
					t.Fatalf("n %d: element %d is %v alone, %v among others", n, i, one[0], v)
				}
			}
			WeightedSum(a, a, b, 0.3, 0.7)
			if i := differ(a, y); i >= 0 {
				t.Fatalf("n %d in place: element %d is %v, want %v", n, i, a[i], y[i])
			}
		}
	})
}
