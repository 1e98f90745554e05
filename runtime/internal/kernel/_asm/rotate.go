package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// rotate generates the turning of pairs whose members lie in two rows.
func rotate() {
	masks := laneMasks()
	for _, wide := range []bool{true, false} {
		v := &vec{wide: wide, step: 1}
		name := "asmRotate" + v.suffix()
		TEXT(name, NOSPLIT, "func(y, x, cos, sin *float32, n, off int)")
		Pragma("noescape")
		Doc(name + " writes x[i]·cos[i] − x[i+n]·sin[i] to y[i] and x[i+n]·cos[i+off] + x[i]·sin[i+off] to y[i+n], for 0 ≤ i < n and n > 0.")
		v.turn(masks)
	}
}

func (v *vec) turn(masks Mem) {
	type pair struct{ low, high Register } // where the two halves are
	rows := map[string]pair{}
	n := Load(Param("n"), GP64()).(GPVirtual)
	for _, name := range []string{"y", "x", "cos", "sin"} {
		p := pair{Load(Param(name), GP64()), GP64()}
		by := Register(n)
		if name == "cos" || name == "sin" {
			by = Load(Param("off"), GP64())
		}
		LEAQ(Mem{Base: p.low, Index: by, Scale: 4}, p.high)
		rows[name] = p
	}
	at := GP64()
	XORQ(at, at)
	mem := func(r Register) Mem { return Mem{Base: r, Index: at, Scale: 4} }
	turn := func(load func(m Mem) Op, store func(x Op, m Mem)) {
		a, b := load(mem(rows["x"].low)), load(mem(rows["x"].high))
		s0, s1 := load(mem(rows["sin"].low)), load(mem(rows["sin"].high))
		y0, y1 := v.reg(), v.reg()
		VMULPS(s0, b, y0)
		VMULPS(s1, a, y1)
		VFMSUB231PS(load(mem(rows["cos"].low)), a, y0)
		VFMADD231PS(load(mem(rows["cos"].high)), b, y1)
		store(y0, mem(rows["y"].low))
		store(y1, mem(rows["y"].high))
	}
	SUBQ(U32(uint32(v.lanes())), n)
	JLT(LabelRef("cut"))
	Label("loop")
	turn(func(m Mem) Op {
		r := v.reg()
		VMOVUPS(m, r)
		return r
	}, func(x Op, m Mem) { VMOVUPS(x, m) })
	ADDQ(U32(uint32(v.lanes())), at)
	SUBQ(U32(uint32(v.lanes())), n)
	JGE(LabelRef("loop"))
	Label("cut")
	ADDQ(U32(uint32(v.lanes())), n)
	JZ(LabelRef("done"))
	t := v.first(n, masks)
	turn(func(m Mem) Op { return v.loadTail(t, m) }, func(x Op, m Mem) { v.storeTail(t, x, m) })
	Label("done")
	VZEROUPPER()
	RET()
}
