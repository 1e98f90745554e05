package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// weightCase is a WeightSum of small integers, whose sums are exact, between guard words. twin has the same operands.
func weightCase(r *rand.Rand, rows, cols, lines, images, perRow int) (s, twin WeightSum, kept func() bool) {
	s = WeightSum{Rows: rows, Cols: cols, Lines: lines, Images: images, Next: 16 + r.IntN(20)}
	s.SCol, s.VCol = 1+r.IntN(33), 16*(1+r.IntN(2))
	s.SLine, s.VLine = cols*s.SCol+r.IntN(9), cols*s.VCol+r.IntN(9)
	s.SImage, s.VImage = lines*s.SLine+r.IntN(9), lines*s.VLine+r.IntN(9)
	inS, inV := s.at()
	var checks []func() bool
	for _, f := range []struct {
		to *[]float32
		n  int
	}{{&s.S, inS + rows*perRow}, {&s.V, inV + 16}, {&s.Sums, (rows-1)*s.Next + 16}} {
		x, check := guarded(f.n)
		integers(r, x)
		*f.to, checks = x, append(checks, check)
	}
	twin = s
	twin.Sums = append([]float32{}, s.Sums...)
	return s, twin, func() bool { return checks[0]() && checks[1]() && checks[2]() }
}

func checkWeightSum(t *testing.T, s, twin WeightSum, lanes bool, kept func() bool) {
	t.Helper()
	if lanes {
		s.RunLanes()
		weightLanesGo(&twin)
	} else {
		s.Run()
		weightSumGo(&twin)
	}
	if err := sameFloats(s.Sums, twin.Sums); err != nil {
		t.Fatalf("lanes %v: %v", lanes, err)
	}
	if !kept() {
		t.Fatalf("lanes %v: wrote outside", lanes)
	}
}

func TestWeightSum(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for rows := 1; rows <= 16; rows++ {
			for _, size := range [][3]int{{1, 1, 1}, {2, 2, 3}, {17, 1, 2}, {3, 5, 1}} {
				for perRow, lanes := range map[int]bool{1: false, 16: true} {
					s, twin, kept := weightCase(r, rows, size[0], size[1], size[2], perRow)
					switch r.IntN(4) {
					case 0:
						s.S[r.IntN(len(s.S))] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Copysign(0, -1)), 1e-42}[r.IntN(4)]
					case 1:
						s.V[r.IntN(len(s.V))] = []float32{float32(math.NaN()), float32(math.Inf(-1))}[r.IntN(2)]
					}
					checkWeightSum(t, s, twin, lanes, kept)
				}
			}
		}
	})
}

func FuzzWeightSum(f *testing.F) {
	f.Add(uint64(1), uint8(16), uint8(7), uint8(3), uint8(2), true)
	f.Fuzz(func(t *testing.T, seed uint64, rows, cols, lines, images uint8, lanes bool) {
		perRow := 1
		if lanes {
			perRow = 16
		}
		s, twin, kept := weightCase(rand.New(rand.NewPCG(seed, 1)), 1+int(rows%16), 1+int(cols%20), 1+int(lines%5), 1+int(images%4), perRow)
		checkWeightSum(t, s, twin, lanes, kept)
	})
}

// BenchmarkWeightSum are the 3 × 3 taps of 64 channels of 16 × 16 pixels, for 16 images.
func BenchmarkWeightSum(b *testing.B) {
	const blocks, images, side = 4, 16, 16
	x, g := make([]float32, blocks*images*side*side*16), make([]float32, blocks*images*side*side*16)
	sums := make([]float32, 9*256)
	b.SetBytes(2 * blocks * blocks * 256 * images * 9 * (side - 1) * (side - 1))
	for b.Loop() {
		for m := range blocks {
			for c := range blocks {
				for n := range images {
					for t := range 9 {
						s := WeightSum{S: g[(n*blocks+m)*side*side*16:], V: x[(n*blocks+c)*side*side*16:], Sums: sums[t*16:], Rows: 16, Next: 144, Cols: side - 1, Lines: side - 1, Images: 1,
							SCol: 16, SLine: side * 16, VCol: 16, VLine: side * 16}
						s.Run()
					}
				}
			}
		}
	}
}
