//go:build !noasm

package kernel

import "unsafe"

func (s *MaxLanes) grad() {
	switch {
	case useAVX512:
		asmMaxLanesGrad512((*byte)(unsafe.Pointer(s)))
	case useAVX2:
		asmMaxLanesGrad2((*byte)(unsafe.Pointer(s)))
	default:
		maxLanesGo(s)
	}
}
