package kernel

import (
	"math"
	"testing"
)

// TestMT19937 has the first numbers of numpy.random.RandomState(0).uniform().
func TestMT19937(t *testing.T) {
	var m MT19937
	m.Seed(0)
	for i, want := range []float64{0.5488135, 0.71518937, 0.60276338, 0.54488318, 0.4236548, 0.64589411} {
		if got := m.Float64(); math.Abs(got-want) > 5e-9 {
			t.Errorf("number %d is %v, want %v", i, got, want)
		}
	}
}
