package kernel

import "math"

// ExpSum is the loop dst[i] = exp(src[i] − shift), and the sum of what it writes; dst may be src. The sum does not depend on the tier but for the
// rounding of exp: element i is added to sum i%16, from the first to the last, and the sixteen sums in pairs that are 8, 4, 2 and 1 apart.
func ExpSum(dst, src []float32, shift float32) float32 {
	var sums [16]float32
	dst = dst[:len(src)]
	if len(src) > 0 {
		expSum(dst, src, shift, &sums)
	}
	for apart := 8; apart > 0; apart /= 2 {
		for i := range apart {
			sums[i] += sums[i+apart]
		}
	}
	return sums[0]
}

func expSumGo(dst, src []float32, shift float32, sums *[16]float32) {
	for i, v := range src {
		e := float32(math.Exp(float64(v - shift)))
		dst[i] = e
		sums[i%16] += e
	}
}
