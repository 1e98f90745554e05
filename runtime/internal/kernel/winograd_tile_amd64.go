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
