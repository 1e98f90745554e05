//go:build !noasm

package kernel

// rotateVec is rotateGo by vector instructions; n > 0. Its products are not rounded before their difference.
func rotateVec(y, x, cos, sin []float32, n, off int) bool {
	switch {
	case useAVX512:
		asmRotate512(&y[0], &x[0], &cos[0], &sin[0], n, off)
	case useAVX2:
		asmRotate2(&y[0], &x[0], &cos[0], &sin[0], n, off)
	default:
		return false
	}
	return true
}
