package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// odd fills s with normal numbers and, here and there, special ones.
func odd(r *rand.Rand, s []float32, special bool) []float32 {
	for i := range s {
		s[i] = float32(r.NormFloat64())
		if special && r.IntN(20) == 0 {
			s[i] = []float32{float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), float32(math.Copysign(0, -1)), 1e-42, -3e38}[r.IntN(6)]
		}
	}
	return s
}

// sameNumbers reports the first element where the results of assembly and of its contract differ by more than the rounding of a few sums.
func sameNumbers(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i, w := range want {
		g := got[i]
		if g == w || g != g && w != w || math.Abs(float64(g)-float64(w)) <= 1e-5*(1+math.Abs(float64(w))) {
			continue
		}
		t.Fatalf("%s: element %d is %v, want %v", what, i, g, w)
	}
}

// checkWinogradTile holds the transforms and products of one random shape against their contracts, on the active tier.
func checkWinogradTile(t *testing.T, r *rand.Rand, m int) {
	n, special := m+2, r.IntN(2) == 0
	slice := func(n int) []float32 { s, _ := guarded(n); return odd(r, s, special) }
	both := func(what string, size int, run func(dst []float32, plain bool)) {
		got, ok := guarded(size)
		want, _ := guarded(size)
		run(got, false)
		run(want, true)
		if !ok() {
			t.Fatal(what, "writes out of bounds")
		}
		sameNumbers(t, what, got, want)
	}
	count := 1 + r.IntN(3)

	in := winogradInput{plane: 16 * (count + r.IntN(3)), next: 16, count: count, mask: 1<<n - 1}
	width := m*(count-1) + n
	if r.IntN(2) == 0 { // the image ends within the patch
		in.left, in.count = r.IntN(n), 1
		in.mask = (1<<n - 1) &^ (1<<in.left - 1) & (1<<r.IntN(n+1) - 1)
		width = n - in.left
	}
	for y := range n {
		in.rows[y], in.step[y] = slice(width*16), m*16
		if r.IntN(4) == 0 {
			in.rows[y], in.step[y] = winogradZeros[:], 0
		}
	}
	both("input transform", n*n*in.plane, func(dst []float32, plain bool) {
		in.dst = dst
		if plain {
			in.runGo(m)
		} else {
			in.run(m)
		}
	})

	out := winogradOutput{plane: 16 * count, mNext: 16, dstNext: m * 16, resNext: m * 16, biasNext: 16 * r.IntN(2), count: count, rows: 1 + r.IntN(m), cols: m, clamp: uint32(r.IntN(2)), lo: -0.5, hi: 2}
	if count == 1 {
		out.cols = 1 + r.IntN(m)
	}
	out.dstRow = 16*m*count + 16*r.IntN(2)
	out.resRow = out.dstRow
	out.m, out.bias = slice(n*n*out.plane), slice(16*count)
	if r.IntN(2) == 0 {
		out.res = slice(m * out.resRow)
	}
	both("output transform", m*out.dstRow, func(dst []float32, plain bool) {
		out.dst = dst
		if plain {
			out.runGo(m)
		} else {
			out.run(m)
		}
	})

	mr, full := winogradShape()
	rows, cols := 1+r.IntN(mr), 16*(1+r.IntN(full/16))
	p := winogradProduct{k: 1 + r.IntN(40), count: count}
	p.lda = p.k + r.IntN(3)
	p.aPlane, p.cPlane = rows*p.lda+r.IntN(3), rows*cols+r.IntN(3)
	p.a, p.b = slice(count*p.aPlane), slice(count*p.k*cols)
	both("product", count*p.cPlane, func(dst []float32, plain bool) {
		p.c = dst
		if plain {
			p.runGo(rows, cols)
		} else {
			p.run(rows, cols)
		}
	})

	k := winogradPacking{src: slice(count * 9 * 16), plane: 16 * count, next: 16, count: count, turned: r.IntN(2) == 0}
	for i, v := range k.src {
		if v == -3e38 { // what is left when large numbers cancel is another in every order of sums
			k.src[i] = 3
		}
	}
	both("packing", n*n*k.plane, func(dst []float32, plain bool) {
		k.dst = dst
		if plain {
			k.runGo(m)
		} else {
			k.run(m)
		}
	})
}

func TestWinogradTile(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for range 500 {
			checkWinogradTile(t, r, 2)
			checkWinogradTile(t, r, 4)
		}
	})
}

func FuzzWinogradTile(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		eachTier(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(a, b))
			checkWinogradTile(t, r, 2+2*r.IntN(2))
		})
	})
}

// TestWinogradTiers: AVX2 and AVX-512 give the same bits.
func TestWinogradTiers(t *testing.T) {
	results := map[string][]float32{}
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, m := range []int{2, 4} {
			c := newWinogradCase(r, m, 2, 50, 70, 9, 13, 1, 1, 9, 13, true)
			results[Active().String()] = append(results[Active().String()], c.run(t, 20)...)
		}
	})
	for i, v := range results["avx2"] {
		if w := results["avx512"]; w != nil && math.Float32bits(v) != math.Float32bits(w[i]) {
			t.Fatalf("element %d is %v by AVX2 and %v by AVX-512", i, v, w[i])
		}
	}
}

// TestWinogradAccuracy: against float64, errors are at most ten times as large as those of sums in float32, here some three times; and in proportion
// to the largest value for any magnitude.
func TestWinogradAccuracy(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, m := range []int{2, 4} {
			for _, in := range []int{16, 64, 200} {
				for _, scale := range []float32{1, 1e-30, 1e30} {
					c := newWinogradCase(r, m, 1, in, 16, 12, 12, 1, 1, 12, 12, true)
					c.bias, c.residual = nil, nil
					for i := range c.x {
						c.x[i] *= scale
					}
					want, sums := c.direct(nil), c.direct(func(v float64) float64 { return float64(float32(v)) })
					var top, direct, worst float64
					for i, v := range c.run(t, 9) {
						top = max(top, math.Abs(want[i]))
						direct = max(direct, math.Abs(sums[i]-want[i]))
						worst = max(worst, math.Abs(float64(v)-want[i]))
					}
					if !(worst <= 5*direct && worst <= 1e-5*top) {
						t.Errorf("F(%d,3), %d channels, input of %g: error %g, of sums %g, largest value %g", m, in, scale, worst, direct, top)
					}
				}
			}
		}
	})
}

// TestWinogradSpecial: an infinity or NaN of the input reaches every result that depends on it, as in a direct convolution, and beyond these none outside
// of their tiles.
func TestWinogradSpecial(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		const size = 13
		for _, m := range []int{2, 4} {
			for _, v := range []float32{float32(math.Inf(1)), float32(math.NaN())} {
				c := newWinogradCase(r, m, 1, 16, 1, size, size, 1, 1, size, size, true)
				c.bias, c.residual = nil, nil
				y0, x0 := r.IntN(size), r.IntN(size)
				c.x[y0*size+x0] = v
				for i, got := range c.run(t, 9) {
					y, x := i/size, i%size
					finite := !math.IsInf(float64(got), 0) && got == got
					near := max(y-y0, y0-y) <= 1 && max(x-x0, x0-x) <= 1
					// Its tile begins at most m+1 before it, or one after it.
					seen := y/m*m <= y0+1 && y/m*m+m >= y0 && x/m*m <= x0+1 && x/m*m+m >= x0
					if near && finite || !seen && !finite {
						t.Fatalf("F(%d,3), %v at row %d, column %d: result %d, %d is %v", m, v, y0, x0, y, x, got)
					}
				}
			}
		}
	})
}
