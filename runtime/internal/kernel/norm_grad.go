package kernel

// Covariance is Σ g·(x - mean), in float64.
func Covariance[T float32 | float64](g, x []T, mean float64) float64 {
	var a, b, c, d float64
	g = g[:len(x)]
	for ; len(x) >= 4 && len(g) >= 4; x, g = x[4:], g[4:] {
		a += float64(g[0]) * (float64(x[0]) - mean)
		b += float64(g[1]) * (float64(x[1]) - mean)
		c += float64(g[2]) * (float64(x[2]) - mean)
		d += float64(g[3]) * (float64(x[3]) - mean)
	}
	for i, v := range x {
		a += float64(g[i]) * (float64(v) - mean)
	}
	return a + b + (c + d)
}

// NormGrad writes dx = g·scale + (x - mean)·slope + shift.
func NormGrad[T float32 | float64](dx, g, x []T, mean, scale, slope, shift T) {
	g, dx = g[:len(x)], dx[:len(x)]
	if dx, ok := any(dx).([]float32); ok && len(x) >= 64 { // shorter rows are not worth three calls
		normGrad32(dx, any(g).([]float32), any(x).([]float32), float32(mean), float32(scale), float32(slope), float32(shift))
		return
	}
	for i, v := range x {
		dx[i] = T(g[i]*scale) + (T((v-mean)*slope) + shift)
	}
}

// normGrad32 is NormGrad in pieces that stay in the first-level cache between its three steps.
func normGrad32(dx, g, x []float32, mean, scale, slope, shift float32) {
	var part [256]float32
	for len(x) > 0 {
		n := min(len(x), len(part))
		Affine32(dx[:n], x[:n], mean, slope, shift)
		BinMul.Apply(part[:n], Operand{Data: g, Row: n, Step: 1}, Operand{Data: []float32{scale}}, 1, n)
		BinAdd.Apply(dx[:n], Operand{Data: part[:], Row: n, Step: 1}, Operand{Data: dx, Row: n, Step: 1}, 1, n)
		dx, g, x = dx[n:], g[n:], x[n:]
	}
}
