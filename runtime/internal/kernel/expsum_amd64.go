//go:build !noasm

package kernel

func expSum(dst, src []float32, shift float32, sums *[16]float32) {
	switch {
	case useAVX512:
		asmExpSum512(&dst[0], &src[0], len(src), shift, &sums[0])
	case useAVX2:
		asmExpSum2(&dst[0], &src[0], len(src), shift, &sums[0])
	default:
		expSumGo(dst, src, shift, sums)
	}
}
