package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// convert generates conversions of multiples of 16 numbers; a rest goes through a buffer of that many.
func convert() {
	constants = map[uint32]Mem{}
	const from16, from32, from64 = "dst *float32, src *uint16, n int", "dst *uint16, src *float32, n int", "dst *float32, src *int64, n int"
	for _, wide := range []bool{true, false} {
		v := &vec{wide: wide, step: 1}
		v.convert("WidenHalf", from16, "float16 bits in float32", 4, 2, plain(v.widenHalf))
		v.convert("NarrowHalf", from32, "float32 numbers rounded to float16, to nearest, ties to even,", 2, 4, plain(v.narrowHalf))
		v.convert("WidenBFloat", from16, "bfloat16 bits in float32", 4, 2, plain(v.widenBFloat))
		v.convert("NarrowBFloat", from32, "float32 numbers rounded to bfloat16, to nearest, ties to even,", 2, 4, v.narrowBFloat)
		v.convert("IntsToFloats", "dst *float32, src *int32, n int", "int32 numbers rounded to float32", 4, 4, plain(func(src, dst Mem) {
			for i := range 16 / v.lanes() {
				x := v.reg()
				VCVTDQ2PS(src.Offset(i*4*v.lanes()), x)
				VMOVUPS(x, dst.Offset(i*4*v.lanes()))
			}
		}))
		v.convert("FloatsToInts", "dst *int32, src *float32, n int", "float32 numbers cut to int32, the smallest for what it cannot hold,", 4, 4, plain(func(src, dst Mem) {
			for i := range 16 / v.lanes() {
				x := v.reg()
				VCVTTPS2DQ(src.Offset(i*4*v.lanes()), x)
				VMOVUPS(x, dst.Offset(i*4*v.lanes()))
			}
		}))
	}
	v := &vec{wide: true, step: 1} // AVX2 knows no 64-bit integers here
	v.convert("LongsToFloats", from64, "int64 numbers rounded to float32", 4, 8, plain(func(src, dst Mem) {
		for i := range 2 {
			x := YMM()
			VCVTQQ2PS(v.load(src.Offset(64*i)), x)
			VMOVUPS(x, dst.Offset(32*i))
		}
	}))
	v.convert("FloatsToLongs", "dst *int64, src *float32, n int", "float32 numbers cut to int64, the smallest for what it cannot hold,", 8, 4, plain(func(src, dst Mem) {
		for i := range 2 {
			x := ZMM()
			VCVTTPS2QQ(src.Offset(32*i), x)
			VMOVUPS(x, dst.Offset(64*i))
		}
	}))
}

// plain is the code of a block that needs no constants.
func plain(block func(src, dst Mem)) func() func(src, dst Mem) {
	return func() func(src, dst Mem) { return block }
}

// convert is the loop over blocks of 16 numbers of the given sizes; block loads its constants and returns the code of one.
func (v *vec) convert(name, params, doc string, to, from int, block func() func(src, dst Mem)) {
	name = "asm" + name + v.suffix()
	TEXT(name, NOSPLIT, "func("+params+")")
	Pragma("noescape")
	Doc(name + " writes n " + doc + " n > 0 a multiple of 16.")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), GP64()
	Load(Param("n"), n)
	code := block()
	align()
	Label("loop")
	code(Mem{Base: src}, Mem{Base: dst})
	ADDQ(Imm(uint64(16*from)), src)
	ADDQ(Imm(uint64(16*to)), dst)
	SUBQ(Imm(16), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

func (v *vec) load(m Mem) VecVirtual {
	r := v.reg()
	VMOVUPS(m, r)
	return r
}

func (v *vec) widenHalf(src, dst Mem) {
	for i := range 16 / v.lanes() {
		x := v.reg()
		VCVTPH2PS(src.Offset(i*2*v.lanes()), x)
		VMOVUPS(x, dst.Offset(i*4*v.lanes()))
	}
}

func (v *vec) narrowHalf(src, dst Mem) {
	for i := range 16 / v.lanes() {
		VCVTPS2PH(Imm(0), v.load(src.Offset(i*4*v.lanes())), dst.Offset(i*2*v.lanes()))
	}
}

func (v *vec) widenBFloat(src, dst Mem) {
	for i := range 16 / v.lanes() {
		x := v.reg()
		VPMOVZXWD(src.Offset(i*2*v.lanes()), x)
		VPSLLD(Imm(16), x, x)
		VMOVUPS(x, dst.Offset(i*4*v.lanes()))
	}
}

// narrowBFloat adds almost half a unit, or half where the bit above is odd, and cuts. A NaN stays one: it gets the highest bit of those that are left.
func (v *vec) narrowBFloat() func(src, dst Mem) {
	one, half, quiet := v.bits(1), v.bits(0x7fff), v.bits(0x400000)
	return func(src, dst Mem) {
		var out []VecVirtual
		for i := range 16 / v.lanes() {
			x := v.load(src.Offset(i * 4 * v.lanes()))
			up := v.reg()
			VPSRLD(Imm(16), x, up)
			v.andInts(one, up)
			VPADDD(half, up, up)
			VPADDD(x, up, up)
			y := v.pick(notOrdered, value{x}, value{x}, v.or(value{x}, quiet), value{up})[0].(VecVirtual)
			VPSRLD(Imm(16), y, y)
			out = append(out, y)
		}
		if v.wide {
			VPMOVDW(out[0], dst)
			return
		}
		y := YMM()
		VPACKUSDW(out[1], out[0], y) // by halves: 0 … 3, 8 … 11, 4 … 7, 12 … 15
		VPERMQ(Imm(0xd8), y, y)
		VMOVUPS(y, dst)
	}
}

// andInts changes x to x & m.
func (v *vec) andInts(m Op, x VecVirtual) {
	if v.wide {
		VPANDD(m, x, x)
	} else {
		VPAND(m, x, x)
	}
}
