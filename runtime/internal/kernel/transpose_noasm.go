//go:build !amd64 || noasm

package kernel

func transposeTile(to, from []uint32, na, nb, ldTo, ldFrom int) bool  { return false }
func copyShortRows(to, from []uint32, rows, n, ldTo, ldFrom int) bool { return false }
