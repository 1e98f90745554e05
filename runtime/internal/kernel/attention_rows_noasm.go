//go:build !amd64 || noasm

package kernel

func addScores(s []float32, scale float32, bias, mask []float32) float32 {
	return addScoresGo(s, scale, bias, mask)
}

// DotRows sets dst[j] to the product of q and row j of k; rows are ldk elements apart.
func DotRows(dst, q, k []float32, ldk int) { dotRowsGo(dst, q, k, ldk) }

// AddRows adds p[j] times row j of v to y; rows are ldv elements apart.
func AddRows(y, p, v []float32, ldv int) { addRowsGo(y, p, v, ldv) }

// ScaleRows multiplies each of len(f) rows of n elements, ld elements apart, with its own factor.
func ScaleRows(y []float32, n, ld int, f []float32) { scaleRowsGo(y, n, ld, f) }
