package kernel

import "math"

// Each is the loop y[i] = f(x[i]), computed in float64.
func Each[T float32 | float64](f func(float64) float64) func(y, x []T) {
	return func(y, x []T) {
		for i, v := range x {
			y[i] = T(f(float64(v)))
		}
	}
}

// Sigmoid is 1 / (1 + exp(−x)).
func Sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// Softplus is ln(1 + exp(x)), without overflow.
func Softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
