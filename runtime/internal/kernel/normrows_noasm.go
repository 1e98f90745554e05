//go:build !amd64 || noasm

package kernel

func normRows(r *NormRows, rows int) (left int) {
	normRowsGo(r, rows)
	return 0
}
func softmaxRows(y, x []float32, rows, n int)            { softmaxRowsGo(y, x, rows, n) }
func logSoftmaxRows(y, x []float32, rows, n int)         { logSoftmaxRowsGo(y, x, rows, n) }
func softmaxCols(y, x []float32, n, stride, cols int)    { softmaxColsGo(y, x, n, stride, cols) }
func sum32(x []float32) float64                          { return Sum(x) }
func deviation32(x []float32, mean float64) float64      { return Deviation(x, mean) }
func maxRow32(x []float32) float32                       { return maxRow32Go(x) }
func minRow32(x []float32) float32                       { return minRow32Go(x) }
func affine32(y, x []float32, mean, scale, bias float32) { Affine(y, x, mean, scale, bias) }
func addWide(acc []float64, x []float32)                 { addWideGo(acc, x) }
