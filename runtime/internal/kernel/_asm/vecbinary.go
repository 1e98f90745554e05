package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// vecBinary generates functions of two numbers over rows: of two vectors (VV), a vector and a number (VS), a number and a vector (SV).
func vecBinary() {
	constants = map[uint32]Mem{}
	masks := laneMasks()
	for _, f := range []struct {
		name, doc string
		steps     [2]int
		code      func(v *vec) func(a, b value) value
	}{
		{"Add", "a + b", [2]int{4, 4}, func(v *vec) func(a, b value) value { return func(a, b value) value { return v.add(a, b) } }},
		{"Sub", "a − b", [2]int{4, 4}, func(v *vec) func(a, b value) value { return func(a, b value) value { return v.sub(a, b) } }},
		{"Mul", "a · b", [2]int{4, 4}, func(v *vec) func(a, b value) value { return func(a, b value) value { return v.mul(a, b) } }},
		{"Div", "a / b", [2]int{4, 4}, func(v *vec) func(a, b value) value { return func(a, b value) value { return v.div(a, b) } }},
		{"Max", "the larger of a and b, NaN if one is", [2]int{4, 2}, (*vec).larger},
		{"Min", "the smaller of a and b, NaN if one is", [2]int{4, 2}, (*vec).smaller},
		{"PRelu", "a where a ≥ 0, else a·b", [2]int{4, 2}, (*vec).prelu},
	} {
		for i, wide := range []bool{true, false} {
			for _, form := range []string{"VV", "VS", "SV"} {
				v := &vec{wide: wide}
				name := "asm" + f.name + form + v.suffix()
				TEXT(name, NOSPLIT, "func(dst, a, b *float32, n, rows, da, db int)")
				Pragma("noescape")
				Doc(name + " writes " + f.doc + " for rows > 0 rows of n > 0 numbers; da and db are the numbers from a row of a or b to the next.")
				v.rows(f.code(v), form, f.steps[i], masks)
			}
		}
	}
}

// larger gives a where both are equal.
func (v *vec) larger() func(a, b value) value {
	return func(a, b value) value { return v.pick(notOrdered, b, b, b, v.max(b, a)) }
}

func (v *vec) smaller() func(a, b value) value {
	return func(a, b value) value { return v.pick(notOrdered, b, b, b, v.min(b, a)) }
}

func (v *vec) prelu() func(a, b value) value {
	zero := v.num(0)
	return func(a, b value) value { return v.pick(less, a, zero, v.mul(a, b), a) }
}

// rows is the loop over rows, in each of which several vectors are followed by single ones and a cut one.
func (v *vec) rows(f func(a, b value) value, form string, steps int, masks Mem) {
	dst, rows, n := Load(Param("dst"), GP64()), Load(Param("rows"), GP64()), GP64()
	var operands [2]struct {
		base, step, at Register // of the row, bytes between rows, of the vector
		scalar         bool
		all            VecVirtual
	}
	for i, name := range []string{"a", "b"} {
		o := &operands[i]
		o.scalar = form[i] == 'S'
		o.base, o.step = Load(Param(name), GP64()), Load(Param("d"+name), GP64())
		SHLQ(Imm(2), o.step)
		if o.at = o.base; o.scalar {
			o.all = v.reg()
		} else {
			o.at = GP64()
		}
	}
	Load(Param("n"), n)
	lanes, size := v.lanes(), 4*v.lanes()
	last := GP64()
	MOVQ(n, last)
	ANDQ(Imm(uint64(lanes-1)), last)
	t := v.first(last, masks)
	load := func(f func(m Mem, i int) Op) (a, b value) {
		var out [2]value
		for k, o := range operands {
			for i := range v.step {
				if o.scalar {
					out[k] = append(out[k], o.all)
				} else {
					out[k] = append(out[k], f(Mem{Base: o.at, Disp: i * size}, i))
				}
			}
		}
		return out[0], out[1]
	}
	advance := func(vectors int) {
		for _, o := range operands {
			if !o.scalar {
				ADDQ(U32(uint32(vectors*size)), o.at)
			}
		}
		ADDQ(U32(uint32(vectors*size)), dst)
	}
	full := func(m Mem, _ int) Op {
		r := v.reg()
		VMOVUPS(m, r)
		return r
	}
	left := GP64()

	Label("row")
	for _, o := range operands {
		if o.scalar {
			VBROADCASTSS(Mem{Base: o.base}, o.all)
		} else {
			MOVQ(o.base, o.at)
		}
		ADDQ(o.step, o.base)
	}
	MOVQ(n, left)
	SUBQ(U32(uint32(steps*lanes)), left)
	JLT(LabelRef("few"))
	align()
	Label("loop")
	v.step = steps
	for i, y := range f(load(full)) {
		VMOVUPS(y, Mem{Base: dst, Disp: i * size})
	}
	advance(steps)
	SUBQ(U32(uint32(steps*lanes)), left)
	JGE(LabelRef("loop"))
	Label("few")
	v.step = 1
	ADDQ(U32(uint32((steps-1)*lanes)), left)
	JLT(LabelRef("cut"))
	Label("single")
	VMOVUPS(f(load(full))[0], Mem{Base: dst})
	advance(1)
	SUBQ(U32(uint32(lanes)), left)
	JGE(LabelRef("single"))
	Label("cut")
	TESTQ(last, last)
	JZ(LabelRef("next"))
	v.storeTail(t, f(load(func(m Mem, _ int) Op { return v.loadTail(t, m) }))[0], Mem{Base: dst})
	LEAQ(Mem{Base: dst, Index: last, Scale: 4}, dst)
	Label("next")
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}
