package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// spanCase is a ConvSpan of small integers, whose sums are exact, between guard words. twin has the same operands.
func spanCase(r *rand.Rand, pixels, blocks, step int, lanes []int) (span, twin ConvSpan, kept func() bool) {
	k := 0
	for _, l := range lanes {
		span.Taps = append(span.Taps, ConvTap{Off: r.IntN(3 * step), Lanes: l})
		k += l
	}
	span.Reach, span.Count = Reach(span.Taps), k
	var checks []func() bool
	numbers := func(n int) []float32 {
		s, check := guarded(n)
		integers(r, s)
		checks = append(checks, check)
		return s
	}
	span.Step, span.Blocks = step, blocks
	span.WNext, span.YNext, span.RNext = 16*k, 16*pixels+3, 16*pixels+5
	span.X = numbers(max(0, pixels-1)*step + span.Reach)
	span.W = numbers(blocks * span.WNext)
	span.Bias = numbers(16 * blocks)
	span.Y = numbers((blocks-1)*span.YNext + 16*pixels)
	if r.IntN(2) == 0 {
		span.R = numbers((blocks-1)*span.RNext + 16*pixels)
	}
	span.Lo, span.Hi = float32(math.Inf(-1)), float32(math.Inf(1))
	if r.IntN(2) == 0 {
		span.Lo, span.Hi = -30, 40
	}
	span.More, span.Last = r.IntN(2) == 0, r.IntN(3) > 0
	twin = span
	twin.Y = append([]float32{}, span.Y...)
	return span, twin, func() bool {
		for _, f := range checks {
			if !f() {
				return false
			}
		}
		return true
	}
}

func sameFloats(a, b []float32) error {
	for i, v := range a {
		if v != b[i] && (v == v || b[i] == b[i]) {
			return fmt.Errorf("element %d is %v, want %v", i, v, b[i])
		}
	}
	return nil
}

func TestConvSpan(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for pixels := range 30 {
			for blocks := 1; blocks <= 2; blocks++ {
				for _, step := range []int{1, 2, 16, 32} {
					for _, lanes := range [][]int{{1}, {3}, {4}, {16}, {1, 1, 1, 1, 1}, {16, 16, 16}, {7, 16, 2, 8}} {
						span, twin, kept := spanCase(r, pixels, blocks, step, lanes)
						if r.IntN(4) == 0 && len(span.X) > 0 {
							span.X[r.IntN(len(span.X))] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Copysign(0, -1)), 1e-42}[r.IntN(4)]
						}
						span.Run(pixels)
						convSpanGo(&twin, pixels)
						if err := sameFloats(span.Y, twin.Y); err != nil {
							t.Fatalf("%d pixels, %d blocks, step %d, lanes %v: %v", pixels, blocks, step, lanes, err)
						}
						if !kept() {
							t.Fatalf("%d pixels, %d blocks, step %d, lanes %v: wrote outside", pixels, blocks, step, lanes)
						}
					}
				}
			}
		}
	})
}

// TestConvSpanPlace asks that a pixel has the same bits wherever it stands in a row.
func TestConvSpanPlace(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		span, _, _ := spanCase(r, 29, 2, 16, []int{16, 16, 5})
		span.More, span.Last = false, true
		for _, s := range [][]float32{span.X, span.W} {
			for i := range s {
				s[i] = float32(r.NormFloat64())
			}
		}
		whole := span
		whole.Run(29)
		want := append([]float32{}, span.Y...)
		for from := range 29 {
			one := span
			one.X, one.Y = one.X[from*16:], one.Y[16*from:]
			if one.R != nil {
				one.R = one.R[16*from:]
			}
			one.Run(1 + (28-from)/2)
		}
		if err := sameFloats(span.Y, want); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzConvSpan(f *testing.F) {
	f.Add(uint64(1), uint8(14), uint8(2), uint8(16), uint8(5))
	f.Fuzz(func(t *testing.T, seed uint64, pixels, blocks, step, taps uint8) {
		r := rand.New(rand.NewPCG(seed, 9))
		lanes := make([]int, 1+taps%20)
		for i := range lanes {
			lanes[i] = 1 + r.IntN(16)
		}
		n := int(pixels % 64)
		span, twin, kept := spanCase(r, n, 1+int(blocks%2), 1+int(step%64), lanes)
		span.Run(n)
		convSpanGo(&twin, n)
		if err := sameFloats(span.Y, twin.Y); err != nil {
			t.Fatal(err)
		}
		if !kept() {
			t.Fatal("wrote outside")
		}
	})
}
