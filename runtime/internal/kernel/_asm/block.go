package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// block generates the changes between planes of channels and blocks of 16 channels.
func block() {
	block512()
	unblock512()
	block2()
	unblock2()
}

// planes points at up to 16 rows, plane elements apart, from RBX on, with the bytes between them in R9. It uses R13.
func planes() rows {
	p := rows{[]GPPhysical{RBX, R8, R10, R11, R12, RSI}, R9}
	SHLQ(Imm(2), p.stride)
	LEAQ(Mem{Base: p.stride, Index: p.stride, Scale: 2}, R13)
	for i := 1; i < len(p.bases); i++ {
		LEAQ(Mem{Base: p.bases[i-1], Index: R13, Scale: 1}, p.bases[i])
	}
	return p
}

// pixelMask sets K1 to the lanes of the pixels that are left, RAX of them, 16 at most. It uses R13 and R14.
func pixelMask() {
	MOVQ(RAX, R13)
	MOVQ(U32(16), R14)
	CMPQ(R13, R14)
	CMOVQGT(R14, R13)
	MOVL(U32(1), R14L)
	SHLXL(R13L, R14L, R14L)
	DECL(R14L)
	KMOVW(R14L, K1)
}

func block512() {
	TEXT("asmBlock512", NOSPLIT|NOFRAME, "func(dst, src *float32, channels, plane, pixels int)")
	Pragma("noescape")
	Doc("asmBlock512 is Block16 of at least one pixel.")
	Load(Param("dst"), RCX)
	Load(Param("src"), RBX)
	Load(Param("channels"), RDX)
	Load(Param("plane"), R9)
	Load(Param("pixels"), RAX)
	p := planes()
	Label("loop")
	pixelMask()
	for r := range 16 {
		VPXORD(z[r], z[r], z[r])
	}
	for r := range 16 {
		CMPQ(RDX, Imm(uint64(r)))
		JLE(LabelRef("turn"))
		VMOVUPS_Z(p.at(r, 0), K1, z[r])
	}
	Label("turn")
	transpose16(z[:16], z[16:32])
	for i := range 16 {
		VMOVUPS(z[i], Mem{Base: RCX, Disp: i * 64})
		if i < 15 {
			CMPQ(RAX, Imm(uint64(i+1)))
			JE(LabelRef("done"))
		}
	}
	for _, r := range p.bases {
		ADDQ(Imm(64), r)
	}
	ADDQ(U32(1024), RCX)
	SUBQ(Imm(16), RAX)
	JG(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}

func unblock512() {
	TEXT("asmUnblock512", NOSPLIT|NOFRAME, "func(dst, src *float32, channels, plane, pixels int)")
	Pragma("noescape")
	Doc("asmUnblock512 is Unblock16 of at least one pixel.")
	Load(Param("dst"), RBX)
	Load(Param("src"), RCX)
	Load(Param("channels"), RDX)
	Load(Param("plane"), R9)
	Load(Param("pixels"), RAX)
	p := planes()
	Label("loop")
	pixelMask()
	for i := range 16 {
		VMOVUPS(Mem{Base: RCX, Disp: i * 64}, z[i])
		if i < 15 {
			CMPQ(RAX, Imm(uint64(i+1)))
			JE(LabelRef("turn"))
		}
	}
	Label("turn")
	transpose16(z[:16], z[16:32])
	for r := range 16 {
		CMPQ(RDX, Imm(uint64(r)))
		JLE(LabelRef("next"))
		VMOVUPS(z[r], K1, p.at(r, 0))
	}
	Label("next")
	for _, r := range p.bases {
		ADDQ(Imm(64), r)
	}
	ADDQ(U32(1024), RCX)
	SUBQ(Imm(16), RAX)
	JG(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// transpose8 transposes the 8 × 8 matrix in r by way of t.
func transpose8(r, t []VecPhysical) {
	for i := 0; i < 8; i += 2 {
		VUNPCKLPS(r[i+1], r[i], t[i])
		VUNPCKHPS(r[i+1], r[i], t[i+1])
	}
	for g := 0; g < 8; g += 4 {
		VUNPCKLPD(t[g+2], t[g], r[g])
		VUNPCKHPD(t[g+2], t[g], r[g+1])
		VUNPCKLPD(t[g+3], t[g+1], r[g+2])
		VUNPCKHPD(t[g+3], t[g+1], r[g+3])
	}
	for j := range 4 { // half h of r[g+j] is column 4h+j of rows g … g+3
		VPERM2F128(Imm(0x20), r[4+j], r[j], t[j])
		VPERM2F128(Imm(0x31), r[4+j], r[j], t[4+j])
	}
}

func block2() {
	turn8("asmBlock2", "asmBlock2 is Block16 for 8 lanes and a positive multiple of 8 pixels.", func(p rows) {
		for r := range 8 {
			VXORPS(y[r], y[r], y[r])
		}
		for r := range 8 {
			CMPQ(RDX, Imm(uint64(r)))
			JLE(LabelRef("turn"))
			VMOVUPS(p.at(r, 0), y[r])
		}
		Label("turn")
		transpose8(y[:8], y[8:16])
		for i := range 8 {
			VMOVUPS(y[8+i], Mem{Base: RCX, Disp: i * 64})
		}
	}, "dst", "src")
}

func unblock2() {
	turn8("asmUnblock2", "asmUnblock2 is Unblock16 for up to 8 channels and a positive multiple of 8 pixels.", func(p rows) {
		for i := range 8 {
			VMOVUPS(Mem{Base: RCX, Disp: i * 64}, y[i])
		}
		transpose8(y[:8], y[8:16])
		for r := range 8 {
			CMPQ(RDX, Imm(uint64(r)))
			JLE(LabelRef("next"))
			VMOVUPS(y[8+r], p.at(r, 0))
		}
		Label("next")
	}, "src", "dst")
}

// turn8 is a loop over 8 pixels at a time: lines points at pixels, 64 bytes apart, planar at as many planes as there are channels.
func turn8(name, doc string, body func(p rows), lines, planar string) {
	TEXT(name, NOSPLIT|NOFRAME, "func(dst, src *float32, channels, plane, pixels int)")
	Pragma("noescape")
	Doc(doc)
	Load(Param(lines), RCX)
	Load(Param(planar), RBX)
	Load(Param("channels"), RDX)
	Load(Param("plane"), R9)
	Load(Param("pixels"), RAX)
	p := planes()
	p.bases = p.bases[:3]
	Label("loop")
	body(p)
	for _, r := range p.bases {
		ADDQ(Imm(32), r)
	}
	ADDQ(U32(512), RCX)
	SUBQ(Imm(8), RAX)
	JG(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
