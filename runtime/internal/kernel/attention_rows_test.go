package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// specials fills s with random numbers, among them now and then one that is none, infinite, or next to zero.
func specials(r *rand.Rand, s []float32) {
	odd := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1)), 1e-42, math.MaxFloat32}
	for i := range s {
		if s[i] = float32(r.NormFloat64()); r.IntN(20) == 0 {
			s[i] = odd[r.IntN(len(odd))]
		}
	}
}

// sameBits holds what assembly made against the contract; NaN may be any.
func sameBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) && (got[i] == got[i] || want[i] == want[i]) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// checkAttentionRows compares every kernel with its contract for rows rows of size elements, ld elements apart.
func checkAttentionRows(t *testing.T, r *rand.Rand, rows, size, ld int, fill func(*rand.Rand, []float32)) {
	t.Helper()
	slice := func(n int) ([]float32, func() bool) {
		s, ok := guarded(n)
		fill(r, s)
		return s, ok
	}
	clone := func(s []float32) []float32 { return append([]float32{}, s...) }
	matrix, okMatrix := slice(max(0, (rows-1)*ld+size))
	row, okRow := slice(size)
	weights, okWeights := slice(rows)
	dots, okDots := slice(rows)
	want := clone(dots)
	dotRowsGo(want, row, matrix, ld)
	DotRows(dots, row, matrix, ld)
	sameBits(t, "dot", dots, want)

	want = clone(row)
	addRowsGo(want, weights, matrix, ld)
	AddRows(row, weights, matrix, ld)
	sameBits(t, "add", row, want)

	bias, okBias := slice(max(0, (rows-1)*(size+1)+size))
	mask, okMask := slice(size)
	for _, m := range [][2][]float32{{nil, nil}, {bias, nil}, {nil, mask}, {bias, mask}} {
		fill(r, matrix)
		want := clone(matrix)
		top, tops := make([]float32, rows), make([]float32, rows)
		addScoresGo(&Scores{S: want, N: size, Ld: ld, Scale: 0.3, Bias: m[0], Ldb: size + 1, Mask: m[1]}, top)
		addScores(&Scores{S: matrix, N: size, Ld: ld, Scale: 0.3, Bias: m[0], Ldb: size + 1, Mask: m[1]}, tops)
		sameBits(t, "largest", tops, top)
		sameBits(t, "scores", matrix, want)
		expRowsGo(want, size, ld, top)
		expRows(matrix, size, ld, tops)
		sameBits(t, "sum", tops, top)
		sameBits(t, "exp", matrix, want)
	}

	want = clone(matrix)
	scaleRowsGo(want, size, ld, weights)
	ScaleRows(matrix, size, ld, weights)
	sameBits(t, "scale", matrix, want)
	if !okMatrix() || !okRow() || !okWeights() || !okDots() || !okBias() || !okMask() {
		t.Fatalf("%d rows of %d: writes outside of a slice", rows, size)
	}
}

func TestAttentionRows(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for size := range 133 {
			for _, rows := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 17, 20} {
				checkAttentionRows(t, r, rows, size, size+r.IntN(3), specials)
			}
		}
	})
}

func FuzzAttentionRows(f *testing.F) {
	f.Add(uint64(1), 3, 17, 1)
	f.Fuzz(func(t *testing.T, seed uint64, rows, size, gap int) {
		if rows < 0 || size < 0 || gap < 0 || rows > 100 || size > 300 || gap > 50 {
			return
		}
		eachTier(t, func(t *testing.T) {
			checkAttentionRows(t, rand.New(rand.NewPCG(seed, 7)), rows, size, size+gap, specials)
		})
	})
}

// TestScores holds sums and weights against float64.
func TestScores(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for n := 1; n < 100; n++ {
			s, ok := guarded(n)
			mask := make([]float32, n)
			for i := range s {
				s[i], mask[i] = float32(10*r.NormFloat64()), float32(r.NormFloat64())
				if i > 0 && r.IntN(5) == 0 {
					mask[i] = -inf
				}
			}
			want, top, total := make([]float64, n), math.Inf(-1), 0.
			for i := range want {
				want[i] = float64(s[i]*0.5 + mask[i])
				top = max(top, want[i])
			}
			sum := []float32{0}
			(&Scores{S: s, N: n, Scale: 0.5, Mask: mask}).Softmax(sum)
			for i := range want {
				want[i] = math.Exp(want[i] - top)
				total += want[i]
				if math.Abs(float64(s[i])-want[i]) > 4e-6*want[i]+1e-37 {
					t.Fatalf("weight %d of %d is %v, want %v", i, n, s[i], want[i])
				}
			}
			if math.Abs(float64(sum[0])-total) > 4e-6*total || !ok() {
				t.Fatalf("sum of %d is %v, want %v", n, sum, total)
			}
		}
		s, sums := []float32{-inf, -inf, -inf, nan, 1, inf, 2, -inf}, make([]float32, 4)
		(&Scores{S: s, N: 2, Ld: 2, Scale: 1}).Softmax(sums)
		sameBits(t, "sums", sums, []float32{0, nan, nan, 1})
		sameBits(t, "weights", s[:2], []float32{0, 0})
	})
}

// BenchmarkAttentionRows goes through keys or values that come from memory, as a step of decoding does.
func BenchmarkAttentionRows(b *testing.B) {
	const size, rows, heads = 64, 1500, 96
	m := make([]float32, heads*rows*size)
	q, s := make([]float32, size), make([]float32, rows)
	for i := range m {
		m[i] = 1
	}
	for _, c := range []struct {
		name string
		f    func(h []float32)
	}{{"DotRows", func(h []float32) { DotRows(s, q, h, size) }}, {"AddRows", func(h []float32) { AddRows(q, s, h, size) }}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(4 * rows * size)
			i := 0
			for b.Loop() {
				c.f(m[i%heads*rows*size:])
				i++
			}
		})
	}
}
