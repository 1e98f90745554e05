//go:build !amd64 || noasm

package kernel

func addScores(s *Scores, top []float32) { addScoresGo(s, top) }

func expRows(s []float32, n, ld int, top []float32) { expRowsGo(s, n, ld, top) }

// DotRows sets dst[j] to the product of q and row j of k; rows are ldk elements apart.
func DotRows(dst, q, k []float32, ldk int) { dotRowsGo(dst, q, k, ldk) }

// AddRows adds p[j] times row j of v to y; rows are ldv elements apart.
func AddRows(y, p, v []float32, ldv int) { addRowsGo(y, p, v, ldv) }

// ScaleRows multiplies each of len(f) rows of n elements, ld elements apart, with its own factor.
func ScaleRows(y []float32, n, ld int, f []float32) { scaleRowsGo(y, n, ld, f) }
