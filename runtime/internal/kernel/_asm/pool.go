package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// pool generates maxima under sliding windows, and sums of columns.
func pool() {
	poolMax(true)
	poolMax(false)
	sumCols(true)
	sumCols(false)
}

// poolMax generates Depthwise.Max: tiles of 7 columns of 16 lanes. VMAXPS gives its second source when either is NaN. That is the input here, so NaN
// comes in; where it is in, it stays: lanes whose maximum is NaN are not written (AVX-512), or are put back (AVX2).
func poolMax(wide bool) {
	d := dwTile{wide: wide, cols: 6}
	dwBegin("asmMaxPool"+dwTier(wide), "with maxima in place of sums")
	w := newDwWalk(wide)
	masks := []OpmaskPhysical{K1, K2, K3, K4, K5, K6, K7}
	w.rows(&d, func(cols int) {
		acc := d.regs()[:cols*w.halves]
		free := d.regs()[cols*w.halves:]
		w.each(&d, acc, func() {
			for i, a := range acc {
				if wide {
					VCMPPS(Imm(7), a, a, masks[i]) // ordered: no NaN
					VMAXPS(w.input(i), a, masks[i], a)
					continue
				}
				t, nan := free[2*(i%2)], free[2*(i%2)+1]
				VMAXPS(w.input(i), a, t)
				VCMPPS(Imm(3), a, a, nan) // unordered
				VBLENDVPS(nan, a, t, a)
			}
		}, func() {})
		dwFinish(1, cols, w.halves, free[0], free[1], d.regs(), d.label("clamp"))
	})
}

// sumCols generates asmSumCols: 16 columns at a time, in float64.
func sumCols(wide bool) {
	TEXT("asmSumCols"+dwTier(wide), NOSPLIT|NOFRAME, "func(acc *float64, x *float32, cols, rows, stride int)")
	Pragma("noescape")
	Doc("asmSumCols" + dwTier(wide) + " is acc[c] += float64(x[r·stride+c]) for all rows r in order; rows is positive and cols a positive multiple of 16.")
	Load(Param("acc"), RDI)
	Load(Param("x"), RSI)
	Load(Param("cols"), RCX)
	Load(Param("rows"), RDX)
	Load(Param("stride"), R8)
	SHLQ(Imm(2), R8)
	regs, width := y, 32
	if wide {
		regs, width = z, 64
	}
	n := 128 / width
	Label("cols")
	for i := range n {
		VMOVUPS(Mem{Base: RDI, Disp: i * width}, regs[i])
	}
	MOVQ(RSI, RAX)
	MOVQ(RDX, RBX)
	align()
	Label("rows")
	for i := range n {
		VCVTPS2PD(Mem{Base: RAX, Disp: i * width / 2}, regs[n+i])
	}
	for i := range n {
		VADDPD(regs[n+i], regs[i], regs[i])
	}
	ADDQ(R8, RAX)
	DECQ(RBX)
	JNZ(LabelRef("rows"))
	for i := range n {
		VMOVUPS(regs[i], Mem{Base: RDI, Disp: i * width})
	}
	ADDQ(Imm(64), RSI)
	ADDQ(U32(128), RDI)
	SUBQ(Imm(16), RCX)
	JG(LabelRef("cols"))
	VZEROUPPER()
	RET()
}
