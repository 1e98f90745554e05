package kernel

import "math"

// Pow writes x[i·sx] to the power of y[i·sy], computed in float64; integers are cut toward zero.
func Pow[T, E Arith](z, x []T, y []E, sx, sy int) {
	if sy == 0 && float64(y[0]) == 2 { // by far the most frequent exponent
		for i := range z {
			v := x[i*sx]
			z[i] = v * v
		}
		return
	}
	half := 0.5
	whole := T(half) == 0 // a type without fractions
	for i := range z {
		p := math.Pow(float64(x[i*sx]), float64(y[i*sy]))
		if whole {
			z[i] = toInt[T](p)
		} else {
			z[i] = T(p)
		}
	}
}

// PowInt is Pow for integers: exact, with wrap-around. A negative exponent leaves only powers of 1 and −1.
func PowInt[T, E Arith](z, x []T, y []E, sx, sy int) {
	for i := range z {
		z[i] = intPow(x[i*sx], int64(y[i*sy]))
	}
}

func intPow[T Arith](x T, e int64) T {
	if e < 0 {
		switch {
		case x == 1 || x+1 == 0 && e%2 == 0:
			return 1
		case x+1 == 0:
			return x
		}
		return 0
	}
	y := T(1)
	for ; e > 0; e >>= 1 {
		if e&1 != 0 {
			y *= x
		}
		x *= x
	}
	return y
}
