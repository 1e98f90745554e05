package kernel

// RotateHalves turns the pairs (x[i], x[i+n]), n = len(cos), by the angles whose cosines and sines are given; y may be x.
//
//	y[i] = x[i]*cos[i] - x[i+n]*sin[i]
//	y[i+n] = x[i]*sin[i] + x[i+n]*cos[i]
func RotateHalves(y, x, cos, sin []float32) {
	n := len(cos)
	y0, y1, x0, x1 := y[:n], y[n:][:n], x[:n], x[n:][:n]
	sin = sin[:n]
	for i, c := range cos {
		a, b, s := x0[i], x1[i], sin[i]
		y0[i] = float32(a*c) - float32(b*s)
		y1[i] = float32(a*s) + float32(b*c)
	}
}

// RotatePairs is RotateHalves for the pairs (x[2i], x[2i+1]).
func RotatePairs(y, x, cos, sin []float32) {
	for i, c := range cos {
		a, b, s := x[2*i], x[2*i+1], sin[i]
		y[2*i] = float32(a*c) - float32(b*s)
		y[2*i+1] = float32(a*s) + float32(b*c)
	}
}
