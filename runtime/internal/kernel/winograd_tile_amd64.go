//go:build !noasm

package kernel

import "unsafe"

func (w *winogradInput) run(m int) {
	p := (*byte)(unsafe.Pointer(w))
	edge := w.mask != 1<<(m+2)-1
	switch {
	case w.count == 0:
	case useAVX512 && m == 4 && edge:
		asmWinogradIn512Tile4Edge(p)
	case useAVX512 && m == 4:
		asmWinogradIn512Tile4(p)
	case useAVX512 && edge:
		asmWinogradIn512Tile2Edge(p)
	case useAVX512:
		asmWinogradIn512Tile2(p)
	case useAVX2 && m == 4 && edge:
		asmWinogradIn2Tile4Edge(p)
	case useAVX2 && m == 4:
		asmWinogradIn2Tile4(p)
	case useAVX2 && edge:
		asmWinogradIn2Tile2Edge(p)
	case useAVX2:
		asmWinogradIn2Tile2(p)
	default:
		w.runGo(m)
	}
}

func (w *winogradOutput) run(m int) {
	p := (*byte)(unsafe.Pointer(w))
	switch {
	case w.count == 0:
	case useAVX512 && m == 4:
		asmWinogradOut512Tile4(p)
	case useAVX512:
		asmWinogradOut512Tile2(p)
	case useAVX2 && m == 4:
		asmWinogradOut2Tile4(p)
	case useAVX2:
		asmWinogradOut2Tile2(p)
	default:
		w.runGo(m)
	}
}

// winogradShape is the largest product of the active tier: rows, and the columns of a panel.
func winogradShape() (rows, width int) {
	if useAVX512 {
		return 14, 32
	}
	return 6, 16
}

func (w *winogradProduct) run(m, width int) {
	p := (*byte)(unsafe.Pointer(w))
	switch {
	case useAVX512 && width == 32:
		switch m {
		case 1:
			asmWinogradMul512W32M1(p)
		case 2:
			asmWinogradMul512W32M2(p)
		case 3:
			asmWinogradMul512W32M3(p)
		case 4:
			asmWinogradMul512W32M4(p)
		case 5:
			asmWinogradMul512W32M5(p)
		case 6:
			asmWinogradMul512W32M6(p)
		case 7:
			asmWinogradMul512W32M7(p)
		case 8:
			asmWinogradMul512W32M8(p)
		case 9:
			asmWinogradMul512W32M9(p)
		case 10:
			asmWinogradMul512W32M10(p)
		case 11:
			asmWinogradMul512W32M11(p)
		case 12:
			asmWinogradMul512W32M12(p)
		case 13:
			asmWinogradMul512W32M13(p)
		case 14:
			asmWinogradMul512W32M14(p)
		}
	case useAVX512:
		switch m {
		case 1:
			asmWinogradMul512W16M1(p)
		case 2:
			asmWinogradMul512W16M2(p)
		case 3:
			asmWinogradMul512W16M3(p)
		case 4:
			asmWinogradMul512W16M4(p)
		case 5:
			asmWinogradMul512W16M5(p)
		case 6:
			asmWinogradMul512W16M6(p)
		case 7:
			asmWinogradMul512W16M7(p)
		case 8:
			asmWinogradMul512W16M8(p)
		case 9:
			asmWinogradMul512W16M9(p)
		case 10:
			asmWinogradMul512W16M10(p)
		case 11:
			asmWinogradMul512W16M11(p)
		case 12:
			asmWinogradMul512W16M12(p)
		case 13:
			asmWinogradMul512W16M13(p)
		case 14:
			asmWinogradMul512W16M14(p)
		}
	case useAVX2:
		switch m {
		case 1:
			asmWinogradMul2W16M1(p)
		case 2:
			asmWinogradMul2W16M2(p)
		case 3:
			asmWinogradMul2W16M3(p)
		case 4:
			asmWinogradMul2W16M4(p)
		case 5:
			asmWinogradMul2W16M5(p)
		case 6:
			asmWinogradMul2W16M6(p)
		}
	default:
		w.runGo(m, width)
	}
}

func (w *winogradPacking) run(m int) {
	p := (*byte)(unsafe.Pointer(w))
	switch {
	case useAVX512 && m == 4 && w.turned:
		asmWinogradPack512Tile4Turned(p)
	case useAVX512 && m == 4:
		asmWinogradPack512Tile4(p)
	case useAVX512 && w.turned:
		asmWinogradPack512Tile2Turned(p)
	case useAVX512:
		asmWinogradPack512Tile2(p)
	case useAVX2 && m == 4 && w.turned:
		asmWinogradPack2Tile4Turned(p)
	case useAVX2 && m == 4:
		asmWinogradPack2Tile4(p)
	case useAVX2 && w.turned:
		asmWinogradPack2Tile2Turned(p)
	case useAVX2:
		asmWinogradPack2Tile2(p)
	default:
		w.runGo(m)
	}
}
