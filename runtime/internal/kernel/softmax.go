package kernel

import "math"

// Softmax writes exp(x-max) / sum(exp(x-max)) for the n elements at start, start+stride, …; y may be x.
func Softmax[T float32 | float64](y, x []T, start, n, stride int) {
	top := T(math.Inf(-1))
	for i, k := 0, start; i < n; i, k = i+1, k+stride {
		if v := x[k]; v > top || v != v {
			top = v
		}
	}
	var sum T
	for i, k := 0, start; i < n; i, k = i+1, k+stride {
		e := T(math.Exp(float64(x[k] - top)))
		y[k] = e
		sum += e
	}
	for i, k := 0, start; i < n; i, k = i+1, k+stride {
		y[k] /= sum
	}
}

// LogSoftmax writes x-max - log(sum(exp(x-max))) for the n elements at start, start+stride, …; y may be x.
func LogSoftmax[T float32 | float64](y, x []T, start, n, stride int) {
	top := T(math.Inf(-1))
	for i, k := 0, start; i < n; i, k = i+1, k+stride {
		if v := x[k]; v > top || v != v {
			top = v
		}
	}
	var sum float64
	for i, k := 0, start; i < n; i, k = i+1, k+stride {
		sum += math.Exp(float64(x[k] - top))
	}
	shift := T(math.Log(sum))
	for i, k := 0, start; i < n; i, k = i+1, k+stride {
		y[k] = x[k] - top - shift
	}
}
