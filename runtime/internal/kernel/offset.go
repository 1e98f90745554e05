package kernel

// Offset writes x[i] - zero[i/every%len(zero)], the numbers that quantized values stand for but for their scale: with one zero point
// for all, or one for each run of every elements in turn.
func Offset[T int8 | uint8](y []int32, x, zero []T, every int) {
	if len(zero) == 1 {
		z := int32(zero[0])
		for i, v := range x {
			y[i] = int32(v) - z
		}
		return
	}
	for at := 0; len(x) > 0; at = (at + 1) % len(zero) {
		n := min(every, len(x))
		z := int32(zero[at])
		for i, v := range x[:n] {
			y[i] = int32(v) - z
		}
		x, y = x[n:], y[n:]
	}
}
