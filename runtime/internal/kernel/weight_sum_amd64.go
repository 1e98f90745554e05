//go:build !noasm

package kernel

import "unsafe"

func (s *WeightSum) run() {
	switch {
	case useAVX512:
		weightSum512((*byte)(unsafe.Pointer(s)), s.Rows)
	case useAVX2:
		for t := *s; t.Rows > 0; t.skip(4, 4) {
			weightSum2((*byte)(unsafe.Pointer(&t)), min(t.Rows, 4))
		}
	default:
		weightSumGo(s)
	}
}

func (s *WeightSum) runLanes() {
	if !useAVX2 {
		weightLanesGo(s)
		return
	}
	for t := *s; t.Rows > 0; t.skip(4, 4*16) {
		if useAVX512 {
			weightLanes512((*byte)(unsafe.Pointer(&t)), min(t.Rows, 4))
		} else {
			weightLanes2((*byte)(unsafe.Pointer(&t)), min(t.Rows, 4))
		}
	}
}

// skip goes on behind rows that have so many elements of S.
func (s *WeightSum) skip(rows, elements int) {
	if s.Rows -= rows; s.Rows > 0 {
		s.S, s.Sums = s.S[elements:], s.Sums[rows*s.Next:]
	}
}

func weightSum512(p *byte, rows int) {
	switch rows {
	case 1:
		asmWeightSum512R1(p)
	case 2:
		asmWeightSum512R2(p)
	case 3:
		asmWeightSum512R3(p)
	case 4:
		asmWeightSum512R4(p)
	case 5:
		asmWeightSum512R5(p)
	case 6:
		asmWeightSum512R6(p)
	case 7:
		asmWeightSum512R7(p)
	case 8:
		asmWeightSum512R8(p)
	case 9:
		asmWeightSum512R9(p)
	case 10:
		asmWeightSum512R10(p)
	case 11:
		asmWeightSum512R11(p)
	case 12:
		asmWeightSum512R12(p)
	case 13:
		asmWeightSum512R13(p)
	case 14:
		asmWeightSum512R14(p)
	case 15:
		asmWeightSum512R15(p)
	case 16:
		asmWeightSum512R16(p)
	}
}

func weightSum2(p *byte, rows int) {
	switch rows {
	case 1:
		asmWeightSum2R1(p)
	case 2:
		asmWeightSum2R2(p)
	case 3:
		asmWeightSum2R3(p)
	case 4:
		asmWeightSum2R4(p)
	}
}

func weightLanes512(p *byte, rows int) {
	switch rows {
	case 1:
		asmWeightLanes512R1(p)
	case 2:
		asmWeightLanes512R2(p)
	case 3:
		asmWeightLanes512R3(p)
	case 4:
		asmWeightLanes512R4(p)
	}
}

func weightLanes2(p *byte, rows int) {
	switch rows {
	case 1:
		asmWeightLanes2R1(p)
	case 2:
		asmWeightLanes2R2(p)
	case 3:
		asmWeightLanes2R3(p)
	case 4:
		asmWeightLanes2R4(p)
	}
}
