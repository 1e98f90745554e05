package kernel

// Hardmax writes 1 at the first largest of the n elements at start, start+stride, … and 0 elsewhere; a NaN counts as largest. y may be x.
func Hardmax[T float32 | float64](y, x []T, start, n, stride int) {
	top := start
	for i, k := 0, start; i < n; i, k = i+1, k+stride {
		if x[k] > x[top] || x[k] != x[k] && x[top] == x[top] {
			top = k
		}
	}
	for i, k := 0, start; i < n; i, k = i+1, k+stride {
		y[k] = 0
	}
	if n > 0 {
		y[top] = 1
	}
}
