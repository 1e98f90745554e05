//go:build !noasm

package kernel

import "unsafe"

// tiled reports whether the kernel has a loop of its own.
func (d *Depthwise) tiled() bool {
	k, s := d.Kernel[0], d.Stride[0]
	return d.Kernel[1] == k && d.Stride[1] == s && d.Dilation == [2]int{1, 1} && (d.WRow == 0 || d.WRow == 16*k) &&
		(s == 1 && (k == 3 || k == 5 || k == 7) || s == 2 && (k == 3 || k == 5))
}

// skips reports whether taps that see padding are left out.
func (d *Depthwise) skips() bool { return d.tiled() || !useAVX2 && !useAVX512 }

func (d *Depthwise) run() {
	t := (*byte)(unsafe.Pointer(d))
	cols := 4 // of a tile
	if useAVX512 {
		cols = 7
	}
	kind := [2]int{}
	if d.tiled() {
		kind = [2]int{d.Kernel[0], d.Stride[0]}
		cols = min(cols, d.Cols)
		d.first, d.before, d.last = d.inside(0, cols), d.inside((d.Cols-1)/cols*cols-cols, cols), d.inside(d.Cols-cols, cols)
	}
	switch {
	case useAVX512:
		switch kind {
		case [2]int{3, 1}:
			asmDepthwise512K3S1(t)
		case [2]int{3, 2}:
			asmDepthwise512K3S2(t)
		case [2]int{5, 1}:
			asmDepthwise512K5S1(t)
		case [2]int{5, 2}:
			asmDepthwise512K5S2(t)
		case [2]int{7, 1}:
			asmDepthwise512K7S1(t)
		default:
			asmDepthwise512(t)
		}
	case useAVX2:
		switch kind {
		case [2]int{3, 1}:
			asmDepthwise2K3S1(t)
		case [2]int{3, 2}:
			asmDepthwise2K3S2(t)
		case [2]int{5, 1}:
			asmDepthwise2K5S1(t)
		case [2]int{5, 2}:
			asmDepthwise2K5S2(t)
		case [2]int{7, 1}:
			asmDepthwise2K7S1(t)
		default:
			asmDepthwise2(t)
		}
	default:
		depthwiseGo(d)
	}
}

func (d *Depthwise) max() {
	switch t := (*byte)(unsafe.Pointer(d)); {
	case useAVX512:
		asmMaxPool512(t)
	case useAVX2:
		asmMaxPool2(t)
	default:
		maxPoolGo(d)
	}
}

// sumColumns sums columns with whole vectors as far as it goes, and says how many of them it did.
func sumColumns(acc []float64, x []float32, rows, stride int) int {
	n := len(acc) &^ 15
	if !useAVX2 || n == 0 || rows < 1 {
		return 0
	}
	_ = x[(rows-1)*stride+n-1]
	if useAVX512 {
		asmSumCols512(&acc[0], &x[0], n, rows, stride)
	} else {
		asmSumCols2(&acc[0], &x[0], n, rows, stride)
	}
	return n
}
