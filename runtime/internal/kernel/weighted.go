package kernel

// WeightedSum writes wa·a[i] + wb·b[i] to y[i]; y may be a or b.
func WeightedSum[T float32 | float64](y, a, b []T, wa, wb T) {
	a, b = a[:len(y)], b[:len(y)]
	if f, ok := any(y).([]float32); ok && weightedVec(f, any(a).([]float32), any(b).([]float32), float32(wa), float32(wb)) {
		return
	}
	for i := range y {
		y[i] = T(wa*a[i]) + T(wb*b[i])
	}
}
