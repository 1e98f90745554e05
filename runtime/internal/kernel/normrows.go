package kernel

import "math"

// NormRows is the normalization of rows of N float32 numbers. Sums are in float32, in 32 parts that are added
// as a tree, and in float64 where they would overflow.
type NormRows struct {
	Y, X        []float32 // rows, one behind the other
	Skip, Sum   []float32 // if they are there, X + Skip is normalized, and kept in Sum
	Scale, Bias []float32 // of N numbers; Bias may be nil
	Mean, Inv   []float32 // of each row, if they are there: the mean and 1/√(variance + Epsilon); without Skip only
	N           int
	Epsilon     float32
	RMS         bool // y = x·scale/√(mean of x² + ε) instead of (x − mean)·scale/√(variance + ε) + bias; without Bias, Mean and Inv
}

// cut is the normalization of the rows lo to hi-1.
func (r *NormRows) cut(lo, hi int) NormRows {
	c := *r
	part := func(x []float32, n int) []float32 {
		if x == nil {
			return nil
		}
		return x[lo*n : hi*n]
	}
	c.Y, c.X, c.Skip, c.Sum = part(r.Y, r.N), part(r.X, r.N), part(r.Skip, r.N), part(r.Sum, r.N)
	c.Mean, c.Inv = part(r.Mean, 1), part(r.Inv, 1)
	return c
}

// Run normalizes the rows lo to hi-1.
func (r *NormRows) Run(lo, hi int) {
	if r.N == 0 {
		return
	}
	for lo < hi {
		c := r.cut(lo, hi)
		lo = hi - normRows(&c, hi-lo)
		if lo < hi { // the sums of the next row want float64
			c = r.cut(lo, lo+1)
			if c.Skip != nil {
				c.X, c.Skip = c.Sum, nil
			}
			normRowsGo(&c, 1)
			lo++
		}
	}
}

func normRowsGo(r *NormRows, rows int) {
	for i := range rows {
		at, end := i*r.N, (i+1)*r.N
		x := r.X[at:end]
		if r.Skip != nil {
			Add(r.Sum[at:end], x, r.Skip[at:end], 1, 1)
			x = r.Sum[at:end]
		}
		if r.RMS {
			RMSNorm(r.Y[at:end], x, r.Scale, float64(r.Epsilon))
			continue
		}
		mean, inv := LayerNorm(r.Y[at:end], x, r.Scale, r.Bias, float64(r.Epsilon))
		if r.Mean != nil {
			r.Mean[i] = float32(mean)
		}
		if r.Inv != nil {
			r.Inv[i] = float32(inv)
		}
	}
}

// SoftmaxRows writes exp(x - top) / Σ exp(x - top), top the largest x, for rows of n numbers.
func SoftmaxRows(y, x []float32, n int) {
	if n > 0 && len(x) >= n {
		softmaxRows(y[:len(x)], x, len(x)/n, n)
	}
}

func softmaxRowsGo(y, x []float32, rows, n int) {
	for i := range rows {
		Softmax(y, x, i*n, n, 1)
	}
}

// LogSoftmaxRows writes x - top - ln Σ exp(x - top), top the largest x, for rows of n numbers.
func LogSoftmaxRows(y, x []float32, n int) {
	if n > 0 && len(x) >= n {
		logSoftmaxRows(y[:len(x)], x, len(x)/n, n)
	}
}

func logSoftmaxRowsGo(y, x []float32, rows, n int) {
	for i := range rows {
		LogSoftmax(y, x, i*n, n, 1)
	}
}

// SoftmaxCols is the softmax down each of cols columns of n numbers that are stride apart, stride >= cols.
func SoftmaxCols(y, x []float32, n, stride, cols int) {
	if n > 0 && cols > 0 {
		end := (n-1)*stride + cols
		softmaxCols(y[:end], x[:end], n, stride, cols)
	}
}

func softmaxColsGo(y, x []float32, n, stride, cols int) {
	for j := range cols {
		Softmax(y, x, j, n, stride)
	}
}

// Sum32 is Σ x, in float64.
func Sum32(x []float32) float64 {
	if len(x) == 0 {
		return 0
	}
	return sum32(x)
}

// Deviation32 is Σ (x - mean)², in float64.
func Deviation32(x []float32, mean float64) float64 {
	if len(x) == 0 {
		return 0
	}
	return deviation32(x, mean)
}

// Max32 and Min32 are the largest and the smallest x, -Inf and +Inf of none, NaN when one is.
func Max32(x []float32) float32 {
	if len(x) == 0 {
		return float32(math.Inf(-1))
	}
	return maxRow32(x)
}

// Min32 is described at [Max32].
func Min32(x []float32) float32 {
	if len(x) == 0 {
		return float32(math.Inf(1))
	}
	return minRow32(x)
}

func maxRow32Go(x []float32) float32 { return maxRow(float32(math.Inf(-1)), x) }
func minRow32Go(x []float32) float32 { return minRow(float32(math.Inf(1)), x) }

// Affine32 writes (x - mean)·scale + bias.
func Affine32(y, x []float32, mean, scale, bias float32) {
	if len(x) > 0 {
		affine32(y[:len(x)], x, mean, scale, bias)
	}
}

// addWideGo adds x[i] to acc[i].
func addWideGo(acc []float64, x []float32) {
	for i, v := range x {
		acc[i] += float64(v)
	}
}

// ReductionOfFloat32 is [ReductionOf] float32 with the sums and extremes of rows by vector instructions, and sums down columns.
func ReductionOfFloat32(kind ReduceKind) Reduction[float32, float64] {
	r := ReductionOf[float32, float64](kind)
	switch kind {
	case ReduceSum, ReduceMean, ReduceLogSum:
		r.Row, r.Cols = func(acc float64, x []float32) float64 { return acc + Sum32(x) }, addWide
	case ReduceL2, ReduceSumSquare:
		r.Row = func(acc float64, x []float32) float64 { return acc + Deviation32(x, 0) }
	case ReduceMax:
		r.Row = func(acc float64, x []float32) float64 { return max(acc, float64(Max32(x))) } // NaN wins
	case ReduceMin:
		r.Row = func(acc float64, x []float32) float64 { return min(acc, float64(Min32(x))) }
	}
	return r
}
