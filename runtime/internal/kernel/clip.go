package kernel

// Clip is min(max(x, lo), hi); NaN stays NaN.
func Clip[T Arith](y, x []T, lo, hi T) {
	for i, v := range x {
		if v < lo {
			v = lo
		}
		if v > hi {
			v = hi
		}
		y[i] = v
	}
}
