//go:build !amd64 || noasm

package kernel

func gemvFour(c, a, b []float32, add bool) bool { return false }
