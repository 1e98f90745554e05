package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Fields of gemmTile in gemm_tile.go, in bytes.
const (
	tileA, tileB, tileC, tileBias, tileRes  = 0, 24, 48, 72, 96
	tileLda, tileLdc, tileLdr, tileK, tileN = 120, 128, 136, 144, 152
	tileAdd, tileClamp, tileLo, tileHi      = 160, 164, 168, 172
	packedRows512, packedRows2              = 14, 6
	prefetchTile, prefetchPanel             = 1024, 256 // bytes ahead in B: many rows reuse a line, few wait for memory
	prefetchTile2                           = 2048      // a tile of 6 × 16 goes through B more than twice as fast
)

// gemm generates the tiles C[m × n] (+)= A[m × k] · B[k × width] with their epilogue. Sums run over k in order, in fused multiply-adds.
func gemm() {
	for m := 1; m <= packedRows512; m++ {
		gemmTile512(m, false)
		gemmTile512(m, true)
	}
	laneMask := GLOBL("laneMask", RODATA|NOPTR)
	for i := range 32 {
		v := U32(0xffffffff)
		if i >= 16 {
			v = 0
		}
		DATA(4*i, v)
	}
	for m := 1; m <= packedRows2; m++ {
		gemmTile2(m, false, laneMask)
		gemmTile2(m, true, laneMask)
	}
	gemmPackA512()
	gemmPackB512()
	gemmPackColumns512()
	gemmPackColumns2()
}

// operands points registers at A, B and C. Rows of a packed A lie side by side: [k][mr].
type gemmRegs struct {
	k, b, c, ldc GPPhysical
	a            rows
}

func gemmLoad(name string, m int, packed bool) gemmRegs {
	TEXT(name, NOSPLIT|NOFRAME, "func(t *byte)")
	Pragma("noescape")
	how := "with the rows of A lda elements apart"
	if packed {
		how = "with A packed as [k][MR]"
	}
	Doc(fmt.Sprintf("%s computes the tile *t, a gemmTile of %d rows, %s.", name, m, how))
	Load(Param("t"), RDI)
	g := gemmRegs{k: RAX, b: RCX, c: RDX, ldc: RSI, a: rows{[]GPPhysical{RBX, R8, R10, R11, R12}, R9}}
	MOVQ(Mem{Base: RDI, Disp: tileK}, g.k)
	MOVQ(Mem{Base: RDI, Disp: tileA}, g.a.bases[0])
	MOVQ(Mem{Base: RDI, Disp: tileB}, g.b)
	MOVQ(Mem{Base: RDI, Disp: tileC}, g.c)
	MOVQ(Mem{Base: RDI, Disp: tileLdc}, g.ldc)
	SHLQ(Imm(2), g.ldc)
	if !packed {
		MOVQ(Mem{Base: RDI, Disp: tileLda}, R9)
		SHLQ(Imm(2), R9)
		gemmBases(g.a, m)
	}
	return g
}

// gemmBases sets all bases from the first. It uses R13.
func gemmBases(p rows, m int) {
	if m > 3 {
		LEAQ(Mem{Base: p.stride, Index: p.stride, Scale: 2}, R13)
	}
	for i := 1; i*3 < m; i++ {
		MOVQ(p.bases[i-1], p.bases[i])
		ADDQ(R13, p.bases[i])
	}
}

// gemmLoop is the loop over k: step(u) does one k, u steps after the pointers; row is the bytes of a row of B.
func gemmLoop(g gemmRegs, m int, packed bool, mr, row int, step func(u int, a func(r int) Mem)) {
	at := func(u int) func(r int) Mem {
		return func(r int) Mem {
			if packed {
				return Mem{Base: g.a.bases[0], Disp: (u*mr + r) * 4}
			}
			return g.a.at(r, 4*u)
		}
	}
	advance := func(n int) {
		if packed {
			ADDQ(U32(uint32(n*mr*4)), g.a.bases[0])
		} else {
			for i := 0; i*3 < m; i++ {
				ADDQ(Imm(uint64(4*n)), g.a.bases[i])
			}
		}
		ADDQ(U32(uint32(n*row)), g.b)
	}
	const unroll = 4
	ahead := prefetchTile
	switch {
	case row == 64:
		ahead = prefetchTile2
	case m <= 8:
		ahead = prefetchPanel
	}
	SUBQ(Imm(unroll), g.k)
	JLT(LabelRef("rest"))
	align()
	Label("loop")
	if packed {
		for i := 0; i < unroll*mr*4; i += 64 {
			PREFETCHT0(Mem{Base: g.a.bases[0], Disp: 1024 + i})
		}
	}
	for u := range unroll {
		for i := 0; i < row; i += 64 {
			PREFETCHT0(Mem{Base: g.b, Disp: ahead + u*row + i})
		}
		step(u, at(u))
	}
	advance(unroll)
	SUBQ(Imm(unroll), g.k)
	JGE(LabelRef("loop"))
	Label("rest")
	ADDQ(Imm(unroll), g.k)
	JZ(LabelRef("sums"))
	Label("one")
	step(0, at(0))
	advance(1)
	DECQ(g.k)
	JNZ(LabelRef("one"))
	Label("sums")
}

// gemmTile512 has the sums in Z0 … Z27, a row of B in Z28 and Z29, elements of A in Z30 and Z31.
func gemmTile512(m int, packed bool) {
	g := gemmLoad(tileName("asmGemm512", m, packed), m, packed)
	for i := range 2 * m {
		VPXORD(z[i], z[i], z[i])
	}
	MOVQ(g.c, R13)
	for r := range m {
		PREFETCHT0(Mem{Base: R13})
		PREFETCHT0(Mem{Base: R13, Disp: 127})
		if r < m-1 {
			ADDQ(g.ldc, R13)
		}
	}
	gemmLoop(g, m, packed, packedRows512, 128, func(u int, a func(int) Mem) {
		VMOVUPS(Mem{Base: g.b, Disp: u * 128}, Z28)
		VMOVUPS(Mem{Base: g.b, Disp: u*128 + 64}, Z29)
		for r := range m {
			t := z[30+r%2]
			VBROADCASTSS(a(r), t)
			VFMADD231PS(Z28, t, z[2*r])
			VFMADD231PS(Z29, t, z[2*r+1])
		}
	})
	// K1 and K2 select the columns that exist. CX, AX and the bases of A are free now.
	MOVQ(Mem{Base: RDI, Disp: tileN}, RCX)
	MOVQ(I32(-1), RAX)
	SHLXQ(RCX, RAX, RAX)
	NOTL(EAX)
	CMPQ(RCX, Imm(32))
	JLT(LabelRef("masks"))
	MOVL(I32(-1), EAX)
	Label("masks")
	KMOVW(EAX, K1)
	SHRL(Imm(16), EAX)
	KMOVW(EAX, K2)
	addRows := func(from GPPhysical, stride GPPhysical) {
		for r := range m {
			VMOVUPS_Z(Mem{Base: from}, K1, Z28)
			VMOVUPS_Z(Mem{Base: from, Disp: 64}, K2, Z29)
			VADDPS(Z28, z[2*r], z[2*r])
			VADDPS(Z29, z[2*r+1], z[2*r+1])
			if r < m-1 {
				ADDQ(stride, from)
			}
		}
	}
	CMPL(Mem{Base: RDI, Disp: tileAdd}, Imm(0))
	JEQ(LabelRef("bias"))
	MOVQ(g.c, R13)
	addRows(R13, g.ldc)
	Label("bias")
	MOVQ(Mem{Base: RDI, Disp: tileBias}, RBX)
	TESTQ(RBX, RBX)
	JZ(LabelRef("residual"))
	VMOVUPS_Z(Mem{Base: RBX}, K1, Z28)
	VMOVUPS_Z(Mem{Base: RBX, Disp: 64}, K2, Z29)
	for r := range m {
		VADDPS(Z28, z[2*r], z[2*r])
		VADDPS(Z29, z[2*r+1], z[2*r+1])
	}
	Label("residual")
	MOVQ(Mem{Base: RDI, Disp: tileRes}, RBX)
	TESTQ(RBX, RBX)
	JZ(LabelRef("clamp"))
	MOVQ(Mem{Base: RDI, Disp: tileLdr}, R8)
	SHLQ(Imm(2), R8)
	addRows(RBX, R8)
	Label("clamp")
	CMPL(Mem{Base: RDI, Disp: tileClamp}, Imm(0))
	JEQ(LabelRef("store"))
	VBROADCASTSS(Mem{Base: RDI, Disp: tileLo}, Z28)
	VBROADCASTSS(Mem{Base: RDI, Disp: tileHi}, Z29)
	for i := range 2 * m { // the sum second: NaN stays
		VMAXPS(z[i], Z28, z[i])
		VMINPS(z[i], Z29, z[i])
	}
	Label("store")
	CMPQ(RCX, Imm(32))
	JLT(LabelRef("narrow"))
	for r := range m {
		VMOVUPS(z[2*r], Mem{Base: g.c})
		VMOVUPS(z[2*r+1], Mem{Base: g.c, Disp: 64})
		if r < m-1 {
			ADDQ(g.ldc, g.c)
		}
	}
	VZEROUPPER()
	RET()
	Label("narrow")
	for r := range m {
		VMOVUPS(z[2*r], K1, Mem{Base: g.c})
		VMOVUPS(z[2*r+1], K2, Mem{Base: g.c, Disp: 64})
		if r < m-1 {
			ADDQ(g.ldc, g.c)
		}
	}
	VZEROUPPER()
	RET()
}

// gemmTile2 has the sums in Y0 … Y11, a row of B in Y12 and Y13, elements of A in Y14 and Y15.
func gemmTile2(m int, packed bool, laneMask Mem) {
	g := gemmLoad(tileName("asmGemm2", m, packed), m, packed)
	for i := range 2 * m {
		VXORPS(y[i], y[i], y[i])
	}
	MOVQ(g.c, R13)
	for r := range m {
		PREFETCHT0(Mem{Base: R13})
		PREFETCHT0(Mem{Base: R13, Disp: 63})
		if r < m-1 {
			ADDQ(g.ldc, R13)
		}
	}
	gemmLoop(g, m, packed, packedRows2, 64, func(u int, a func(int) Mem) {
		VMOVUPS(Mem{Base: g.b, Disp: u * 64}, Y12)
		VMOVUPS(Mem{Base: g.b, Disp: u*64 + 32}, Y13)
		for r := range m {
			t := y[14+r%2]
			VBROADCASTSS(a(r), t)
			VFMADD231PS(Y12, t, y[2*r])
			VFMADD231PS(Y13, t, y[2*r+1])
		}
	})
	// Y12 and Y13 select the columns that exist.
	MOVQ(Mem{Base: RDI, Disp: tileN}, RCX)
	MOVQ(RCX, RAX)
	CMPQ(RAX, Imm(16))
	JLE(LabelRef("masks"))
	MOVQ(U32(16), RAX)
	Label("masks")
	NEGQ(RAX)
	LEAQ(laneMask.Offset(64), RBX)
	VMOVUPS(Mem{Base: RBX, Index: RAX, Scale: 4}, Y12)
	VMOVUPS(Mem{Base: RBX, Index: RAX, Scale: 4, Disp: 32}, Y13)
	addRows := func(from GPPhysical, stride GPPhysical) {
		for r := range m {
			VMASKMOVPS(Mem{Base: from}, Y12, Y14)
			VMASKMOVPS(Mem{Base: from, Disp: 32}, Y13, Y15)
			VADDPS(Y14, y[2*r], y[2*r])
			VADDPS(Y15, y[2*r+1], y[2*r+1])
			if r < m-1 {
				ADDQ(stride, from)
			}
		}
	}
	CMPL(Mem{Base: RDI, Disp: tileAdd}, Imm(0))
	JEQ(LabelRef("bias"))
	MOVQ(g.c, R13)
	addRows(R13, g.ldc)
	Label("bias")
	MOVQ(Mem{Base: RDI, Disp: tileBias}, RBX)
	TESTQ(RBX, RBX)
	JZ(LabelRef("residual"))
	VMASKMOVPS(Mem{Base: RBX}, Y12, Y14)
	VMASKMOVPS(Mem{Base: RBX, Disp: 32}, Y13, Y15)
	for r := range m {
		VADDPS(Y14, y[2*r], y[2*r])
		VADDPS(Y15, y[2*r+1], y[2*r+1])
	}
	Label("residual")
	MOVQ(Mem{Base: RDI, Disp: tileRes}, RBX)
	TESTQ(RBX, RBX)
	JZ(LabelRef("clamp"))
	MOVQ(Mem{Base: RDI, Disp: tileLdr}, R8)
	SHLQ(Imm(2), R8)
	addRows(RBX, R8)
	Label("clamp")
	CMPL(Mem{Base: RDI, Disp: tileClamp}, Imm(0))
	JEQ(LabelRef("store"))
	VBROADCASTSS(Mem{Base: RDI, Disp: tileLo}, Y14)
	VBROADCASTSS(Mem{Base: RDI, Disp: tileHi}, Y15)
	for i := range 2 * m { // the sum second: NaN stays
		VMAXPS(y[i], Y14, y[i])
		VMINPS(y[i], Y15, y[i])
	}
	Label("store")
	CMPQ(RCX, Imm(16))
	JLT(LabelRef("narrow"))
	for r := range m {
		VMOVUPS(y[2*r], Mem{Base: g.c})
		VMOVUPS(y[2*r+1], Mem{Base: g.c, Disp: 32})
		if r < m-1 {
			ADDQ(g.ldc, g.c)
		}
	}
	VZEROUPPER()
	RET()
	Label("narrow")
	for r := range m {
		VMASKMOVPS(y[2*r], Y12, Mem{Base: g.c})
		VMASKMOVPS(y[2*r+1], Y13, Mem{Base: g.c, Disp: 32})
		if r < m-1 {
			ADDQ(g.ldc, g.c)
		}
	}
	VZEROUPPER()
	RET()
}

func tileName(prefix string, m int, packed bool) string {
	if packed {
		prefix += "Packed"
	}
	return fmt.Sprintf("%sM%d", prefix, m)
}

// gemmPackA512 transposes 14 rows 16 columns at a time. A row of 16 lanes is stored for each column; the next column's row overwrites the
// last two of them, and the last column has a mask.
func gemmPackA512() {
	const mr = packedRows512
	TEXT("asmPackA14", NOSPLIT|NOFRAME, "func(k int, a *float32, lda int, dst *float32)")
	Pragma("noescape")
	Doc("asmPackA14 packs 14 rows of k elements, a positive multiple of 16, as [k][14].")
	Load(Param("k"), RAX)
	Load(Param("a"), RBX)
	Load(Param("lda"), R9)
	Load(Param("dst"), RCX)
	SHLQ(Imm(2), R9)
	a := rows{[]GPPhysical{RBX, R8, R10, R11, R12}, R9}
	gemmBases(a, mr)
	MOVL(U32(1<<mr-1), EDX)
	KMOVW(EDX, K1)
	align()
	Label("loop")
	for r := range mr {
		VMOVUPS(a.at(r, 0), z[r])
	}
	VPXORD(Z14, Z14, Z14)
	VPXORD(Z15, Z15, Z15)
	transpose16(z[:16], z[16:32])
	for c := range 15 {
		VMOVUPS(z[c], Mem{Base: RCX, Disp: c * mr * 4})
	}
	VMOVUPS(z[15], K1, Mem{Base: RCX, Disp: 15 * mr * 4})
	for i := 0; i*3 < mr; i++ {
		ADDQ(Imm(64), a.bases[i])
	}
	ADDQ(U32(16*mr*4), RCX)
	SUBQ(Imm(16), RAX)
	JG(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// gemmPackColumns512 goes through rows of a transposed A and deals their elements out to the tiles, so that it reads memory in order.
func gemmPackColumns512() {
	const mr = packedRows512
	TEXT("asmPackColumns14", NOSPLIT|NOFRAME, "func(k int, a *float32, lda int, dst *float32, tiles int, step int, rest int)")
	Pragma("noescape")
	Doc("asmPackColumns14 packs k > 0 rows of 14·tiles + rest elements, lda elements apart, as tiles [k][14], step elements apart; the last has rest < 14 columns if that is not 0.")
	Load(Param("k"), RAX)
	Load(Param("a"), RBX)
	Load(Param("lda"), R9)
	Load(Param("dst"), RDX)
	Load(Param("step"), R10)
	Load(Param("rest"), RCX)
	SHLQ(Imm(2), R9)
	SHLQ(Imm(2), R10)
	MOVL(U32(1<<mr-1), R11L)
	KMOVW(R11L, K1)
	MOVL(U32(1), R11L)
	SHLXL(ECX, R11L, R11L)
	DECL(R11L)
	KMOVW(R11L, K2)
	align()
	Label("row")
	Load(Param("tiles"), R8)
	MOVQ(RBX, RSI)
	MOVQ(RDX, RDI)
	TESTQ(R8, R8)
	JZ(LabelRef("rest"))
	Label("tile")
	VMOVUPS_Z(Mem{Base: RSI}, K1, Z0)
	VMOVUPS(Z0, K1, Mem{Base: RDI})
	ADDQ(Imm(4*mr), RSI)
	ADDQ(R10, RDI)
	DECQ(R8)
	JNZ(LabelRef("tile"))
	Label("rest")
	TESTQ(RCX, RCX)
	JZ(LabelRef("next"))
	VMOVUPS_Z(Mem{Base: RSI}, K2, Z0)
	VMOVUPS(Z0, K2, Mem{Base: RDI})
	Label("next")
	ADDQ(R9, RBX)
	ADDQ(Imm(4*mr), RDX)
	DECQ(RAX)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// gemmPackColumns2 is gemmPackColumns512 for tiles of 6 columns.
func gemmPackColumns2() {
	const mr = packedRows2
	TEXT("asmPackColumns6", NOSPLIT|NOFRAME, "func(k int, a *float32, lda int, dst *float32, tiles int, step int)")
	Pragma("noescape")
	Doc("asmPackColumns6 packs k > 0 rows of 6·tiles elements, lda elements apart, as tiles [k][6], step elements apart; tiles > 0.")
	Load(Param("k"), RAX)
	Load(Param("a"), RBX)
	Load(Param("lda"), R9)
	Load(Param("dst"), RDX)
	Load(Param("step"), R10)
	SHLQ(Imm(2), R9)
	SHLQ(Imm(2), R10)
	align()
	Label("row")
	Load(Param("tiles"), R8)
	MOVQ(RBX, RSI)
	MOVQ(RDX, RDI)
	Label("tile")
	VMOVUPS(Mem{Base: RSI}, X0)
	MOVQ(Mem{Base: RSI, Disp: 16}, R11)
	VMOVUPS(X0, Mem{Base: RDI})
	MOVQ(R11, Mem{Base: RDI, Disp: 16})
	ADDQ(Imm(4*mr), RSI)
	ADDQ(R10, RDI)
	DECQ(R8)
	JNZ(LabelRef("tile"))
	ADDQ(R9, RBX)
	ADDQ(Imm(4*mr), RDX)
	DECQ(RAX)
	JNZ(LabelRef("row"))
	RET()
}

// gemmPackB512 transposes 16 rows of a transposed B into 16 columns of a panel.
func gemmPackB512() {
	TEXT("asmPackB16", NOSPLIT|NOFRAME, "func(k int, b *float32, ldb int, dst *float32)")
	Pragma("noescape")
	Doc("asmPackB16 writes 16 rows of k elements, a positive multiple of 16, as k rows of 16 elements, 32 elements apart.")
	Load(Param("k"), RAX)
	Load(Param("b"), RBX)
	Load(Param("ldb"), R9)
	Load(Param("dst"), RCX)
	SHLQ(Imm(2), R9)
	b := rows{[]GPPhysical{RBX, R8, R10, R11, R12, RSI}, R9}
	gemmBases(b, 16)
	align()
	Label("loop")
	for r := range 16 {
		VMOVUPS(b.at(r, 0), z[r])
	}
	transpose16(z[:16], z[16:32])
	for c := range 16 {
		VMOVUPS(z[c], Mem{Base: RCX, Disp: c * 128})
	}
	for _, r := range b.bases {
		ADDQ(Imm(64), r)
	}
	ADDQ(U32(16*128), RCX)
	SUBQ(Imm(16), RAX)
	JG(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// transpose16 transposes the 16 × 16 matrix in r by way of t: pairs of elements, pairs of pairs, then quarters.
func transpose16(r, t []VecPhysical) {
	for i := 0; i < 16; i += 2 {
		VUNPCKLPS(r[i+1], r[i], t[i])
		VUNPCKHPS(r[i+1], r[i], t[i+1])
	}
	for g := 0; g < 16; g += 4 {
		VUNPCKLPD(t[g+2], t[g], r[g])
		VUNPCKHPD(t[g+2], t[g], r[g+1])
		VUNPCKLPD(t[g+3], t[g+1], r[g+2])
		VUNPCKHPD(t[g+3], t[g+1], r[g+3])
	}
	// Quarter q of r[g+j] is column 4q+j of rows g … g+3.
	for j := range 4 {
		VSHUFF32X4(Imm(0x88), r[4+j], r[j], t[j])
		VSHUFF32X4(Imm(0xdd), r[4+j], r[j], t[4+j])
		VSHUFF32X4(Imm(0x88), r[12+j], r[8+j], t[8+j])
		VSHUFF32X4(Imm(0xdd), r[12+j], r[8+j], t[12+j])
	}
	for j := range 4 {
		VSHUFF32X4(Imm(0x88), t[8+j], t[j], r[j])
		VSHUFF32X4(Imm(0x88), t[12+j], t[4+j], r[4+j])
		VSHUFF32X4(Imm(0xdd), t[8+j], t[j], r[8+j])
		VSHUFF32X4(Imm(0xdd), t[12+j], t[4+j], r[12+j])
	}
}
