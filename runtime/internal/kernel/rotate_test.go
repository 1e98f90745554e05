package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestRotateHalves: every tier within the rounding of one product of the formula in float64, the same for a pair wherever it lies, in place too;
// nothing else is written, nothing outside read.
func TestRotateHalves(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	eachTier(t, func(t *testing.T) {
		for n := 0; n <= 33; n++ {
			for _, off := range []int{0, n} {
				numbers := func(n int) []float32 { // not aligned, and nothing behind
					v := make([]float32, n+1)[1:]
					for i := range v {
						v[i] = float32(rng.NormFloat64())
					}
					return v
				}
				x, cos, sin := numbers(2*n), numbers(n+off), numbers(n+off)
				if n > 5 { // what is not a number or infinite stays in its pair
					x[3], x[n+4], cos[5] = float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))
				}
				y := make([]float32, 2*n+2)
				y[0], y[2*n+1] = 77, 77
				RotateHalves(y[1:2*n+1], x, cos, sin, off)
				if y[0] != 77 || y[2*n+1] != 77 {
					t.Fatalf("n %d: wrote outside", n)
				}
				y = y[1 : 2*n+1]
				for i := range n {
					a, b := float64(x[i]), float64(x[i+n])
					near(t, n, i, y[i], a*float64(cos[i]), -b*float64(sin[i]))
					near(t, n, i+n, y[i+n], b*float64(cos[i+off]), a*float64(sin[i+off]))
					one := []float32{x[i], x[i+n]}
					RotateHalves(one, one, []float32{cos[i], cos[i+off]}, []float32{sin[i], sin[i+off]}, 1)
					if differ(one, []float32{y[i], y[i+n]}) >= 0 {
						t.Fatalf("n %d: pair %d is %v alone, %v %v among others", n, i, one, y[i], y[i+n])
					}
				}
				RotateHalves(x, x, cos, sin, off)
				if i := differ(x, y); i >= 0 {
					t.Fatalf("n %d in place: element %d is %v, want %v", n, i, x[i], y[i])
				}
			}
		}
	})
}

func near(t *testing.T, n, i int, got float32, p, q float64) {
	t.Helper()
	want := p + q
	if math.IsNaN(want) != math.IsNaN(float64(got)) || math.IsInf(want, 0) && float64(got) != want || math.Abs(want-float64(got)) > 0x1p-23*(math.Abs(p)+math.Abs(q)) {
		t.Fatalf("n %d: element %d is %v, want %v", n, i, got, want)
	}
}

func BenchmarkRotateHalves(b *testing.B) {
	x, cos, sin := make([]float32, 128), make([]float32, 64), make([]float32, 64)
	b.SetBytes(4 * 384)
	for b.Loop() {
		RotateHalves(x, x, cos, sin, 0)
	}
}
