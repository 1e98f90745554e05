package kernel

import "math"

// SoftmaxScores turns a row of scores into exp(t − max), with t = s·scale + bias + mask, where these are not nil, and returns their sum. The sum
// is NaN when a t is NaN, and when all are -Inf, which empty tells apart.
func SoftmaxScores(s []float32, scale float32, bias, mask []float32) (sum float32, empty bool) {
	top := addScores(s, scale, bias, mask)
	if top == float32(math.Inf(-1)) {
		empty = true
		for _, v := range s {
			empty = empty && v == v
		}
	}
	return ExpSum(s, s, top), empty
}

// addScoresGo replaces each score s by s·scale + bias + mask and returns the largest, leaving NaN aside.
func addScoresGo(s []float32, scale float32, bias, mask []float32) float32 {
	top := float32(math.Inf(-1))
	for i, v := range s {
		v *= scale
		if bias != nil {
			v += bias[i]
		}
		if mask != nil {
			v += mask[i]
		}
		if s[i] = v; v > top {
			top = v
		}
	}
	return top
}

// scaleRowsGo multiplies each of the rows of n elements, ld elements apart, with its own factor.
func scaleRowsGo(y []float32, n, ld int, f []float32) {
	for r, f := range f {
		row := y[r*ld:][:n]
		for i := range row {
			row[i] *= f
		}
	}
}

// dotRowsGo: dst[j] is the product of q and row j of k, rows ldk elements apart. Element i goes to part i%16 of
// the sum, and the parts are added in halves: i+8 to i, then i+4, i+2 and i+1.
func dotRowsGo(dst, q, k []float32, ldk int) {
	for j := range dst {
		var sum [16]float32
		for i, v := range k[j*ldk:][:len(q)] {
			sum[i%16] = float32(math.FMA(float64(q[i]), float64(v), float64(sum[i%16])))
		}
		for n := 8; n > 0; n /= 2 {
			for i := range n {
				sum[i] += sum[i+n]
			}
		}
		dst[j] = sum[0]
	}
}

// addRowsGo adds p[j] times row j of v to y, in the order of the rows, which are ldv elements apart.
func addRowsGo(y, p, v []float32, ldv int) {
	for j, f := range p {
		for i, x := range v[j*ldv:][:len(y)] {
			y[i] = float32(math.FMA(float64(f), float64(x), float64(y[i])))
		}
	}
}
