//go:build !noasm

package kernel

import "unsafe"

// spanTile is the most pixels of a tile, 0 without assembly.
func spanTile() int {
	switch {
	case useAVX512:
		return 14
	case useAVX2:
		return 6
	}
	return 0
}

// run computes s.tiles tiles of m pixels, at most spanTile.
func (s *ConvSpan) run(m int) {
	s.done = 0
	p := (*byte)(unsafe.Pointer(s))
	switch {
	case useAVX512 && s.Blocks == 2:
		switch m {
		case 1:
			asmConv512B2M1(p)
		case 2:
			asmConv512B2M2(p)
		case 3:
			asmConv512B2M3(p)
		case 4:
			asmConv512B2M4(p)
		case 5:
			asmConv512B2M5(p)
		case 6:
			asmConv512B2M6(p)
		case 7:
			asmConv512B2M7(p)
		case 8:
			asmConv512B2M8(p)
		case 9:
			asmConv512B2M9(p)
		case 10:
			asmConv512B2M10(p)
		case 11:
			asmConv512B2M11(p)
		case 12:
			asmConv512B2M12(p)
		case 13:
			asmConv512B2M13(p)
		case 14:
			asmConv512B2M14(p)
		}
	case useAVX512:
		switch m {
		case 1:
			asmConv512B1M1(p)
		case 2:
			asmConv512B1M2(p)
		case 3:
			asmConv512B1M3(p)
		case 4:
			asmConv512B1M4(p)
		case 5:
			asmConv512B1M5(p)
		case 6:
			asmConv512B1M6(p)
		case 7:
			asmConv512B1M7(p)
		case 8:
			asmConv512B1M8(p)
		case 9:
			asmConv512B1M9(p)
		case 10:
			asmConv512B1M10(p)
		case 11:
			asmConv512B1M11(p)
		case 12:
			asmConv512B1M12(p)
		case 13:
			asmConv512B1M13(p)
		case 14:
			asmConv512B1M14(p)
		}
	default:
		t := *s
		convTile2(p, m)
		if s.Blocks == 2 {
			t.W, t.Bias, t.Y = t.W[t.WNext:], t.Bias[16:], t.Y[t.YNext:]
			if t.R != nil {
				t.R = t.R[t.RNext:]
			}
			convTile2((*byte)(unsafe.Pointer(&t)), m)
		}
	}
}

func convTile2(p *byte, m int) {
	switch m {
	case 1:
		asmConv2M1(p)
	case 2:
		asmConv2M2(p)
	case 3:
		asmConv2M3(p)
	case 4:
		asmConv2M4(p)
	case 5:
		asmConv2M5(p)
	case 6:
		asmConv2M6(p)
	}
}
