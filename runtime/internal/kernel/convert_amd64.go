//go:build !noasm

package kernel

// Conversions by vector instructions take whole blocks of 16 numbers, and return how many they took; bits are those of the plain loops, which do the rest.

func widenVec(dst []float32, src []uint16, b bool) int {
	n := len(src) &^ 15
	switch {
	case n == 0 || !useAVX2:
		return 0
	case useAVX512 && b:
		asmWidenBFloat512(&dst[0], &src[0], n)
	case useAVX512:
		asmWidenHalf512(&dst[0], &src[0], n)
	case b:
		asmWidenBFloat2(&dst[0], &src[0], n)
	default:
		asmWidenHalf2(&dst[0], &src[0], n)
	}
	return n
}

func narrowVec(dst []uint16, src []float32, b bool) int {
	n := len(src) &^ 15
	switch {
	case n == 0 || !useAVX2:
		return 0
	case useAVX512 && b:
		asmNarrowBFloat512(&dst[0], &src[0], n)
	case useAVX512:
		asmNarrowHalf512(&dst[0], &src[0], n)
	case b:
		asmNarrowBFloat2(&dst[0], &src[0], n)
	default:
		asmNarrowHalf2(&dst[0], &src[0], n)
	}
	return n
}

func intsToFloatsVec(dst []float32, src []int32) int {
	n := len(src) &^ 15
	switch {
	case n == 0 || !useAVX2:
		return 0
	case useAVX512:
		asmIntsToFloats512(&dst[0], &src[0], n)
	default:
		asmIntsToFloats2(&dst[0], &src[0], n)
	}
	return n
}

func floatsToIntsVec(dst []int32, src []float32) int {
	n := len(src) &^ 15
	switch {
	case n == 0 || !useAVX2:
		return 0
	case useAVX512:
		asmFloatsToInts512(&dst[0], &src[0], n)
	default:
		asmFloatsToInts2(&dst[0], &src[0], n)
	}
	return n
}

func longsToFloatsVec(dst []float32, src []int64) int {
	n := len(src) &^ 15
	if n == 0 || !useAVX512 {
		return 0
	}
	asmLongsToFloats512(&dst[0], &src[0], n)
	return n
}

func floatsToLongsVec(dst []int64, src []float32) int {
	n := len(src) &^ 15
	if n == 0 || !useAVX512 {
		return 0
	}
	asmFloatsToLongs512(&dst[0], &src[0], n)
	return n
}
