package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Fields of MaxLanes in pool_lanes_grad.go, in bytes.
const (
	mlX, mlDX, mlY, mlG    = 0, 24, 48, 72
	mlCols, mlRows, mlTaps = 96, 104, 112
	mlStep, mlTap, mlRow   = 120, 128, 136
)

// poolGrad generates the gradient of maxima under sliding windows, for 16 lanes at once or 8 after 8.
func poolGrad() {
	for _, wide := range []bool{true, false} {
		l := &laneLoop{wide: wide, reg: y, size: 32}
		if wide {
			l.reg, l.size = z, 64
		}
		l.maxGrad()
	}
}

func (l *laneLoop) maxGrad() {
	l.begin("MaxLanesGrad", "s *byte", "is MaxLanes.Grad of at least one column and one tap.")
	r := l.reg
	top, grad, x, sum, hit, nan, open := r[0], r[1], r[2], r[3], r[4], r[5], r[6]
	span := Load(Param("s"), RDI).(GPPhysical)
	field := func(off int, r GPPhysical) { MOVQ(Mem{Base: span, Disp: off}, r) }
	bytes := func(off int, r GPPhysical) {
		field(off, r)
		SHLQ(Imm(2), r)
	}
	step, tap, row := R8, R9, R10
	bytes(mlStep, step)
	bytes(mlTap, tap)
	bytes(mlRow, row)
	in, apart, y, g, cols, rows, taps, inRow, inTap := RSI, RBX, RAX, RDX, RCX, R11, R12, R13, R14 // apart is from X to DX
	field(mlDX, apart)
	SUBQ(Mem{Base: span, Disp: mlX}, apart)
	toTap := func() Mem { return Mem{Base: inTap, Index: apart, Scale: 1, Disp: l.half} }
	l.passes(func() {
		field(mlX, in)
		field(mlY, y)
		field(mlG, g)
		field(mlCols, cols)
		align()
		Label(l.label("column"))
		VMOVUPS(l.at(y), top)
		VMOVUPS(l.at(g), grad)
		if l.wide {
			KXNORW(K1, K1, K1)
		} else {
			VPCMPEQD(open, open, open)
		}
		MOVQ(in, inRow)
		field(mlRows, rows)
		Label(l.label("row"))
		MOVQ(inRow, inTap)
		field(mlTaps, taps)
		Label(l.label("tap"))
		VMOVUPS(l.at(inTap), x)
		VMOVUPS(toTap(), sum)
		if l.wide { // 0 compares for equal, 3 for unordered
			VCMPPS(Imm(0), top, x, K1, K2)
			VCMPPS(Imm(3), x, x, K1, K3)
			KORW(K2, K3, K2)
			VADDPS(grad, sum, K2, sum)
			KANDNW(K1, K2, K1)
		} else {
			VCMPPS(Imm(0), top, x, hit)
			VCMPPS(Imm(3), x, x, nan)
			VORPS(nan, hit, hit)
			VANDPS(open, hit, hit)
			VANDNPS(open, hit, open)
			VANDPS(grad, hit, hit)
			VADDPS(hit, sum, sum)
		}
		VMOVUPS(sum, toTap())
		ADDQ(tap, inTap)
		DECQ(taps)
		JNZ(LabelRef(l.label("tap")))
		ADDQ(row, inRow)
		DECQ(rows)
		JNZ(LabelRef(l.label("row")))
		ADDQ(step, in)
		ADDQ(Imm(64), y)
		ADDQ(Imm(64), g)
		DECQ(cols)
		JNZ(LabelRef(l.label("column")))
	})
	VZEROUPPER()
	RET()
}
