//go:build !amd64 || noasm

package kernel

func compareVec(how compareKind, y []bool, a, b []float32, sa, sb int) int { return 0 }

func whereVec(z []uint32, cond []bool, x, y []uint32, sx, sy int) int { return 0 }
