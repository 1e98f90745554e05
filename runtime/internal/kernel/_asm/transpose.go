package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// transpose generates movements of 4-byte elements: transposed matrices, and short rows.
func transpose() {
	constants = map[uint32]Mem{}
	masks := laneMasks()
	for _, wide := range []bool{true, false} {
		r := &rowCode{vec: vec{wide: wide}, masks: masks}
		r.transpose()
		r.copyRows()
	}
}

// transpose walks over squares of as many rows and columns as a vector has lanes. Those that are cut load and store what is there.
func (r *rowCode) transpose() {
	name := "asmTranspose" + r.suffix()
	TEXT(name, NOSPLIT, "func(to, from *uint32, na, nb, ldTo, ldFrom int)")
	Pragma("noescape")
	Doc(name + " writes to[a·ldTo + b] = from[b·ldFrom + a] for a < na and b < nb, both above 0.")
	to, from, na, nb := r.pointer("to"), r.pointer("from"), r.pointer("na"), r.pointer("nb")
	ldTo, ldFrom := r.pointer("ldTo"), r.pointer("ldFrom")
	SHLQ(Imm(2), ldTo)
	SHLQ(Imm(2), ldFrom)
	lanes, shift := r.lanes(), uint64(3)
	if r.wide {
		shift = 4
	}
	t, f, left, p := GP64(), GP64(), GP64(), GP64()
	Label("down")
	inB := r.tail(nb, r.masks)
	MOVQ(to, t)
	MOVQ(from, f)
	MOVQ(na, left)
	align()
	Label("across")
	CMPQ(left, Imm(uint64(lanes)))
	JLT(LabelRef("cut"))
	CMPQ(nb, Imm(uint64(lanes)))
	JLT(LabelRef("cut"))
	in := make([]VecVirtual, lanes)
	MOVQ(f, p)
	for i := range in {
		in[i] = r.reg()
		VMOVUPS(Mem{Base: p}, in[i])
		ADDQ(ldFrom, p)
	}
	MOVQ(t, p)
	for _, y := range r.square(in) {
		VMOVUPS(y, Mem{Base: p})
		ADDQ(ldTo, p)
	}
	Label("next")
	ADDQ(Imm(uint64(4*lanes)), f)
	MOVQ(ldTo, p)
	SHLQ(Imm(shift), p)
	ADDQ(p, t)
	SUBQ(Imm(uint64(lanes)), left)
	JG(LabelRef("across"))
	ADDQ(Imm(uint64(4*lanes)), to)
	MOVQ(ldFrom, p)
	SHLQ(Imm(shift), p)
	ADDQ(p, from)
	SUBQ(Imm(uint64(lanes)), nb)
	JG(LabelRef("down"))
	VZEROUPPER()
	RET()
	Label("cut")
	inA := r.tail(left, r.masks)
	MOVQ(f, p)
	for i := range in { // rows beyond nb hold anything: their lanes are not stored
		in[i] = r.reg()
		VXORPS(in[i], in[i], in[i])
	}
	for i, x := range in {
		if i > 0 {
			CMPQ(nb, Imm(uint64(i)))
			JLE(LabelRef("loaded"))
		}
		if r.wide {
			VMOVUPS_Z(Mem{Base: p}, inA.k, x)
		} else {
			VMASKMOVPS(Mem{Base: p}, inA.mask, x)
		}
		ADDQ(ldFrom, p)
	}
	Label("loaded")
	MOVQ(t, p)
	for i, y := range r.square(in) {
		if i > 0 {
			CMPQ(left, Imm(uint64(i)))
			JLE(LabelRef("next"))
		}
		r.storeTail(inB, y, Mem{Base: p})
		ADDQ(ldTo, p)
	}
	JMP(LabelRef("next"))
}

// square is the transposed square of rows.
func (r *rowCode) square(rows []VecVirtual) []VecVirtual {
	pair := func(op func(...Op), a, b VecVirtual) VecVirtual {
		d := r.reg()
		op(b, a, d)
		return d
	}
	shuffle := func(imm uint64, a, b VecVirtual) VecVirtual {
		d := r.reg()
		if r.wide {
			VSHUFF32X4(Imm(imm), b, a, d)
		} else {
			VPERM2F128(Imm(imm), b, a, d)
		}
		return d
	}
	n := len(rows)
	a, b, out := make([]VecVirtual, n), make([]VecVirtual, n), make([]VecVirtual, n)
	for i := 0; i < n; i += 2 {
		a[i], a[i+1] = pair(VUNPCKLPS, rows[i], rows[i+1]), pair(VUNPCKHPS, rows[i], rows[i+1])
	}
	for g := 0; g < n; g += 4 { // part k of b[g+j]: element 4k+j of rows g … g+3
		b[g], b[g+1] = pair(VUNPCKLPD, a[g], a[g+2]), pair(VUNPCKHPD, a[g], a[g+2])
		b[g+2], b[g+3] = pair(VUNPCKLPD, a[g+1], a[g+3]), pair(VUNPCKHPD, a[g+1], a[g+3])
	}
	for j := range 4 {
		if !r.wide {
			out[j], out[4+j] = shuffle(0x20, b[j], b[4+j]), shuffle(0x31, b[j], b[4+j])
			continue
		}
		const even, odd = 0x88, 0xdd
		even0, odd0 := shuffle(even, b[j], b[4+j]), shuffle(odd, b[j], b[4+j])
		even1, odd1 := shuffle(even, b[8+j], b[12+j]), shuffle(odd, b[8+j], b[12+j])
		out[j], out[8+j] = shuffle(even, even0, even1), shuffle(odd, even0, even1)
		out[4+j], out[12+j] = shuffle(even, odd0, odd1), shuffle(odd, odd0, odd1)
	}
	return out
}

// copyRows copies the end of a row that is no whole vector by a vector that overlaps the one before, where there is one.
func (r *rowCode) copyRows() {
	name := "asmCopyRows" + r.suffix()
	TEXT(name, NOSPLIT, "func(to, from *uint32, rows, n, ldTo, ldFrom int)")
	Pragma("noescape")
	Doc(name + fmt.Sprintf(" copies rows of n elements, ldTo and ldFrom elements apart, that do not overlap; rows > 0, n ≥ %d.", r.lanes()))
	to, from, rows, n := r.pointer("to"), r.pointer("from"), r.pointer("rows"), r.pointer("n")
	ldTo, ldFrom := r.pointer("ldTo"), r.pointer("ldFrom")
	SHLQ(Imm(2), ldTo)
	SHLQ(Imm(2), ldFrom)
	last, at, x := GP64(), GP64(), r.reg()
	LEAQ(Mem{Base: n, Disp: -r.lanes()}, last) // where the last vector of a row starts
	SHLQ(Imm(2), last)
	align()
	Label("row")
	XORQ(at, at)
	JMP(LabelRef("test"))
	align()
	Label("loop")
	VMOVUPS(Mem{Base: from, Index: at, Scale: 1}, x)
	VMOVUPS(x, Mem{Base: to, Index: at, Scale: 1})
	ADDQ(Imm(uint64(4*r.lanes())), at)
	Label("test")
	CMPQ(at, last)
	JLT(LabelRef("loop"))
	VMOVUPS(Mem{Base: from, Index: last, Scale: 1}, x)
	VMOVUPS(x, Mem{Base: to, Index: last, Scale: 1})
	ADDQ(ldTo, to)
	ADDQ(ldFrom, from)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}
