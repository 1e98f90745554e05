//go:build !amd64 || noasm

package kernel

func laneSums(acc *[16]float64, x []float32) { laneSumsGo(acc, x) }
func laneDeviations(acc *[16]float64, x []float32, mean *[16]float64) {
	laneDeviationsGo(acc, x, mean)
}
func laneCovariance(acc *[2][16]float64, g, x []float32, mean *[16]float64, gate *Gate) {
	laneCovarianceGo(acc, g, x, mean, gate)
}
func laneNorm(y, x, r []float32, f *LaneFactors, lo, hi float32)  { laneNormGo(y, x, r, f, lo, hi) }
func laneNormGrad(dx, g, x []float32, f *LaneFactors, gate *Gate) { laneNormGradGo(dx, g, x, f, gate) }
func (m *Gate) pass(to, g []float32) int                          { return 0 }
