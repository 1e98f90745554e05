//go:build !noasm

package kernel

func weightedVec(y, a, b []float32, wa, wb float32) bool {
	switch {
	case len(y) == 0:
	case useAVX512:
		asmWeighted512(&y[0], &a[0], &b[0], len(y), wa, wb)
	case useAVX2:
		asmWeighted2(&y[0], &a[0], &b[0], len(y), wa, wb)
	default:
		return false
	}
	return true
}
