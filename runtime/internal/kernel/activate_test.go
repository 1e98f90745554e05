package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// params are parameters for each function that has them.
func params(k Act) Activation {
	a := Activation{Kind: k}
	switch k {
	case ActClip:
		a.Alpha, a.Beta = -0.75, 3
	case ActLeakyRelu:
		a.Alpha = 0.1
	case ActThresholdedRelu:
		a.Alpha = 0.7
	case ActHardSigmoid, ActHardSwish:
		a.Alpha, a.Beta = 1./6, 0.5
	case ActElu, ActCelu:
		a.Alpha = 1.3
	case ActSelu:
		a.Alpha, a.Beta = 1.6732632, 1.0507010
	case ActSwish:
		a.Alpha = 1.702
	}
	return a
}

// TestActivateAccuracy holds every function, at numbers of all magnitudes and densely around 0, to its definition: to so many units in the last place, or to an
// absolute error where the result is that small. Functions that are not listed are rounded correctly.
func TestActivateAccuracy(t *testing.T) {
	bounds := map[Act]struct{ ulps, abs float64 }{
		ActExp:         {1, 0},
		ActLog:         {1, 0},
		ActErf:         {1.25, 0},
		ActTanh:        {2.75, 0},
		ActSoftplus:    {2.75, 0},
		ActSoftsign:    {1.75, 0},
		ActElu:         {2, 0},
		ActSelu:        {2.5, 0},
		ActCelu:        {2.5, 0},
		ActSin:         {1.75, 2e-8}, // near its zeros
		ActCos:         {1.75, 2e-8},
		ActSigmoid:     {2.75, 3e-39}, // eˣ overflows before its reciprocal is 0
		ActSwish:       {4, 1e-8},     // alpha·x is rounded
		ActMish:        {5, 1e-40},
		ActHardSigmoid: {1, 6e-8}, // alpha·x may cancel beta
		ActHardSwish:   {1.75, 2e-7},
		ActGelu:        {2, 6e-8}, // the tail is accurate to its largest value
		ActGeluTanh:    {2.75, 1e-7},
	}
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 1<<20)
	for i := range x {
		if x[i] = math.Float32frombits(uint32(i)<<12 + rng.Uint32N(1<<12)); i%2 == 0 {
			x[i] = rng.Float32()*40 - 20
		}
	}
	copy(x, []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.MaxFloat32, -math.MaxFloat32,
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 88.72283, 88.72284, -87.33654, -103.97208, -103.9721, -104, 1, -1})
	eachTier(t, func(t *testing.T) {
		y := make([]float32, len(x))
		for k := range numActs {
			a, bound := params(k), bounds[k]
			Activate(y, x, a)
			worst, at := 0.0, float32(0)
			for i, v := range x {
				want := a.At(float64(v))
				if u := ulps(y[i], want); u > worst && !(math.Abs(float64(y[i])-want) <= bound.abs) {
					worst, at = u, v
				}
				if want == 0 && math.Signbit(want) != math.Signbit(float64(y[i])) && v == 0 {
					t.Errorf("%s(%v) is %v, want %v", k, v, y[i], want)
				}
			}
			if worst > bound.ulps {
				t.Errorf("%s(%v) is wrong by %v units in the last place, want at most %v", k, at, worst, bound.ulps)
			}
		}
	})
}

// ulps is how many units in the last place got is from want: 0 if it is want rounded, infinite where one is NaN or infinite and the other is not.
func ulps(got float32, want float64) float64 {
	w := float32(want)
	switch {
	case got == w || got != got && want != want:
		return 0
	case got != got || want != want || math.IsInf(float64(got), 0) || math.IsInf(float64(w), 0):
		return math.Inf(1)
	}
	unit := math.Ldexp(1, max(math.Ilogb(want), -126)-23)
	return math.Abs(float64(got)-want) / unit
}

// TestActivatePlaces holds that an element's result depends neither on its place nor on the length, that nothing else is written, and that AVX2
// and AVX-512 agree to the bit.
func TestActivatePlaces(t *testing.T) {
	const longest, guard = 2*64 + 1, 8
	rng := rand.New(rand.NewPCG(3, 4))
	x := make([]float32, longest)
	for i := range x {
		x[i] = math.Float32frombits(rng.Uint32())
		if i%4 > 0 {
			x[i] = float32(rng.NormFloat64() * 5)
		}
	}
	var vector [numActs][]float32 // of the first vector tier
	eachTier(t, func(t *testing.T) {
		for k := range numActs {
			a := params(k)
			each := make([]float32, longest)
			for i := range x {
				Activate(each[i:i+1], x[i:i+1], a)
			}
			if Active() > Go {
				if vector[k] == nil {
					vector[k] = each
				}
				if i := differ(each, vector[k]); i >= 0 {
					t.Errorf("%s(%v) is %v and %v", k, x[i], vector[k][i], each[i])
				}
			}
			for n := range longest + 1 {
				for _, at := range []int{0, 1} { // aligned and not
					buf := make([]float32, n+at+2*guard)
					for i := range buf {
						buf[i] = 77
					}
					y := buf[guard+at : guard+at+n]
					Activate(y, x[:n], a)
					if i := differ(y, each[:n]); i >= 0 {
						t.Fatalf("%s of %d: [%d] is %v, want %v", k, n, i, y[i], each[i])
					}
					copy(y, x)
					Activate(y, y, a)
					if i := differ(y, each[:n]); i >= 0 {
						t.Fatalf("%s of %d in place: [%d] is %v, want %v", k, n, i, y[i], each[i])
					}
					for i, v := range buf {
						if (i < guard+at || i >= guard+at+n) && v != 77 {
							t.Fatalf("%s of %d wrote element %d", k, n, i-guard-at)
						}
					}
				}
			}
		}
	})
}

// differ is the first place where a and b have other bits (all NaNs are one), or -1.
func differ(a, b []float32) int {
	for i, v := range a {
		if math.Float32bits(v) != math.Float32bits(b[i]) && (v == v || b[i] == b[i]) {
			return i
		}
	}
	return -1
}

// TestActivateRows holds that only the rows are changed, with rows apart and without gaps.
func TestActivateRows(t *testing.T) {
	for _, ld := range []int{5, 8} {
		c := make([]float32, 3*ld)
		for i := range c {
			c[i] = -1
		}
		ActivateRows(c, 3, 5, ld, Activation{Kind: ActRelu})
		for i, v := range c {
			if want := float32(map[bool]int{true: 0, false: -1}[i%ld < 5]); v != want {
				t.Errorf("ld %d: element %d is %v, want %v", ld, i, v, want)
			}
		}
	}
	ActivateRows(nil, 0, 4, 4, Activation{Kind: ActRelu})
}

// FuzzActivate holds vector instructions to the definition.
func FuzzActivate(f *testing.F) {
	f.Add(uint8(ActExp), float32(1), float32(0), float32(0), uint8(1))
	f.Fuzz(func(t *testing.T, kind uint8, v, alpha, beta float32, n uint8) {
		a := Activation{Act(kind % uint8(numActs)), alpha, beta}
		x, got, want := make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range x {
			x[i] = v * float32(i+1)
		}
		Activate(got, x, a)
		activateGo(want, x, a)
		for i := range x {
			g, w := float64(got[i]), float64(want[i])
			if g != g && w != w || g == w {
				continue
			}
			if scale := math.Abs(w) + math.Abs(float64(a.Alpha)) + math.Abs(float64(a.Beta)) + 1; !(math.Abs(g-w) <= 1e-5*scale) && scale < 1e30 {
				t.Errorf("%v: %v at %v, want %v", a, g, x[i], w)
			}
		}
	})
}

// BenchmarkActivate tells ns per element for tensors in the first-level cache and in the third.
func BenchmarkActivate(b *testing.B) {
	for _, n := range []int{4096, 128 * 3072} {
		x, y := make([]float32, n), make([]float32, n)
		for i := range x {
			x[i] = float32(i%1000)/100 - 5
		}
		for k := ActRelu; k < numActs; k++ {
			b.Run(fmt.Sprintf("%s/%d", k, n), func(b *testing.B) {
				for b.Loop() {
					Activate(y, x, params(k))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/el")
			})
		}
	}
}
