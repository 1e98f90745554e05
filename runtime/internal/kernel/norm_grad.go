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
	for i, v := range x {
		dx[i] = g[i]*scale + (v-mean)*slope + shift
	}
}
