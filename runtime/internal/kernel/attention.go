package kernel

import "math"

// Softcap replaces x by limit * tanh(x/limit).
func Softcap[T float32 | float64](x []T, limit T) {
	for i, v := range x {
		x[i] = limit * T(math.Tanh(float64(v/limit)))
	}
}

// AddMask adds mask[i], if there is a mask, to row[i] for from <= i < to and sets the other elements to -Inf, also
// where the mask is -Inf. It reports whether any element is something else afterwards.
func AddMask[T float32 | float64](row, mask []T, from, to int) bool {
	none := T(math.Inf(-1))
	for i := range row[:from] {
		row[i] = none
	}
	for i := to; i < len(row); i++ {
		row[i] = none
	}
	seen := false
	for i := from; i < to; i++ {
		if mask != nil {
			if mask[i] == none {
				row[i] = none
				continue
			}
			row[i] += mask[i]
		}
		seen = seen || row[i] != none
	}
	return seen
}
