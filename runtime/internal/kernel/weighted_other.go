//go:build !amd64 || noasm

package kernel

func weightedVec(y, a, b []float32, wa, wb float32) bool { return false }
