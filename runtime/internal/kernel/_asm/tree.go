package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// treeLanes is treeRows in tree_forest.go: walks that a call does side by side.
const treeLanes = 32

// tree generates the walks through a Forest: 32 rows through one tree, or one row through 32 trees.
func tree() {
	lanes := GLOBL("treeLane", RODATA|NOPTR)
	for i := range treeLanes {
		DATA(4*i, U32(uint32(i)))
	}
	for _, rows := range []bool{true, false} {
		treeWalk512(rows, lanes)
		treeWalk2(rows, lanes)
	}
}

// treeLoad declares a function and loads what all of them take: RBX nodes, RCX the table, RDX x, RSI the most steps, RDI the results, and where one
// row goes through many trees R8 their roots.
func treeLoad(width string, rows bool, lanes int) {
	name, params, what := "asmTreeRows"+width, "func(nodes *uint64, table *uint32, x *float32, shift, depth int, out *uint32)",
		fmt.Sprintf("walks %d rows through a tree: element c of row r is x[%d*c+r]", lanes, treeLanes)
	if !rows {
		name, params = "asmTreeTrees"+width, "func(nodes *uint64, table *uint32, roots *int32, x *float32, shift, depth int, out *uint32)"
		what = fmt.Sprintf("walks the row x through %d trees, which start at roots", lanes)
	}
	TEXT(name, NOSPLIT|NOFRAME, params)
	Pragma("noescape")
	Doc(name + " " + what + ", and stores what table has for the nodes that they come to.")
	Load(Param("nodes"), RBX)
	Load(Param("table"), RCX)
	Load(Param("x"), RDX)
	Load(Param("depth"), RSI)
	Load(Param("out"), RDI)
	if !rows {
		Load(Param("roots"), R8)
	}
	Load(Param("shift"), RAX)
	VMOVQ(RAX, X14)
}

// treeWalk512 has two vectors of walks: nodes in Z0 and Z1, where the walks of each lane start from in Z12 and Z13 (or its column in x).
func treeWalk512(rows bool, lanes Mem) {
	treeLoad("512", rows, 32)
	idx, word, limit, col, val, home := z[0:2], z[2:4], z[4:6], z[6:8], z[8:10], z[12:14]
	gatherMask := []Register{K1, K2}
	yes, same := []Register{K3, K4}, []Register{K5, K6}
	VPTERNLOGD(Imm(0xff), Z11, Z11, Z11) // −1
	VPSLLD(X14, Z11, Z10)
	VPANDND(Z11, Z10, Z10) // the bits of the column
	for i := range 2 {
		if rows {
			VMOVDQU32(lanes.Offset(64*i), home[i])
			VPXORD(idx[i], idx[i], idx[i])
		} else {
			VMOVDQU32(Mem{Base: R8, Disp: 64 * i}, home[i])
			VMOVDQA32(home[i], idx[i])
		}
	}
	gather := func(op func(a, b, c Op), base Mem, index, dst []VecPhysical) {
		for i := range 2 {
			VPXORD(dst[i], dst[i], dst[i])
			KXNORW(gatherMask[i], gatherMask[i], gatherMask[i])
			base.Index = index[i]
			op(base, gatherMask[i], dst[i])
		}
	}
	TESTQ(RSI, RSI)
	JZ(LabelRef("done"))
	align()
	Label("step")
	gather(VPGATHERDD, Mem{Base: RBX, Scale: 8}, idx, word)
	gather(VGATHERDPS, Mem{Base: RBX, Scale: 8, Disp: 4}, idx, limit)
	for i := range 2 {
		VPANDD(Z10, word[i], col[i])
		if rows {
			VPSLLD(Imm(5), col[i], col[i])
			VPADDD(home[i], col[i], col[i])
		}
		VPSRLD(X14, word[i], word[i])
		if !rows {
			VPADDD(home[i], word[i], word[i])
		}
	}
	gather(VGATHERDPS, Mem{Base: RDX, Scale: 4}, col, val)
	for i := range 2 {
		VCMPPS(Imm(2), limit[i], val[i], yes[i])
		VPSUBD(Z11, word[i], yes[i], word[i])
		VPCMPEQD(idx[i], word[i], same[i])
		VMOVDQA32(word[i], idx[i])
	}
	KANDW(K5, K6, K5)
	KORTESTW(K5, K5) // carry: all of them stay where they are
	JCS(LabelRef("done"))
	DECQ(RSI)
	JNZ(LabelRef("step"))
	Label("done")
	gather(VPGATHERDD, Mem{Base: RCX, Scale: 4}, idx, val)
	for i := range 2 {
		VMOVDQU32(val[i], Mem{Base: RDI, Disp: 64 * i})
	}
	VZEROUPPER()
	RET()
}

// treeWalk2 is treeWalk512 for two vectors of eight walks.
func treeWalk2(rows bool, lanes Mem) {
	treeLoad("2", rows, 16)
	idx, word, limit, val, home := y[0:2], y[2:4], y[4:6], y[6:8], y[8:10]
	VPCMPEQD(Y11, Y11, Y11) // −1
	VPSLLD(X14, Y11, Y10)
	VPANDN(Y11, Y10, Y10) // the bits of the column
	for i := range 2 {
		if rows {
			VMOVDQU(lanes.Offset(32*i), home[i])
			VPXOR(idx[i], idx[i], idx[i])
		} else {
			VMOVDQU(Mem{Base: R8, Disp: 32 * i}, home[i])
			VMOVDQA(home[i], idx[i])
		}
	}
	gather := func(op func(a, b, c Op), base Mem, index, dst []VecPhysical) {
		for i := range 2 {
			m := y[12+i]
			VPXOR(dst[i], dst[i], dst[i])
			VPCMPEQD(m, m, m)
			base.Index = index[i]
			op(m, base, dst[i])
		}
	}
	TESTQ(RSI, RSI)
	JZ(LabelRef("done"))
	align()
	Label("step")
	gather(VPGATHERDD, Mem{Base: RBX, Scale: 8}, idx, word)
	gather(VGATHERDPS, Mem{Base: RBX, Scale: 8, Disp: 4}, idx, limit)
	for i := range 2 {
		col := y[12+i]
		VPAND(Y10, word[i], col)
		if rows {
			VPSLLD(Imm(5), col, col)
			VPADDD(home[i], col, col)
		}
		VPSRLD(X14, word[i], word[i])
		if !rows {
			VPADDD(home[i], word[i], word[i])
		}
		VPXOR(val[i], val[i], val[i])
		VPCMPEQD(Y15, Y15, Y15)
		VGATHERDPS(Y15, Mem{Base: RDX, Index: col, Scale: 4}, val[i])
	}
	for i := range 2 {
		VCMPPS(Imm(2), limit[i], val[i], val[i])
		VPSUBD(val[i], word[i], word[i])
		VPCMPEQD(idx[i], word[i], y[12+i])
		VMOVDQA(word[i], idx[i])
	}
	VPCMPEQD(idx[0], idx[0], Y15) // −1
	VPAND(Y12, Y13, Y12)
	VPTEST(Y15, Y12) // carry: all of them stay where they are
	JCS(LabelRef("done"))
	DECQ(RSI)
	JNZ(LabelRef("step"))
	Label("done")
	gather(VPGATHERDD, Mem{Base: RCX, Scale: 4}, idx, val)
	for i := range 2 {
		VMOVDQU(val[i], Mem{Base: RDI, Disp: 32 * i})
	}
	VZEROUPPER()
	RET()
}
