package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// laneNumbers are n numbers between guard words, now and then one that is no ordinary number.
func laneNumbers(r *rand.Rand, n int, odd bool) ([]float32, func() bool) {
	x, kept := guarded(n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
		if odd && r.IntN(40) == 0 {
			x[i] = []float32{0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-42}[r.IntN(6)]
		}
	}
	return x, kept
}

func checkLanes(t *testing.T, r *rand.Rand, n int, odd bool) {
	t.Helper()
	x, keptX := laneNumbers(r, 16*n, odd)
	g, keptG := laneNumbers(r, 16*n, odd)
	y, keptY := laneNumbers(r, 16*n, odd)
	got, keptGot := laneNumbers(r, 16*n, false)
	want := make([]float32, 16*n)
	var mean, a, b [16]float64
	var f LaneFactors
	for l := range 16 {
		mean[l], a[l] = r.NormFloat64(), r.NormFloat64()
		for k := range f {
			f[k][l] = float32(r.NormFloat64())
		}
	}
	b = a
	same := func(what string, a, b []float64) {
		t.Helper()
		for i, v := range a {
			if math.Float64bits(v) != math.Float64bits(b[i]) && (v == v || b[i] == b[i]) {
				t.Fatalf("%s of %d pixels: %d is %v, want %v", what, n, i, v, b[i])
			}
		}
	}
	rows := func(what string) {
		t.Helper()
		if err := sameFloats(got, want); err != nil {
			t.Fatalf("%s of %d pixels: %v", what, n, err)
		}
	}
	LaneSums(&a, x)
	laneSumsGo(&b, x)
	same("sums", a[:], b[:])
	LaneDeviations(&a, x, &mean)
	laneDeviationsGo(&b, x, &mean)
	same("deviations", a[:], b[:])
	nan := float32(math.NaN())
	for _, gate := range []Gate{{}, {Y: y, Lo: 0, Hi: nan}, {Y: y, Lo: -0.5, Hi: 0.5}} {
		c := [2][16]float64{a, b}
		d := c
		LaneCovariance(&c, g, x, &mean, gate)
		laneCovarianceGo(&d, g, x, &mean, &gate)
		same("gradients", c[0][:], d[0][:])
		same("covariances", c[1][:], d[1][:])
		LaneNormGrad(got, g, x, &f, gate)
		laneNormGradGo(want, g, x, &f, &gate)
		rows("gradient")
		if gate.Y == nil || n == 0 {
			continue
		}
		part := gate
		part.Y = gate.Y[n:]
		part.Pass(got[n:], g[n:])
		copy(want, got[:n])
		for i := range want[n:] {
			want[n+i] = part.of(i, g[n+i])
		}
		rows("gate")
	}
	inf := float32(math.Inf(1))
	for _, residual := range [][]float32{nil, y} {
		for _, hi := range []float32{0.5, inf} {
			LaneNorm(got, x, residual, &f, -hi, hi)
			laneNormGo(want, x, residual, &f, -hi, hi)
			rows("norm")
		}
	}
	if !keptX() || !keptG() || !keptY() || !keptGot() {
		t.Fatalf("%d pixels: wrote outside", n)
	}
}

func TestLanes(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 12))
		for n := range 20 {
			checkLanes(t, r, n, n%2 == 1)
		}
	})
}

func FuzzLanes(f *testing.F) {
	f.Add(uint64(1), uint8(7), true)
	f.Fuzz(func(t *testing.T, seed uint64, n uint8, odd bool) {
		checkLanes(t, rand.New(rand.NewPCG(seed, 2)), int(n%50), odd)
	})
}
