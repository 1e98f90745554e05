package kernel

import "math"

// Arith is the types of arithmetic.
type Arith = Numeric

// Integer is the integers among them.
type Integer interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// Add writes y[i] = a[i·sa] + b[i·sb]; so do the others with their operation. y may be a or b where the step is 1.
func Add[T Arith](y, a, b []T, sa, sb int) {
	switch {
	case sa == 1 && sb == 1:
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] + b[i]
		}
	case sa == 1 && sb == 0:
		a, v := a[:len(y)], b[0]
		for i := range y {
			y[i] = a[i] + v
		}
	default:
		for i := range y {
			y[i] = a[i*sa] + b[i*sb]
		}
	}
}

// Sub is a − b.
func Sub[T Arith](y, a, b []T, sa, sb int) {
	switch {
	case sa == 1 && sb == 1:
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] - b[i]
		}
	case sa == 1 && sb == 0:
		a, v := a[:len(y)], b[0]
		for i := range y {
			y[i] = a[i] - v
		}
	default:
		for i := range y {
			y[i] = a[i*sa] - b[i*sb]
		}
	}
}

// Mul is a · b.
func Mul[T Arith](y, a, b []T, sa, sb int) {
	switch {
	case sa == 1 && sb == 1:
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] * b[i]
		}
	case sa == 1 && sb == 0:
		a, v := a[:len(y)], b[0]
		for i := range y {
			y[i] = a[i] * v
		}
	default:
		for i := range y {
			y[i] = a[i*sa] * b[i*sb]
		}
	}
}

// DivFloat is a / b.
func DivFloat[T float32 | float64](y, a, b []T, sa, sb int) {
	switch {
	case sa == 1 && sb == 1:
		a, b = a[:len(y)], b[:len(y)]
		for i := range y {
			y[i] = a[i] / b[i]
		}
	case sa == 1 && sb == 0:
		a, v := a[:len(y)], b[0]
		for i := range y {
			y[i] = a[i] / v
		}
	default:
		for i := range y {
			y[i] = a[i*sa] / b[i*sb]
		}
	}
}

// DivInt is a / b cut toward zero, and 0 where b is 0.
func DivInt[T Integer](y, a, b []T, sa, sb int) {
	for i := range y {
		if d := b[i*sb]; d != 0 {
			y[i] = a[i*sa] / d
		} else {
			y[i] = 0
		}
	}
}

// Max is the larger of a and b; NaN wins.
func Max[T Arith](y, a, b []T, sa, sb int) {
	for i := range y {
		u, v := a[i*sa], b[i*sb]
		if v > u || v != v {
			u = v
		}
		y[i] = u
	}
}

// Min is the smaller of a and b; NaN wins.
func Min[T Arith](y, a, b []T, sa, sb int) {
	for i := range y {
		u, v := a[i*sa], b[i*sb]
		if v < u || v != v {
			u = v
		}
		y[i] = u
	}
}

// ModInt is the remainder with the sign of the divisor, 0 where b is 0.
func ModInt[T Integer](y, a, b []T, sa, sb int) {
	for i := range y {
		u, v := a[i*sa], b[i*sb]
		if v == 0 {
			y[i] = 0
			continue
		}
		r := u % v
		if r != 0 && (r < 0) != (v < 0) {
			r += v
		}
		y[i] = r
	}
}

// FmodInt is the remainder with the sign of the dividend, 0 where b is 0.
func FmodInt[T Integer](y, a, b []T, sa, sb int) {
	for i := range y {
		if v := b[i*sb]; v != 0 {
			y[i] = a[i*sa] % v
		} else {
			y[i] = 0
		}
	}
}

// FmodFloat is C's fmod.
func FmodFloat[T float32 | float64](y, a, b []T, sa, sb int) {
	for i := range y {
		y[i] = T(math.Mod(float64(a[i*sa]), float64(b[i*sb])))
	}
}

// ModFloat is the remainder with the sign of the divisor.
func ModFloat[T float32 | float64](y, a, b []T, sa, sb int) {
	for i := range y {
		u, v := float64(a[i*sa]), float64(b[i*sb])
		r := math.Mod(u, v)
		if r == 0 {
			r = math.Copysign(0, v)
		} else if (r < 0) != (v < 0) {
			r += v
		}
		y[i] = T(r)
	}
}

// PRelu is x where x ≥ 0, else slope · x.
func PRelu[T Arith](y, x, slope []T, sx, ss int) {
	for i := range y {
		v := x[i*sx]
		if v < 0 {
			v *= slope[i*ss]
		}
		y[i] = v
	}
}

// ShiftLeft moves bits left or right; a shift by the width or more leaves 0, or the sign.
func ShiftLeft[T Integer](y, a, b []T, sa, sb int) {
	for i := range y {
		y[i] = a[i*sa] << min(uint64(b[i*sb]), 64)
	}
}

// ShiftRight is ShiftLeft the other way.
func ShiftRight[T Integer](y, a, b []T, sa, sb int) {
	for i := range y {
		y[i] = a[i*sa] >> min(uint64(b[i*sb]), 64)
	}
}

// BitAnd, BitOr and BitXor work bit by bit.
func BitAnd[T Integer](y, a, b []T, sa, sb int) {
	for i := range y {
		y[i] = a[i*sa] & b[i*sb]
	}
}

// BitOr is a | b.
func BitOr[T Integer](y, a, b []T, sa, sb int) {
	for i := range y {
		y[i] = a[i*sa] | b[i*sb]
	}
}

// BitXor is a ^ b.
func BitXor[T Integer](y, a, b []T, sa, sb int) {
	for i := range y {
		y[i] = a[i*sa] ^ b[i*sb]
	}
}

// Less is a < b.
func Less[T Arith](y []bool, a, b []T, sa, sb int) {
	for i := range y {
		y[i] = a[i*sa] < b[i*sb]
	}
}

// LessOrEqual is a ≤ b.
func LessOrEqual[T Arith](y []bool, a, b []T, sa, sb int) {
	for i := range y {
		y[i] = a[i*sa] <= b[i*sb]
	}
}

// Greater is a > b.
func Greater[T Arith](y []bool, a, b []T, sa, sb int) {
	for i := range y {
		y[i] = a[i*sa] > b[i*sb]
	}
}

// GreaterOrEqual is a ≥ b.
func GreaterOrEqual[T Arith](y []bool, a, b []T, sa, sb int) {
	for i := range y {
		y[i] = a[i*sa] >= b[i*sb]
	}
}

// Equal is a = b.
func Equal[T comparable](y []bool, a, b []T, sa, sb int) {
	for i := range y {
		y[i] = a[i*sa] == b[i*sb]
	}
}
