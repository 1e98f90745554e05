package kernel

import "math"

// AbsFloat is |x|, also of −0 and NaN.
func AbsFloat[T float32 | float64](y, x []T) {
	for i, v := range x {
		y[i] = T(math.Abs(float64(v)))
	}
}

// Abs is |x|.
func Abs[T Integer](y, x []T) {
	for i, v := range x {
		if v < 0 {
			v = -v
		}
		y[i] = v
	}
}

// Neg is −x.
func Neg[T Arith](y, x []T) {
	for i, v := range x {
		y[i] = -v
	}
}

// BitNot is ^x.
func BitNot[T Integer](y, x []T) {
	for i, v := range x {
		y[i] = ^v
	}
}

// Sign is −1, 0 or 1, or NaN.
func Sign[T Arith](y, x []T) {
	for i, v := range x {
		switch {
		case v > 0:
			v = 1
		case v < 0:
			v = 0
			v--
		}
		y[i] = v
	}
}

// ErfInt is the error function cut toward zero.
func ErfInt[T Integer](y, x []T) {
	for i, v := range x {
		y[i] = T(math.Erf(float64(v)))
	}
}

// Shrink is x + bias below −lambd, x − bias above lambd, and 0 between; integers are computed in float64 and cut toward zero.
func Shrink[T Arith](y, x []T, bias, lambd float64) {
	half := 0.5
	whole := T(half) == 0 // a type without fractions
	for i, t := range x {
		v := float64(t)
		switch {
		case v < -lambd:
			v += bias
		case v > lambd:
			v -= bias
		default:
			v = 0
		}
		if whole {
			y[i] = toInt[T](v)
		} else {
			y[i] = T(v)
		}
	}
}
