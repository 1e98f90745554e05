package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// selects generates comparisons of float32 and choices by truth values, for multiples of 16 elements. Operands are vectors (V) or numbers (S).
func selects() {
	constants = map[uint32]Mem{}
	for _, wide := range []bool{true, false} {
		for _, form := range []string{"VV", "VS", "SV"} {
			for _, c := range []struct {
				name, sign string
				how        uint64
			}{{"Equal", "=", 0}, {"Less", "<", 1}, {"LessOrEqual", "≤", 2}} {
				v := &vec{wide: wide, step: 16 / (&vec{wide: wide}).lanes()}
				v.compare(c.name+form, "a "+c.sign+" b", form, c.how)
			}
		}
		for _, form := range []string{"VV", "VS", "SV", "SS"} {
			v := &vec{wide: wide, step: 16 / (&vec{wide: wide}).lanes()}
			v.where("Where"+form, form)
		}
	}
}

// side is a vector operand, or a number in all lanes.
type side struct {
	base Register
	all  value
}

func (v *vec) side(name string, form byte) side {
	s := side{base: Load(Param(name), GP64())}
	if form == 'S' {
		r := v.reg()
		VBROADCASTSS(Mem{Base: s.base}, r)
		s.all = v.all(r)
	}
	return s
}

func (v *vec) block(s side) value {
	if s.all != nil {
		return s.all
	}
	return v.make(func(i int, d VecVirtual) { VMOVUPS(Mem{Base: s.base, Disp: i * 4 * v.lanes()}, d) })
}

func (s side) advance() {
	if s.all == nil {
		ADDQ(Imm(64), s.base)
	}
}

func (v *vec) compare(name, doc, form string, how uint64) {
	name = "asm" + name + v.suffix()
	TEXT(name, NOSPLIT, "func(dst *bool, a, b *float32, n int)")
	Pragma("noescape")
	Doc(name + " writes whether " + doc + ", for n > 0 numbers, a multiple of 16.")
	a, b, dst, n := v.side("a", form[0]), v.side("b", form[1]), Load(Param("dst"), GP64()), GP64()
	Load(Param("n"), n)
	ones := XMM()
	VBROADCASTSS(v.memory(0x01010101), ones)
	align()
	Label("loop")
	x, y, out := v.block(a), v.block(b), XMM()
	if v.wide {
		k := K()
		VCMPPS(Imm(how), y[0], x[0], k)
		VMOVDQU8_Z(ones, k, out)
	} else {
		m := v.make(func(i int, d VecVirtual) { VCMPPS(Imm(how), y[i], x[i], d) })
		words, high := YMM(), XMM()
		VPACKSSDW(m[1], m[0], words) // by halves: 0 … 3, 8 … 11, 4 … 7, 12 … 15
		VPERMQ(Imm(0xd8), words, words)
		VEXTRACTI128(Imm(1), words, high)
		VPACKSSWB(high, words.AsX(), out)
		VPAND(ones, out, out)
	}
	VMOVUPS(out, Mem{Base: dst})
	a.advance()
	b.advance()
	ADDQ(Imm(16), dst)
	SUBQ(Imm(16), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func (v *vec) where(name, form string) {
	name = "asm" + name + v.suffix()
	TEXT(name, NOSPLIT, "func(dst *uint32, cond *bool, x, y *uint32, n int)")
	Pragma("noescape")
	Doc(name + " writes x where cond holds, else y, for n > 0 elements, a multiple of 16.")
	x, y, cond, dst, n := v.side("x", form[0]), v.side("y", form[1]), Load(Param("cond"), GP64()), Load(Param("dst"), GP64()), GP64()
	Load(Param("n"), n)
	zero := v.reg()
	if v.wide {
		VPXORD(zero, zero, zero)
	} else {
		VPXOR(zero, zero, zero)
	}
	align()
	Label("loop")
	yes, no := v.block(x), v.block(y)
	for i := range v.step {
		c, out := v.reg(), v.reg()
		VPMOVZXBD(Mem{Base: cond, Disp: i * v.lanes()}, c)
		if v.wide {
			k := K()
			VPTESTMD(c, c, k)
			VBLENDMPS(yes[i], no[i], k, out)
		} else {
			VPCMPEQD(zero, c, c)
			VBLENDVPS(c, no[i], yes[i], out)
		}
		VMOVUPS(out, Mem{Base: dst, Disp: i * 4 * v.lanes()})
	}
	x.advance()
	y.advance()
	ADDQ(Imm(16), cond)
	ADDQ(Imm(64), dst)
	SUBQ(Imm(16), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
