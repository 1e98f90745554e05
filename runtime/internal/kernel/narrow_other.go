//go:build !amd64 || noasm

package kernel

func narrowRows(c []float32, ldc int, a []float32, lda int, b []float32, bias *[NarrowColumns]float32, k, rows int) {
	narrowRowsGo(c, ldc, a, lda, b, bias, k, rows)
}
