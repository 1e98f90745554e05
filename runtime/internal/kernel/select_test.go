package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSelect holds comparisons, combinations of truth values and choices to their plain loops, with operands of every kind, in all lengths.
func TestSelect(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	number := func() float32 { return special[rng.IntN(len(special))] }
	truth := func() bool { return rng.IntN(2) == 0 }
	eachTier(t, func(t *testing.T) {
		for n := range 70 {
			for steps := range 4 {
				sa, sb := steps&1, steps>>1
				a, b := many(n*sa+1-sa, number), many(n*sb+1-sb, number)
				for name, f := range map[string][2]func(y []bool, a, b []float32, sa, sb int){
					"Less": {LessFloats, Less[float32]}, "LessOrEqual": {LessOrEqualFloats, LessOrEqual[float32]}, "Equal": {EqualFloats, Equal[float32]},
					"Greater": {GreaterFloats, Greater[float32]}, "GreaterOrEqual": {GreaterOrEqualFloats, GreaterOrEqual[float32]},
				} {
					got, want := between(n, true), between(n, true)
					f[0](got[1:n+1], a, b, sa, sb)
					f[1](want[1:n+1], a, b, sa, sb)
					if !slices.Equal(got, want) {
						t.Fatalf("%s of %d, steps %d and %d: %v, want %v", name, n, sa, sb, got, want)
					}
				}
				u, v := many(n*sa+1-sa, truth), many(n*sb+1-sb, truth)
				for name, f := range map[string]struct {
					f  func(y, a, b []bool, sa, sb int)
					at func(a, b bool) bool
				}{
					"And": {And, func(a, b bool) bool { return a && b }}, "Or": {Or, func(a, b bool) bool { return a || b }}, "Xor": {Xor, func(a, b bool) bool { return a != b }},
				} {
					got := between(n, true)
					f.f(got[1:n+1], u, v, sa, sb)
					for i := range n {
						if got[1+i] != f.at(u[i*sa], v[i*sb]) {
							t.Fatalf("%s of %d, steps %d and %d: [%d] is %v", name, n, sa, sb, i, got[1+i])
						}
					}
					if !got[0] || !got[n+1] {
						t.Fatalf("%s of %d wrote beside its slice", name, n)
					}
				}
				for sc := range 2 {
					cond := many(n*sc+1-sc, truth)
					x, y := many(n*sa+1-sa, rng.Uint32), many(n*sb+1-sb, rng.Uint32)
					got := between(n, uint32(77))
					Where(got[1:n+1], cond, x, y, sc, sa, sb)
					for i := range n {
						want := y[i*sb]
						if cond[i*sc] {
							want = x[i*sa]
						}
						if got[1+i] != want {
							t.Fatalf("Where of %d, steps %d, %d and %d: [%d] is %d, want %d", n, sc, sa, sb, i, got[1+i], want)
						}
					}
					if got[0] != 77 || got[n+1] != 77 {
						t.Fatalf("Where of %d wrote beside its slice", n)
					}
				}
			}
		}
	})
}

func many[T any](n int, f func() T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = f()
	}
	return out
}

// between is room for n elements between two of the value v.
func between[T any](n int, v T) []T {
	out := make([]T, n+2)
	out[0], out[n+1] = v, v
	return out
}

func BenchmarkSelect(b *testing.B) {
	const n = 128 * 3072
	x, y, cond, z := make([]float32, n), make([]float32, n), make([]bool, n), make([]uint32, n)
	b.Run("Less", func(b *testing.B) {
		for b.Loop() {
			LessFloats(cond, x, y, 1, 1)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/el")
	})
	b.Run("And", func(b *testing.B) {
		for b.Loop() {
			And(cond, cond, cond, 1, 1)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/el")
	})
	b.Run("Where", func(b *testing.B) {
		for b.Loop() {
			Where(z, cond, z, z[:1], 1, 1, 0)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/el")
	})
}
