//go:build !noasm

package kernel

// transposeTile writes to[a·ldTo + b] = from[b·ldFrom + a] for a < na and b < nb, both above 0, if there are instructions for it.
func transposeTile(to, from []uint32, na, nb, ldTo, ldFrom int) bool {
	if useAVX512 {
		asmTranspose512(&to[0], &from[0], na, nb, ldTo, ldFrom)
	} else if useAVX2 {
		asmTranspose2(&to[0], &from[0], na, nb, ldTo, ldFrom)
	}
	return useAVX2
}

// copyShortRows copies rows of n elements, ldTo and ldFrom elements apart, if there are instructions for it.
func copyShortRows(to, from []uint32, rows, n, ldTo, ldFrom int) bool {
	switch {
	case useAVX512 && n >= 16:
		asmCopyRows512(&to[0], &from[0], rows, n, ldTo, ldFrom)
	case useAVX2 && n >= 8:
		asmCopyRows2(&to[0], &from[0], rows, n, ldTo, ldFrom)
	default:
		return false
	}
	return true
}
