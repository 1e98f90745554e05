package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// gateInputs are guarded slices of n numbers around 0, some of them special.
func gateInputs(rng *rand.Rand, n int, special, finite bool) (s []float32, guarded func() bool) {
	const guard = 0x7fabcdef
	all := make([]float32, n+2*GateBlock+1)
	for i := range all {
		all[i] = math.Float32frombits(guard)
	}
	s = all[GateBlock+1:][:n:n]
	specials := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-40, -1e-40, 1e38, -90, 88.5, 0x1p-126}
	for i := range s {
		s[i] = float32(rng.NormFloat64() * 3)
		if special && rng.IntN(4) == 0 {
			s[i] = specials[rng.IntN(len(specials))]
		}
		if finite { // states are: a gate that is 0 in one rounding and not in the other would make them NaN or not
			s[i] = min(max(s[i], -9), 9)
		}
	}
	return s, func() bool {
		for i, v := range all {
			if (i <= GateBlock || i > GateBlock+n) && math.Float32bits(v) != guard {
				return false
			}
		}
		return true
	}
}

// TestGates holds the cells against their contracts.
func TestGates(t *testing.T) {
	type args = [][]float32
	for _, c := range []struct {
		name  string
		sizes []int // per unit
		out   int   // slices that are written, in front or, -1, the last
		f, g  func(a args)
	}{
		{"lstm", []int{1, 1, 4, 4}, 2, func(a args) { LSTMStep(a[0], a[1], a[2], a[3]) }, func(a args) { lstmStepGo(a[0], a[1], a[2], a[3]) }},
		{"gru linear", []int{1, 1, 1, 3, 3}, 1, func(a args) { GRULinear(a[0], a[1], a[2], a[3], a[4]) }, func(a args) { gruLinearGo(a[0], a[1], a[2], a[3], a[4]) }},
		{"gru gates", []int{1, 1, 3, 3}, 1, func(a args) { GRUGates(a[0], a[1], a[2], a[3]) }, func(a args) { gruGatesGo(a[0], a[1], a[2], a[3]) }},
		{"gru blend", []int{1, 1, 3, 3}, 1, func(a args) { GRUBlend(a[0], a[1], a[2], a[3]) }, func(a args) { gruBlendGo(a[0], a[1], a[2], a[3]) }},
		{"rnn", []int{1, 1, 1}, 1, func(a args) { RNNStep(a[0], a[1], a[2]) }, func(a args) { rnnStepGo(a[0], a[1], a[2]) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachTier(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(5, 6))
				for blocks := range 5 {
					for _, special := range []bool{false, true} {
						var got, want args
						var guards []func() bool
						for _, n := range c.sizes {
							s, g := gateInputs(rng, n*blocks*GateBlock, special, n == 1 && len(c.sizes) > 3)
							got, want, guards = append(got, s), append(want, append([]float32{}, s...)), append(guards, g)
						}
						c.f(got)
						c.g(want)
						for k := range got {
							if !guards[k]() {
								t.Fatalf("wrote beyond argument %d", k)
							}
							for i, w := range want[k] {
								g := got[k][i]
								if d := math.Abs(float64(g) - float64(w)); !(d <= 4e-7*max(1, math.Abs(float64(w)))) && g != w && (g == g || w == w) {
									t.Fatalf("argument %d, element %d: %v, want %v", k, i, g, w)
								}
								if g != 0 && math.Abs(float64(g)) < 0x1p-126 && k < c.out {
									t.Fatalf("argument %d, element %d: %v is denormal", k, i, g)
								}
							}
						}
					}
				}
			})
		})
	}
}

// TestPackGates: a packed matrix holds the rows of every gate in blocks of units, then zeros.
func TestPackGates(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		for _, c := range [][4]int{{1, 4, 3, 5}, {2, 3, 40, 7}, {2, 1, 33, 600}, {1, 4, 64, 1}, {1, 1, 1, 0}} {
			dirs, gates, hidden, k := c[0], c[1], c[2], c[3]
			m := make([]float32, dirs*gates*hidden*k)
			for i := range m {
				m[i] = float32(i + 1)
			}
			n := dirs * GateColumns(gates, hidden)
			packed := make([]float32, PackedLen(k, n))
			for i := range packed {
				packed[i] = -1
			}
			panels, _ := Panels(n)
			PackGates(packed, m, dirs, gates, hidden, k, 0, panels/2)
			PackGates(packed, m, dirs, gates, hidden, k, panels/2, panels)
			plain := make([]float32, k*n)
			UnpackB(plain, packed, k, n)
			for i, got := range plain {
				p, col := i/n, i%n
				d, at := col/(n/dirs), col%(n/dirs)
				gate, unit := at/GateBlock%gates, at/GateBlock/gates*GateBlock+at%GateBlock
				want := float32(0)
				if unit < hidden {
					want = m[((d*gates+gate)*hidden+unit)*k+p]
				}
				if got != want {
					t.Fatalf("%v: column %d, row %d is %v, want %v", c, col, p, got, want)
				}
			}
		}
	})
}
