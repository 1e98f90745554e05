package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// narrow generates the product of rows and a matrix of up to eight columns: a vector has a whole row of the result, and the sums of twelve rows hide the
// latency of additions. A processor with AVX-512 does two of these additions at a time as well.
func narrow() {
	const name = "asmNarrow2"
	TEXT(name, NOSPLIT|NOFRAME, "func(rows, k int, a *float32, lda int, b *float32, ldb int, bias, c *float32, ldc int)")
	Pragma("noescape")
	Doc(name + " is narrowRowsGo for k > 0; lda, ldb and ldc are bytes. Each row stores eight numbers, and rows are stored one after the other.")
	Load(Param("rows"), RAX)
	Load(Param("k"), RDI)
	Load(Param("a"), R12)
	Load(Param("lda"), RSI)
	Load(Param("b"), RBX)
	Load(Param("ldb"), RCX)
	Load(Param("c"), RDX)
	p := rows{bases: []GPPhysical{R8, R9, R10, R11}, stride: RSI}
	for _, m := range []int{12, 3, 1} {
		next, loop := fmt.Sprintf("rows%d", m), fmt.Sprintf("loop%d", m)
		done := fmt.Sprintf("done%d", m)
		Label(next)
		CMPQ(RAX, U8(uint8(m)))
		JLT(LabelRef(done))
		bases := p.bases[:(m+2)/3]
		for _, r := range bases {
			MOVQ(R12, r)
			LEAQ(Mem{Base: R12, Index: RSI, Scale: 2}, R12)
			ADDQ(RSI, R12)
		}
		if m == 1 {
			LEAQ(Mem{Base: R8, Index: RSI, Scale: 1}, R12)
		}
		for _, s := range y[:m] {
			VXORPS(s, s, s)
		}
		MOVQ(RBX, R13)
		MOVQ(RDI, R15)
		align()
		Label(loop)
		VMOVUPS(Mem{Base: R13}, Y12)
		for r, s := range y[:m] {
			VBROADCASTSS(p.at(r, 0), y[13+r%3])
			VFMADD231PS(Y12, y[13+r%3], s)
		}
		for _, r := range bases {
			ADDQ(Imm(4), r)
		}
		ADDQ(RCX, R13)
		DECQ(R15)
		JNZ(LabelRef(loop))
		Load(Param("ldc"), R8)
		Load(Param("bias"), R13)
		VMOVUPS(Mem{Base: R13}, Y12)
		for _, s := range y[:m] {
			VADDPS(Y12, s, s)
			VMOVUPS(s, Mem{Base: RDX})
			ADDQ(R8, RDX)
		}
		SUBQ(Imm(uint64(m)), RAX)
		JMP(LabelRef(next))
		Label(done)
	}
	VZEROUPPER()
	RET()
}
