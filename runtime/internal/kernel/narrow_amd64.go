//go:build !noasm

package kernel

func narrowRows(c []float32, ldc int, a []float32, lda int, b []float32, bias *[NarrowColumns]float32, k, rows int) {
	if rows == 0 {
		return
	}
	if !useAVX2 {
		narrowRowsGo(c, ldc, a, lda, b, bias, k, rows)
		return
	}
	_, width := Panels(1)
	_, _, _ = a[(rows-1)*lda+k-1], b[(k-1)*width+NarrowColumns-1], c[(rows-1)*ldc+NarrowColumns-1]
	asmNarrow2(rows, k, &a[0], 4*lda, &b[0], 4*width, &bias[0], &c[0], 4*ldc)
}
