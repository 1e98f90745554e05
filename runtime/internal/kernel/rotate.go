package kernel

// RotateHalves turns the pairs (x[i], x[i+n]), n = len(x)/2, by angles of which it gets the cosines and sines; y may be x. The second member of a
// pair reads them off elements behind the first one's: 0 where both share them, n where they have their own.
//
//	y[i] = x[i]*cos[i] - x[i+n]*sin[i]
//	y[i+n] = x[i+n]*cos[i+off] + x[i]*sin[i+off]
func RotateHalves(y, x, cos, sin []float32, off int) {
	n := len(x) / 2
	if n == 0 {
		return
	}
	y, x, cos, sin = y[:2*n], x[:2*n], cos[:n+off], sin[:n+off]
	if !rotateVec(y, x, cos, sin, n, off) {
		rotateGo(y, x, cos, sin, n, off)
	}
}

func rotateGo(y, x, cos, sin []float32, n, off int) {
	y0, y1, x0, x1 := y[:n], y[n:][:n], x[:n], x[n:][:n]
	c0, c1, s0, s1 := cos[:n], cos[off:][:n], sin[:n], sin[off:][:n]
	for i, a := range x0 {
		b := x1[i]
		y0[i] = float32(a*c0[i]) - float32(b*s0[i])
		y1[i] = float32(b*c1[i]) + float32(a*s1[i])
	}
}

// RotatePairs is RotateHalves for the pairs (x[2i], x[2i+1]), n = len(cos), which share cosine and sine.
func RotatePairs(y, x, cos, sin []float32) {
	for i, c := range cos {
		a, b, s := x[2*i], x[2*i+1], sin[i]
		y[2*i] = float32(a*c) - float32(b*s)
		y[2*i+1] = float32(a*s) + float32(b*c)
	}
}
