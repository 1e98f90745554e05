//go:build !noasm

package kernel

func block16(dst, src []float32, c, plane, n int) {
	switch {
	case useAVX512:
		asmBlock512(&dst[0], &src[0], c, plane, n)
	case useAVX2 && n >= 8:
		blockHalf2(dst, src, c, plane, n)
		if c > 8 {
			src = src[8*plane:]
		}
		blockHalf2(dst[8:], src, c-8, plane, n)
	default:
		block16Go(dst, src, c, plane, n)
	}
}

func unblock16(dst, src []float32, c, plane, n int) {
	switch {
	case useAVX512:
		asmUnblock512(&dst[0], &src[0], c, plane, n)
	case useAVX2 && n >= 8:
		unblockHalf2(dst, src, c, plane, n)
		if c > 8 {
			unblockHalf2(dst[8*plane:], src[8:], c-8, plane, n)
		}
	default:
		unblock16Go(dst, src, c, plane, n)
	}
}

// blockHalf2 does the first 8 lanes of n ≥ 8 pixels. The last vector goes back to end at the last pixel.
func blockHalf2(dst, src []float32, c, plane, n int) {
	asmBlock2(&dst[0], &src[0], c, plane, n&^7)
	if n&7 != 0 {
		asmBlock2(&dst[16*(n-8)], &src[n-8], c, plane, 8)
	}
}

func unblockHalf2(dst, src []float32, c, plane, n int) {
	asmUnblock2(&dst[0], &src[0], c, plane, n&^7)
	if n&7 != 0 {
		asmUnblock2(&dst[n-8], &src[16*(n-8)], c, plane, 8)
	}
}
