//go:build !noasm

package kernel

func block16(dst, src []float32, c, plane, n int) {
	switch {
	case useAVX512:
		asmBlock512(&dst[0], &src[0], c, plane, n)
	case useAVX2 && c == 16 && n >= 8:
		whole := n &^ 7
		asmBlock2(&dst[0], &src[0], plane, whole)
		asmBlock2(&dst[8], &src[8*plane], plane, whole)
		if whole < n {
			block16Go(dst[16*whole:], src[whole:], c, plane, n-whole)
		}
	default:
		block16Go(dst, src, c, plane, n)
	}
}

func unblock16(dst, src []float32, c, plane, n int) {
	switch {
	case useAVX512:
		asmUnblock512(&dst[0], &src[0], c, plane, n)
	case useAVX2 && c == 16 && n >= 8:
		whole := n &^ 7
		asmUnblock2(&dst[0], &src[0], plane, whole)
		asmUnblock2(&dst[8*plane], &src[8], plane, whole)
		if whole < n {
			unblock16Go(dst[whole:], src[16*whole:], c, plane, n-whole)
		}
	default:
		unblock16Go(dst, src, c, plane, n)
	}
}
