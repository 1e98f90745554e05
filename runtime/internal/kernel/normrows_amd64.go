//go:build !noasm

package kernel

// first is the address of the first element, nil without one.
func first(x []float32) *float32 {
	if len(x) == 0 {
		return nil
	}
	return &x[0]
}

// normRows returns how many rows are left, the first of which has sums that are not finite in float32.
func normRows(r *NormRows, rows int) (left int) {
	if !useAVX2 {
		normRowsGo(r, rows)
		return 0
	}
	y, x, sum, skip, scale, bias, mean, inv := first(r.Y), first(r.X), first(r.Sum), first(r.Skip), first(r.Scale), first(r.Bias), first(r.Mean), first(r.Inv)
	switch {
	case r.RMS && skip != nil && useAVX512:
		return asmSkipRMSNorm512(y, sum, x, skip, scale, rows, r.N, r.Epsilon)
	case r.RMS && skip != nil:
		return asmSkipRMSNorm2(y, sum, x, skip, scale, rows, r.N, r.Epsilon)
	case r.RMS && useAVX512:
		return asmRMSNorm512(y, x, scale, rows, r.N, r.Epsilon)
	case r.RMS:
		return asmRMSNorm2(y, x, scale, rows, r.N, r.Epsilon)
	case skip != nil && useAVX512:
		return asmSkipLayerNorm512(y, sum, x, skip, scale, bias, rows, r.N, r.Epsilon)
	case skip != nil:
		return asmSkipLayerNorm2(y, sum, x, skip, scale, bias, rows, r.N, r.Epsilon)
	case useAVX512:
		return asmLayerNorm512(y, x, scale, bias, mean, inv, rows, r.N, r.Epsilon)
	}
	return asmLayerNorm2(y, x, scale, bias, mean, inv, rows, r.N, r.Epsilon)
}

func softmaxRows(y, x []float32, rows, n int) {
	if useAVX512 {
		asmSoftmax512(&y[0], &x[0], rows, n)
	} else if useAVX2 {
		asmSoftmax2(&y[0], &x[0], rows, n)
	} else {
		softmaxRowsGo(y, x, rows, n)
	}
}

func logSoftmaxRows(y, x []float32, rows, n int) {
	if useAVX512 {
		asmLogSoftmax512(&y[0], &x[0], rows, n)
	} else if useAVX2 {
		asmLogSoftmax2(&y[0], &x[0], rows, n)
	} else {
		logSoftmaxRowsGo(y, x, rows, n)
	}
}

func softmaxCols(y, x []float32, n, stride, cols int) {
	if useAVX512 {
		asmSoftmaxCols512(&y[0], &x[0], n, stride, cols)
	} else if useAVX2 {
		asmSoftmaxCols2(&y[0], &x[0], n, stride, cols)
	} else {
		softmaxColsGo(y, x, n, stride, cols)
	}
}

func sum32(x []float32) float64 {
	if useAVX512 {
		return asmSum512(&x[0], len(x))
	} else if useAVX2 {
		return asmSum2(&x[0], len(x))
	}
	return Sum(x)
}

func deviation32(x []float32, mean float64) float64 {
	if useAVX512 {
		return asmSquares512(&x[0], len(x), mean)
	} else if useAVX2 {
		return asmSquares2(&x[0], len(x), mean)
	}
	return Deviation(x, mean)
}

func maxRow32(x []float32) float32 {
	if useAVX512 {
		return asmMax512(&x[0], len(x))
	} else if useAVX2 {
		return asmMax2(&x[0], len(x))
	}
	return maxRow32Go(x)
}

func minRow32(x []float32) float32 {
	if useAVX512 {
		return asmMin512(&x[0], len(x))
	} else if useAVX2 {
		return asmMin2(&x[0], len(x))
	}
	return minRow32Go(x)
}

func affine32(y, x []float32, mean, scale, bias float32) {
	if useAVX512 {
		asmAffine512(&y[0], &x[0], len(x), mean, scale, bias)
	} else if useAVX2 {
		asmAffine2(&y[0], &x[0], len(x), mean, scale, bias)
	} else {
		Affine(y, x, mean, scale, bias)
	}
}

func addWide(acc []float64, x []float32) {
	n := len(x) &^ 7
	switch {
	case n > 0 && useAVX512:
		asmAddWide512(&acc[0], &x[0], n)
	case n > 0 && useAVX2:
		asmAddWide2(&acc[0], &x[0], n)
	default:
		n = 0
	}
	addWideGo(acc[n:], x[n:])
}
