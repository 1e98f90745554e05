package kernel

import "testing"

// TestTierOf: the environment can only ask for less than the processor has.
func TestTierOf(t *testing.T) {
	for _, c := range []struct {
		name       string
		best, want Tier
	}{{"", AVX512, AVX512}, {"avx2", AVX512, AVX2}, {"go", AVX512, Go}, {"avx512", AVX2, AVX2}, {"avx2", Go, Go}, {"neon", AVX2, AVX2}} {
		if got := tierOf(c.name, c.best); got != c.want {
			t.Errorf("ONNXRUN_ISA=%q on %s: %s, want %s", c.name, c.best, got, c.want)
		}
	}
}
