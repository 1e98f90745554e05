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

// LeakyRelu is x where x ≥ 0, else alpha·x.
func LeakyRelu[T float32 | float64](y, x []T, alpha, _ T) {
	for i, v := range x {
		if v < 0 {
			v *= alpha
		}
		y[i] = v
	}
}

// HardSigmoid is alpha·x + beta within 0 … 1.
func HardSigmoid[T float32 | float64](y, x []T, alpha, beta T) {
	for i, v := range x {
		y[i] = unit(T(alpha*v) + beta)
	}
}

// HardSwish is x·(alpha·x + beta), the second factor within 0 … 1.
func HardSwish[T float32 | float64](y, x []T, alpha, beta T) {
	for i, v := range x {
		y[i] = v * unit(T(alpha*v)+beta)
	}
}

// unit brings v into 0 … 1; NaN stays NaN.
func unit[T float32 | float64](v T) T {
	if v < 0 {
		return 0
	}
	if v > 1 {
		return 1
	}
	return v
}
