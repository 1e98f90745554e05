// Package kernel holds the inner loops: pure functions of slices that allocate nothing, start no goroutine and know
// nothing of graphs. It is the only place where an instruction set has a name.
package kernel

import (
	"math"

	"github.com/x448/float16"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Widen converts float16 bits, or bfloat16 bits when b is set, to float32.
func Widen(dst []float32, src []uint16, b bool) {
	dst = dst[:len(src)]
	n := widenVec(dst, src, b)
	widenGo(dst[n:], src[n:], b)
}

// Narrow rounds float32 to float16 bits, or bfloat16 bits when b is set, to nearest, ties to even.
func Narrow(dst []uint16, src []float32, b bool) {
	dst = dst[:len(src)]
	n := narrowVec(dst, src, b)
	narrowGo(dst[n:], src[n:], b)
}

func widenGo(dst []float32, src []uint16, b bool) {
	if b {
		for i, v := range src {
			dst[i] = math.Float32frombits(uint32(v) << 16)
		}
		return
	}
	for i, v := range src {
		dst[i] = float16.Frombits(v).Float32()
	}
}

func narrowGo(dst []uint16, src []float32, b bool) {
	if b {
		for i, v := range src {
			dst[i] = tensor.BFloat16Bits(v)
		}
		return
	}
	for i, v := range src {
		dst[i] = float16.Fromfloat32(v).Bits()
	}
}
