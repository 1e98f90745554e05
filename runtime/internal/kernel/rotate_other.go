//go:build !amd64 || noasm

package kernel

func rotateVec(y, x, cos, sin []float32, n, off int) bool { return false }
