//go:build !noasm

package kernel

import "unsafe"

func laneSums(acc *[16]float64, x []float32) {
	switch {
	case useAVX512:
		asmLaneSums512(&acc[0], &x[0], len(x)/16)
	case useAVX2:
		asmLaneSums2(&acc[0], &x[0], len(x)/16)
	default:
		laneSumsGo(acc, x)
	}
}

func laneDeviations(acc *[16]float64, x []float32, mean *[16]float64) {
	switch {
	case useAVX512:
		asmLaneDeviations512(&acc[0], &x[0], &mean[0], len(x)/16)
	case useAVX2:
		asmLaneDeviations2(&acc[0], &x[0], &mean[0], len(x)/16)
	default:
		laneDeviationsGo(acc, x, mean)
	}
}

func laneCovariance(acc *[2][16]float64, g, x []float32, mean *[16]float64, gate *Gate) {
	y := unsafe.SliceData(gate.Y)
	switch {
	case useAVX512:
		asmLaneCovariance512(&acc[0][0], &g[0], &x[0], y, &mean[0], gate.Lo, gate.Hi, len(x)/16)
	case useAVX2:
		asmLaneCovariance2(&acc[0][0], &g[0], &x[0], y, &mean[0], gate.Lo, gate.Hi, len(x)/16)
	default:
		laneCovarianceGo(acc, g, x, mean, gate)
	}
}

func laneNorm(y, x, r []float32, f *LaneFactors, lo, hi float32) {
	switch {
	case useAVX512:
		asmLaneNorm512(&y[0], &x[0], unsafe.SliceData(r), &f[0][0], lo, hi, len(x)/16)
	case useAVX2:
		asmLaneNorm2(&y[0], &x[0], unsafe.SliceData(r), &f[0][0], lo, hi, len(x)/16)
	default:
		laneNormGo(y, x, r, f, lo, hi)
	}
}

func laneNormGrad(dx, g, x []float32, f *LaneFactors, gate *Gate) {
	y := unsafe.SliceData(gate.Y)
	switch {
	case useAVX512:
		asmLaneNormGrad512(&dx[0], &g[0], &x[0], y, &f[0][0], gate.Lo, gate.Hi, len(x)/16)
	case useAVX2:
		asmLaneNormGrad2(&dx[0], &g[0], &x[0], y, &f[0][0], gate.Lo, gate.Hi, len(x)/16)
	default:
		laneNormGradGo(dx, g, x, f, gate)
	}
}

// pass does whole vectors, and says how many elements those are.
func (m *Gate) pass(to, g []float32) int {
	n := len(g) / 16
	switch {
	case n == 0 || m.Y == nil:
		return 0
	case useAVX512:
		asmGate512(&to[0], &m.Y[0], &g[0], m.Lo, m.Hi, n)
	case useAVX2:
		asmGate2(&to[0], &m.Y[0], &g[0], m.Lo, m.Hi, n)
	default:
		return 0
	}
	return 16 * n
}
