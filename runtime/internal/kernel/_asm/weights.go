package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Fields of WeightSum in weight_sum.go, in bytes.
const (
	wsS, wsV, wsSums, wsNext   = 0, 24, 48, 80
	wsCols, wsLines, wsImages  = 88, 96, 104
	wsSCol, wsSLine, wsSImage  = 112, 120, 128
	wsVCol, wsVLine, wsVImage  = 136, 144, 152
	weightRows512, weightRows2 = 16, 4 // that have their sums in registers at once
)

// weights generates sums of products for the gradients of weights: one row of sums for each of the scalars, or vectors, that meet a vector of 16 lanes.
func weights() {
	for rows := 1; rows <= weightRows512; rows++ {
		weightSum(rows, true, false)
	}
	for rows := 1; rows <= weightRows2; rows++ {
		weightSum(rows, false, false)
	}
	for rows := 1; rows <= weightRows2; rows++ {
		weightSum(rows, true, true)
		weightSum(rows, false, true)
	}
}

// weightSum generates the loop over images, lines and columns with all sums in registers. lanes says that a row is 16 lanes that meet those of the vector, not one scalar
// that meets all of them.
func weightSum(rows int, wide, lanes bool) {
	what, name := "WeightSum.Run", fmt.Sprintf("asmWeightSum%sR%d", dwTier(wide), rows)
	if lanes {
		what, name = "WeightSum.RunLanes", fmt.Sprintf("asmWeightLanes%sR%d", dwTier(wide), rows)
	}
	TEXT(name, NOSPLIT|NOFRAME, "func(s *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is %s of %d rows and at least one column.", name, what, rows))
	regs, per, size := z, 1, 64
	if !wide {
		regs, per, size = y, 2, 32
	}
	sums, v, t := regs[:rows*per], regs[rows*per:rows*per+per], regs[rows*per+per:]
	span := Load(Param("s"), RDI).(GPPhysical)
	field := func(off int, r GPPhysical) { MOVQ(Mem{Base: span, Disp: off}, r) }
	sImage, vImage, sLine, vLine, sAt, vAt := R8, R9, R10, R11, RAX, RBX
	images, lines, cols := RCX, RDX, RSI
	field(wsS, sImage)
	field(wsV, vImage)
	field(wsImages, images)
	for _, step := range []struct {
		r   GPPhysical
		off int
	}{{R12, wsSCol}, {R13, wsVCol}, {R14, wsSLine}, {R15, wsVLine}} {
		field(step.off, step.r)
		SHLQ(Imm(2), step.r)
	}
	for _, r := range sums {
		if wide {
			VPXORD(r, r, r)
		} else {
			VXORPS(r, r, r)
		}
	}
	Label("image")
	MOVQ(sImage, sLine)
	MOVQ(vImage, vLine)
	field(wsLines, lines)
	Label("line")
	MOVQ(sLine, sAt)
	MOVQ(vLine, vAt)
	field(wsCols, cols)
	align()
	Label("column")
	for i := range per {
		VMOVUPS(Mem{Base: vAt, Disp: i * size}, v[i])
	}
	for r := range rows {
		switch {
		case lanes:
			for i := range per {
				VFMADD231PS(Mem{Base: sAt, Disp: r*64 + i*size}, v[i], sums[r*per+i])
			}
		case wide:
			VFMADD231PS_BCST(Mem{Base: sAt, Disp: r * 4}, v[0], sums[r])
		default:
			b := t[r%2]
			VBROADCASTSS(Mem{Base: sAt, Disp: r * 4}, b)
			for i := range per {
				VFMADD231PS(b, v[i], sums[r*per+i])
			}
		}
	}
	ADDQ(R12, sAt)
	ADDQ(R13, vAt)
	DECQ(cols)
	JNZ(LabelRef("column"))
	ADDQ(R14, sLine)
	ADDQ(R15, vLine)
	DECQ(lines)
	JNZ(LabelRef("line"))
	field(wsSImage, sAt)
	LEAQ(Mem{Base: sImage, Index: sAt, Scale: 4}, sImage)
	field(wsVImage, vAt)
	LEAQ(Mem{Base: vImage, Index: vAt, Scale: 4}, vImage)
	DECQ(images)
	JNZ(LabelRef("image"))
	out, next := RAX, RBX
	field(wsSums, out)
	field(wsNext, next)
	SHLQ(Imm(2), next)
	for r := range rows {
		for i := range per {
			at := Mem{Base: out, Disp: i * size}
			VADDPS(at, sums[r*per+i], sums[r*per+i])
			VMOVUPS(sums[r*per+i], at)
		}
		if r+1 < rows {
			ADDQ(next, out)
		}
	}
	VZEROUPPER()
	RET()
}
