package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func checkMaxLanes(t *testing.T, r *rand.Rand, cols, rows, taps, step, tap int) {
	t.Helper()
	s := MaxLanes{Cols: cols, Rows: rows, Taps: taps, Step: 16 * step, Tap: 16 * tap}
	s.Row = (cols-1)*s.Step + taps*s.Tap + r.IntN(5)
	n := (cols-1)*s.Step + (rows-1)*s.Row + (taps-1)*s.Tap + 16
	var checks []func() bool
	for _, f := range []struct {
		to *[]float32
		n  int
	}{{&s.X, n}, {&s.DX, n}, {&s.Y, 16 * cols}, {&s.G, 16 * cols}} {
		x, kept := guarded(f.n)
		for i := range x { // few different values, so that maxima are there more than once
			x[i] = float32(r.IntN(4))
			if r.IntN(30) == 0 {
				x[i] = []float32{float32(math.NaN()), float32(math.Copysign(0, -1)), float32(math.Inf(-1))}[r.IntN(3)]
			}
		}
		*f.to, checks = x, append(checks, kept)
	}
	twin := s
	twin.DX = append([]float32{}, s.DX...)
	s.Grad()
	maxLanesGo(&twin)
	if err := sameFloats(s.DX, twin.DX); err != nil {
		t.Fatalf("%d columns, window %d × %d, step %d: %v", cols, rows, taps, step, err)
	}
	for _, kept := range checks {
		if !kept() {
			t.Fatalf("%d columns, window %d × %d, step %d: wrote outside", cols, rows, taps, step)
		}
	}
}

func TestMaxLanesGrad(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(13, 14))
		for cols := 1; cols < 9; cols++ {
			for _, window := range [][2]int{{1, 1}, {2, 2}, {3, 3}, {1, 5}, {4, 1}} {
				checkMaxLanes(t, r, cols, window[0], window[1], 1+r.IntN(3), 1+r.IntN(2))
			}
		}
	})
}

func FuzzMaxLanesGrad(f *testing.F) {
	f.Add(uint64(1), uint8(7), uint8(3), uint8(3), uint8(2))
	f.Fuzz(func(t *testing.T, seed uint64, cols, rows, taps, step uint8) {
		checkMaxLanes(t, rand.New(rand.NewPCG(seed, 5)), 1+int(cols%20), 1+int(rows%4), 1+int(taps%5), 1+int(step%4), 1+int(seed%2))
	})
}
