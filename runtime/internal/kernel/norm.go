package kernel

import "math"

// Sum adds in float64, in four interleaved sums.
func Sum[T float32 | float64](x []T) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += float64(x[0])
		b += float64(x[1])
		c += float64(x[2])
		d += float64(x[3])
	}
	for _, v := range x {
		a += float64(v)
	}
	return a + b + (c + d)
}

// Deviation is Σ (x - mean)², in float64.
func Deviation[T float32 | float64](x []T, mean float64) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		p, q, r, s := float64(x[0])-mean, float64(x[1])-mean, float64(x[2])-mean, float64(x[3])-mean
		a += p * p
		b += q * q
		c += r * r
		d += s * s
	}
	for _, v := range x {
		p := float64(v) - mean
		a += p * p
	}
	return a + b + (c + d)
}

// Moments are the mean and the variance (over n, not n-1) of x; NaN when x is empty.
func Moments[T float32 | float64](x []T) (mean, variance float64) {
	n := float64(len(x))
	mean = Sum(x) / n
	return mean, Deviation(x, mean) / n
}

// Affine writes (x - mean)·scale + bias.
func Affine[T float32 | float64](y, x []T, mean, scale, bias T) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = (v-mean)*scale + bias
	}
}

// LayerNorm writes (x - mean)/sqrt(variance + epsilon)·scale + bias and returns the mean and the factor 1/sqrt(variance + epsilon); a nil bias is 0.
func LayerNorm[T float32 | float64](y, x, scale, bias []T, epsilon float64) (mean, inv float64) {
	mean, variance := Moments(x)
	inv = 1 / math.Sqrt(variance+epsilon)
	m, s := T(mean), T(inv)
	y, scale = y[:len(x)], scale[:len(x)]
	if bias == nil {
		for i, v := range x {
			y[i] = (v - m) * s * scale[i]
		}
		return mean, inv
	}
	bias = bias[:len(x)]
	for i, v := range x {
		y[i] = (v-m)*s*scale[i] + bias[i]
	}
	return mean, inv
}

// RMSNorm writes x/sqrt(mean(x²) + epsilon)·scale.
func RMSNorm[V, T float32 | float64](y []V, x []T, scale []V, epsilon float64) {
	s := T(1 / math.Sqrt(Deviation(x, 0)/float64(len(x))+epsilon))
	y, scale = y[:len(x)], scale[:len(x)]
	for i, v := range x {
		y[i] = V(v*s) * scale[i]
	}
}
