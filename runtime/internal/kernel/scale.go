package kernel

// Scale multiplies the elements of y by f. Integers are multiplied as float64 and rounded toward zero, unless f is a whole number.
func Scale[T Numeric](y []T, f float32) {
	t, exact := factor[T](f)
	if !exact {
		for i, v := range y {
			y[i] = toInt[T](float64(v) * float64(f))
		}
		return
	}
	for i := range y {
		y[i] *= t
	}
}

// AddScaled adds f * x[i*step] to y[i], with the rounding of Scale.
func AddScaled[T Numeric](y, x []T, step int, f float32) {
	t, exact := factor[T](f)
	switch {
	case !exact:
		for i := range y {
			y[i] += toInt[T](float64(x[i*step]) * float64(f))
		}
	case step == 1 && t == 1:
		for i, v := range x[:len(y)] {
			y[i] += v
		}
	default:
		for i := range y {
			y[i] += T(t * x[i*step])
		}
	}
}

// factor is f as a T, and whether products with it are those with f.
func factor[T Numeric](f float32) (T, bool) {
	if half := 0.5; T(half) != 0 { // a type of fractions
		return T(f), true
	}
	if f != f || f < -1<<31 || f >= 1<<31 {
		return 0, false
	}
	t := int64(f)
	return T(t), float32(t) == f
}

// toInt rounds toward zero and wraps around; what does not fit an int64 becomes its smallest value, as on amd64.
func toInt[T Numeric](v float64) T {
	if v >= -1<<63 && v < 1<<63 {
		return T(int64(v))
	}
	low := int64(-1 << 63)
	return T(low)
}
