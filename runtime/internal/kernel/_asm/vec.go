package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// vec writes code for vectors of one width. A value is several registers, one for each vector of a step, so that what does not depend on each
// other stands side by side. Names are those of the arithmetic: v.sub(a, b) is a − b.
type vec struct {
	wide bool // 512 bits, else 256
	step int  // vectors of a value
	full bool // no register is left for constants
}

// value is one operand per vector of a step.
type value []Op

func (v *vec) lanes() int {
	if v.wide {
		return 16
	}
	return 8
}

func (v *vec) reg() VecVirtual {
	if v.wide {
		return ZMM()
	}
	return YMM()
}

func (v *vec) suffix() string {
	if v.wide {
		return "512"
	}
	return "2"
}

var constants map[uint32]Mem // by bits, of the family that is generated

// memory is a constant in the lanes of the widest vectors.
func (v *vec) memory(b uint32) Mem {
	m, ok := constants[b]
	if !ok {
		m = GLOBL(fmt.Sprintf("vec_%08x", b), RODATA|NOPTR)
		for i := range 16 {
			DATA(4*i, U32(b))
		}
		constants[b] = m
	}
	return m
}

// bits is a constant in all lanes: in a register where there are 32 of them, else in memory. Constants come before the loop.
func (v *vec) bits(b uint32) Op {
	m := v.memory(b)
	if !v.wide || v.full {
		return m
	}
	r := v.reg()
	VBROADCASTSS(m, r)
	return r
}

func (v *vec) num(x float64) Op { return v.bits(math.Float32bits(float32(x))) }

// nums are constants, highest first, as Horner's scheme takes them.
func (v *vec) nums(c ...float64) []Op {
	out := make([]Op, len(c))
	for i, x := range c {
		out[len(c)-1-i] = v.num(x)
	}
	return out
}

// param is a float32 argument in all lanes.
func (v *vec) param(name string) Op {
	a, err := Param(name).Resolve()
	check(err)
	r := v.reg()
	VBROADCASTSS(a.Addr, r)
	return r
}

// minus is −x for a constant in a register.
func (v *vec) minus(x Op) Op {
	r := v.reg()
	VXORPS(v.bits(signBits), x, r)
	return r
}

// all is an operand for every vector of a step.
func (v *vec) all(o Op) value {
	out := make(value, v.step)
	for i := range out {
		out[i] = o
	}
	return out
}

func (v *vec) operands(x any) value {
	if o, ok := x.(value); ok {
		return o
	}
	return v.all(x.(Op))
}

// regs brings constants in memory to registers.
func (v *vec) regs(x any) value {
	if m, ok := x.(Mem); ok { // one register serves all vectors
		r := v.reg()
		VMOVUPS(m, r)
		return v.all(r)
	}
	return v.operands(x)
}

// copy is x in registers that may be changed.
func (v *vec) copy(x any) value {
	return v.make(func(i int, d VecVirtual) { VMOVUPS(v.operands(x)[i], d) })
}

func (v *vec) make(f func(i int, d VecVirtual)) value {
	out := make(value, v.step)
	for i := range out {
		d := v.reg()
		f(i, d)
		out[i] = d
	}
	return out
}

// The second operand may lie in memory; min and max give their second operand where one of the two is NaN, or where both are zeros.

func (v *vec) binary(op func(...Op), a, b any) value {
	x, y := v.regs(a), v.operands(b)
	return v.make(func(i int, d VecVirtual) { op(y[i], x[i], d) })
}

func (v *vec) add(a, b any) value { return v.binary(VADDPS, a, b) }
func (v *vec) sub(a, b any) value { return v.binary(VSUBPS, a, b) }
func (v *vec) mul(a, b any) value { return v.binary(VMULPS, a, b) }
func (v *vec) div(a, b any) value { return v.binary(VDIVPS, a, b) }
func (v *vec) min(a, b any) value { return v.binary(VMINPS, a, b) }
func (v *vec) max(a, b any) value { return v.binary(VMAXPS, a, b) }
func (v *vec) and(a, b any) value { return v.binary(VANDPS, a, b) }
func (v *vec) or(a, b any) value  { return v.binary(VORPS, a, b) }
func (v *vec) xor(a, b any) value { return v.binary(VXORPS, a, b) }

// andNot is b without the bits of a.
func (v *vec) andNot(a, b any) value { return v.binary(VANDNPS, a, b) }

func (v *vec) sqrt(x any) value {
	return v.make(func(i int, d VecVirtual) { VSQRTPS(v.operands(x)[i], d) })
}

// Modes of rounding, without exceptions.
const (
	toNearest = 8
	toFloor   = 9
	toCeil    = 10
)

func (v *vec) round(mode uint64, x any) value {
	return v.make(func(i int, d VecVirtual) {
		if v.wide {
			VRNDSCALEPS(Imm(mode), v.operands(x)[i], d)
		} else {
			VROUNDPS(Imm(mode), v.operands(x)[i], d)
		}
	})
}

// mulAdd changes p to p·x + c.
func (v *vec) mulAdd(p value, x, c any) value {
	m, a := v.regs(x), v.operands(c)
	for i := range p {
		VFMADD213PS(a[i], m[i], p[i])
	}
	return p
}

// addMul changes s to s + a·b.
func (v *vec) addMul(s value, a, b any) value {
	x, y := v.regs(a), v.operands(b)
	for i := range s {
		VFMADD231PS(y[i], x[i], s[i])
	}
	return s
}

// subMul changes s to s − a·b.
func (v *vec) subMul(s value, a, b any) value {
	x, y := v.regs(a), v.operands(b)
	for i := range s {
		VFNMADD231PS(y[i], x[i], s[i])
	}
	return s
}

// horner is c[0]·xⁿ + … + c[n].
func (v *vec) horner(x any, c []Op) value {
	p := v.copy(c[0])
	for _, k := range c[1:] {
		v.mulAdd(p, x, k)
	}
	return p
}

// scale is p·2ⁿ for whole numbers n from −160 to 128, rounded once.
func (v *vec) scale(p, n value, bias Op) value {
	if v.wide {
		return v.make(func(i int, d VecVirtual) { VSCALEFPS(n[i], p[i], d) })
	}
	return v.make(func(i int, d VecVirtual) { // by two powers, each a normal number
		whole, half := v.reg(), v.reg()
		VCVTPS2DQ(n[i], whole)
		VPSRAD(Imm(1), whole, half)
		VPSUBD(half, whole, whole)
		VMOVUPS(p[i], d)
		for _, e := range []VecVirtual{half, whole} {
			VPADDD(bias, e, e)
			VPSLLD(Imm(23), e, e)
			VMULPS(e, d, d)
		}
	})
}

// power is 2ⁿ for whole numbers n from −126 to 127.
func (v *vec) power(n value, one Op) value {
	if v.wide {
		return v.scale(v.regs(one), n, nil)
	}
	return v.make(func(i int, d VecVirtual) {
		VCVTPS2DQ(n[i], d)
		VPSLLD(Imm(23), d, d)
		VPADDD(one, d, d)
	})
}

func (v *vec) getMantissa(mode uint64, x value) value {
	return v.make(func(i int, d VecVirtual) { VGETMANTPS(Imm(mode), x[i], d) })
}

func (v *vec) getExponent(x value) value {
	return v.make(func(i int, d VecVirtual) { VGETEXPPS(x[i], d) })
}

// splitBits is x = m·2ᵉ with start ≤ m < 2·start, for normal x > 0.
func (v *vec) splitBits(x value, start Op) (e, m value) {
	e = v.make(func(i int, d VecVirtual) {
		VPSUBD(start, x[i], d)
		VPSRAD(Imm(23), d, d)
	})
	m = v.make(func(i int, d VecVirtual) {
		VPSLLD(Imm(23), e[i], d)
		VPSUBD(d, x[i], d)
		VCVTDQ2PS(e[i], e[i])
	})
	return e, m
}

// Comparisons for pick; with NaN all but notOrdered are false.
const (
	equal      = 0
	less       = 1
	notOrdered = 3
)

// pick is yes where a compares so with b, else no.
func (v *vec) pick(how uint64, a, b any, yes, no any) value {
	x, y, t, f := v.regs(a), v.operands(b), v.operands(yes), v.regs(no)
	return v.make(func(i int, d VecVirtual) {
		if v.wide {
			k := K()
			VCMPPS(Imm(how), y[i], x[i], k)
			VBLENDMPS(t[i], f[i], k, d)
			return
		}
		m := YMM()
		VCMPPS(Imm(how), y[i], x[i], m)
		VBLENDVPS(m, t[i], f[i], d)
	})
}

// laneMasks gives masks of the first n lanes: 8 words of ones before 8 of zeros.
func laneMasks() Mem {
	m := GLOBL("vecLanes", RODATA|NOPTR)
	for i := range 16 {
		w := uint32(0)
		if i < 8 {
			w = math.MaxUint32
		}
		DATA(4*i, U32(w))
	}
	return m
}

// tail is a mask of the lanes that are left when fewer than a vector are.
type tail struct {
	k    Register   // wide
	mask VecVirtual // else
}

// tail makes the mask of the first min(n, lanes) lanes; n > 0.
func (v *vec) tail(n GPVirtual, masks Mem) tail {
	left := GP64()
	MOVQ(U32(uint32(v.lanes())), left)
	CMPQ(n, left)
	CMOVQLT(n, left)
	return v.first(left, masks)
}

// first makes the mask of the first n lanes.
func (v *vec) first(n GPVirtual, masks Mem) tail {
	bits := GP64()
	if v.wide {
		k := K()
		MOVQ(I32(-1), bits)
		BZHIQ(n, bits, bits)
		KMOVW(bits.As32(), k)
		return tail{k: k}
	}
	m, table := YMM(), GP64()
	MOVQ(n, bits)
	NEGQ(bits)
	LEAQ(masks.Offset(32), table)
	VMOVUPS(Mem{Base: table, Index: bits, Scale: 4}, m)
	return tail{mask: m}
}

func (v *vec) loadTail(t tail, m Mem) Op {
	r := v.reg()
	if v.wide {
		VMOVUPS_Z(m, t.k, r)
	} else {
		VMASKMOVPS(m, t.mask, r)
	}
	return r
}

func (v *vec) storeTail(t tail, x Op, m Mem) {
	if v.wide {
		VMOVUPS(x, t.k, m)
	} else {
		VMASKMOVPS(x, t.mask, m)
	}
}
