package kernel

import "math"

// Batch normalization of pixels of 16 lanes, [N, C/16, H, W, 16] of a network's activations. Sums run over the pixels in order, in float64 and with
// fused multiply-adds, to the same bits on every tier that has assembly.

// LaneSums adds the pixels of x to acc.
func LaneSums(acc *[16]float64, x []float32) {
	if len(x) >= 16 {
		laneSums(acc, x)
	}
}

func laneSumsGo(acc *[16]float64, x []float32) {
	for ; len(x) >= 16; x = x[16:] {
		for l, v := range x[:16] {
			acc[l] += float64(v)
		}
	}
}

// LaneDeviations adds (x − mean)² to acc.
func LaneDeviations(acc *[16]float64, x []float32, mean *[16]float64) {
	if len(x) >= 16 {
		laneDeviations(acc, x, mean)
	}
}

func laneDeviationsGo(acc *[16]float64, x []float32, mean *[16]float64) {
	for ; len(x) >= 16; x = x[16:] {
		for l, v := range x[:16] {
			d := float64(v) - mean[l]
			acc[l] = math.FMA(d, d, acc[l])
		}
	}
}

// Gate lets a gradient through where what a bounded function gave is strictly between its bounds: where Y > Lo and not Y ≥ Hi, which NaN in place of Hi means
// always. Without Y everything passes.
type Gate struct {
	Y      []float32
	Lo, Hi float32
}

func (m *Gate) of(i int, g float32) float32 {
	if m.Y == nil || m.Y[i] > m.Lo && !(m.Y[i] >= m.Hi) {
		return g
	}
	return 0
}

// check panics unless there is something to compare with each of n elements.
func (m *Gate) check(n int) {
	if m.Y != nil {
		_ = m.Y[n-1]
	}
}

// LaneCovariance adds g, let through by gate, to acc[0] and g·(x − mean) to acc[1].
func LaneCovariance(acc *[2][16]float64, g, x []float32, mean *[16]float64, gate Gate) {
	if len(x) < 16 {
		return
	}
	_ = g[len(x)-1]
	gate.check(len(x))
	laneCovariance(acc, g, x, mean, &gate)
}

func laneCovarianceGo(acc *[2][16]float64, g, x []float32, mean *[16]float64, gate *Gate) {
	for i := range len(x) / 16 * 16 {
		l, v := i%16, float64(gate.of(i, g[i]))
		acc[0][l] += v
		acc[1][l] = math.FMA(v, float64(x[i])-mean[l], acc[1][l])
	}
}

// LaneFactors are the mean of a lane and what it is multiplied by: see LaneNorm and LaneNormGrad.
type LaneFactors [4][16]float32

// LaneNorm writes y = min(max((x − f[0])·f[1] + f[2] + r, lo), hi), without r when that is nil. NaN stays NaN.
func LaneNorm(y, x, r []float32, f *LaneFactors, lo, hi float32) {
	if len(x) < 16 {
		return
	}
	_ = y[len(x)-1]
	if r != nil {
		_ = r[len(x)-1]
	}
	laneNorm(y, x, r, f, lo, hi)
}

func laneNormGo(y, x, r []float32, f *LaneFactors, lo, hi float32) {
	for i := range len(x) / 16 * 16 {
		l := i % 16
		v := float32(math.FMA(float64(x[i]-f[0][l]), float64(f[1][l]), float64(f[2][l])))
		if r != nil {
			v += r[i]
		}
		if v < lo {
			v = lo
		}
		if v > hi {
			v = hi
		}
		y[i] = v
	}
}

// LaneNormGrad writes dx = g·f[1] + (x − f[0])·f[2] + f[3], with g let through by gate.
func LaneNormGrad(dx, g, x []float32, f *LaneFactors, gate Gate) {
	if len(x) < 16 {
		return
	}
	_, _ = dx[len(x)-1], g[len(x)-1]
	gate.check(len(x))
	laneNormGrad(dx, g, x, f, &gate)
}

func laneNormGradGo(dx, g, x []float32, f *LaneFactors, gate *Gate) {
	for i := range len(x) / 16 * 16 {
		l := i % 16
		v := float32(math.FMA(float64(x[i]-f[0][l]), float64(f[2][l]), float64(f[3][l])))
		dx[i] = float32(math.FMA(float64(gate.of(i, g[i])), float64(f[1][l]), float64(v)))
	}
}

// Pass writes to what the gate lets through of g.
func (m *Gate) Pass(to, g []float32) {
	n := len(g)
	if n == 0 {
		return
	}
	_ = to[n-1]
	m.check(n)
	for i := m.pass(to, g); i < n; i++ {
		to[i] = m.of(i, g[i])
	}
}
