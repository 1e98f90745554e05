package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestLSTMRows holds the gates of LSTM and their derivative against their contracts, for rows of any length.
func TestLSTMRows(t *testing.T) {
	type args = [][]float32
	for _, c := range []struct {
		name  string
		sizes []int // per unit
		f, g  func(a args)
	}{
		{"gates", []int{4, 1, 4, 1}, func(a args) { LSTMGates(a[0], a[1], a[2], a[3]) }, func(a args) { lstmGatesGo(a[0], a[1], a[2], a[3], 0) }},
		{"grad", []int{4, 1, 4, 1, 1, 1}, func(a args) { LSTMGrad(a[0], a[1], a[2], a[3], a[4], a[5]) }, func(a args) { lstmGradGo(a[0], a[1], a[2], a[3], a[4], a[5], 0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachTier(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(7, 8))
				for units := range 40 {
					for _, special := range []bool{false, true} {
						var got, want args
						var guards []func() bool
						for _, n := range c.sizes {
							s, g := gateInputs(rng, n*units, special, c.name == "grad" || n == 1)
							for i := range s {
								if c.name == "grad" { // products of five factors, some of them small differences, are added
									s[i] /= 4
								}
							}
							got, want, guards = append(got, s), append(want, append([]float32{}, s...)), append(guards, g)
						}
						c.f(got)
						c.g(want)
						for k := range got {
							if !guards[k]() {
								t.Fatalf("%d units: wrote beyond argument %d", units, k)
							}
							for i, w := range want[k] {
								g := got[k][i]
								if d := math.Abs(float64(g) - float64(w)); !(d <= 1e-6*max(10, math.Abs(float64(w)))) && g != w && (g == g || w == w) {
									t.Fatalf("%d units, argument %d, element %d: %v, want %v", units, k, i, g, w)
								}
							}
						}
					}
				}
			})
		})
	}
}
