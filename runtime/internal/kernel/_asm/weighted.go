package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// weighted generates weighted sums of two rows.
func weighted() {
	masks := laneMasks()
	for _, wide := range []bool{true, false} {
		v := &vec{wide: wide, step: 1}
		TEXT("asmWeighted"+v.suffix(), NOSPLIT, "func(y, a, b *float32, n int, wa, wb float32)")
		Pragma("noescape")
		Doc("asmWeighted" + v.suffix() + " writes wa·a + wb·b for n > 0 numbers, the first product not rounded.")
		y, a, b, n := Load(Param("y"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64()), GP64()
		Load(Param("n"), n)
		wa, wb := v.param("wa"), v.param("wb")
		sum := func(load func(m Mem) Op) Op {
			s := v.reg()
			VMULPS(load(Mem{Base: b}), wb, s)
			VFMADD231PS(load(Mem{Base: a}), wa, s)
			return s
		}
		SUBQ(U32(uint32(v.lanes())), n)
		JLT(LabelRef("cut"))
		Label("loop")
		VMOVUPS(sum(func(m Mem) Op {
			r := v.reg()
			VMOVUPS(m, r)
			return r
		}), Mem{Base: y})
		for _, p := range []Op{y, a, b} {
			ADDQ(U32(uint32(4*v.lanes())), p)
		}
		SUBQ(U32(uint32(v.lanes())), n)
		JGE(LabelRef("loop"))
		Label("cut")
		ADDQ(U32(uint32(v.lanes())), n)
		JZ(LabelRef("done"))
		t := v.first(n, masks)
		v.storeTail(t, sum(func(m Mem) Op { return v.loadTail(t, m) }), Mem{Base: y})
		Label("done")
		VZEROUPPER()
		RET()
	}
}
