//go:build !amd64 || noasm

package kernel

func applyVec(op Binary, dst []float32, a, b Operand, rows, n int) bool { return false }
