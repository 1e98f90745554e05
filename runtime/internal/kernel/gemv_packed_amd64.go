//go:build !noasm

package kernel

// gemvFour multiplies a by four panels of b that follow one another, and reports whether it can. It adds to c if add is set.
func gemvFour(c, a, b []float32, add bool) bool {
	if len(a) == 0 {
		return false
	}
	plus := 0
	if add {
		plus = 1
	}
	switch {
	case useAVX512:
		asmGemv512(len(a), &a[0], &b[0], len(b), &c[0], plus) // a panel has len(b)/4 numbers of 4 bytes
	case useAVX2:
		asmGemv2(len(a), &a[0], &b[0], len(b), &c[0], plus)
	default:
		return false
	}
	return true
}
