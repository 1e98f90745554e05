//go:build !amd64 || noasm

package kernel

func block16(dst, src []float32, c, plane, n int)   { block16Go(dst, src, c, plane, n) }
func unblock16(dst, src []float32, c, plane, n int) { unblock16Go(dst, src, c, plane, n) }
