package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// sumLanes is the number of partial sums of a row: element i belongs to sum i%32. They are added as halves, 16 to 16, 8 to 8 and so on. All
// widths do the same, so that they give the same bits.
const sumLanes = 32

// norm generates what works on rows: normalizations, softmax and reductions.
func norm() {
	constants = map[uint32]Mem{}
	masks := laneMasks()
	for _, wide := range []bool{true, false} {
		for _, rms := range []bool{false, true} {
			for _, skip := range []bool{false, true} {
				normRows(&rowCode{vec: vec{wide: wide}, masks: masks}, rms, skip)
			}
		}
		for _, log := range []bool{false, true} {
			softmaxRows(&rowCode{vec: vec{wide: wide}, masks: masks}, log)
		}
		softmaxCols(&rowCode{vec: vec{wide: wide}, masks: masks})
		for _, squares := range []bool{false, true} {
			sumRow(&rowCode{vec: vec{wide: wide}, masks: masks}, squares)
		}
		for _, f := range []string{"Max", "Min"} {
			extremeRow(&rowCode{vec: vec{wide: wide}, masks: masks}, f)
		}
		affine(&rowCode{vec: vec{wide: wide}, masks: masks})
		addWide(&rowCode{vec: vec{wide: wide}, masks: masks})
	}
}

// rowCode writes loops over the elements of a row.
type rowCode struct {
	vec
	masks  Mem
	labels int
}

func (r *rowCode) label(name string) string {
	r.labels++
	return fmt.Sprintf("%s%d", name, r.labels)
}

// vectors is the number of vectors that hold all partial sums.
func (r *rowCode) vectors() int { return sumLanes / r.lanes() }

func (r *rowCode) zeros() value {
	r.step = r.vectors()
	return r.make(func(_ int, d VecVirtual) { VXORPS(d, d, d) })
}

// each calls body for the vectors of n elements, n > 0, several at a time and then one by one: at is the byte offset of the first one, first its
// partial sum, and t masks the last one. The offset of vector i of a step is i·size.
func (r *rowCode) each(n GPVirtual, steps int, body func(at GPVirtual, first int, t *tail)) {
	at, left := GP64(), GP64()
	size, all := 4*r.lanes(), r.vectors()
	XORQ(at, at)
	MOVQ(n, left)
	loop, rest, done := r.label("loop"), r.label("rest"), r.label("done")
	SUBQ(U32(sumLanes), left)
	JLT(LabelRef(rest))
	align()
	Label(loop)
	for first := 0; first < all; first += steps {
		r.step = steps
		body(at, first, nil)
		ADDQ(U32(uint32(steps*size)), at)
	}
	SUBQ(U32(sumLanes), left)
	JGE(LabelRef(loop))
	Label(rest)
	ADDQ(U32(sumLanes), left)
	for first := range all {
		JLE(LabelRef(done))
		r.step = 1
		t := r.tail(left, r.masks)
		body(at, first, &t)
		ADDQ(U32(uint32(size)), at)
		SUBQ(U32(uint32(r.lanes())), left)
	}
	Label(done)
	r.step = r.vectors()
}

// at is vector i of a step at an offset from base.
func (r *rowCode) at(base Register, off GPVirtual, i int) Mem {
	return Mem{Base: base, Index: off, Scale: 1, Disp: i * 4 * r.lanes()}
}

func (r *rowCode) load(base Register, off GPVirtual, t *tail) value {
	if t != nil {
		return value{r.loadTail(*t, r.at(base, off, 0))}
	}
	return r.make(func(i int, d VecVirtual) { VMOVUPS(r.at(base, off, i), d) })
}

func (r *rowCode) store(x value, base Register, off GPVirtual, t *tail) {
	for i := range x {
		if t != nil {
			r.storeTail(*t, x[i], r.at(base, off, i))
		} else {
			VMOVUPS(x[i], r.at(base, off, i))
		}
	}
}

// addTo adds x to the partial sums from first on, without the lanes that a tail cuts off.
func (r *rowCode) addTo(sums value, first int, x value, t *tail) {
	for i := range x {
		s := sums[first+i]
		switch {
		case t == nil:
			VADDPS(x[i], s, s)
		case r.wide:
			VADDPS(x[i], s, t.k, s)
		default:
			VANDPS(t.mask, x[i], x[i])
			VADDPS(x[i], s, s)
		}
	}
}

// addSquare adds x² like addTo.
func (r *rowCode) addSquare(sums value, first int, x value, t *tail) {
	for i := range x {
		s := sums[first+i]
		switch {
		case t == nil:
			VFMADD231PS(x[i], x[i], s)
		case r.wide:
			VFMADD231PS(x[i], x[i], t.k, s)
		default:
			VANDPS(t.mask, x[i], x[i])
			VFMADD231PS(x[i], x[i], s)
		}
	}
}

// fold combines the partial results of a row into one in all lanes.
func (r *rowCode) fold(op func(...Op), acc value) Register {
	for n := len(acc) / 2; n > 0; n /= 2 {
		for i := range n {
			op(acc[i+n], acc[i], acc[i])
		}
	}
	a := acc[0].(VecVirtual)
	if r.wide {
		h := ZMM()
		VEXTRACTF32X8(Imm(1), a, h.AsY())
		op(h.AsY(), a.AsY(), a.AsY())
	}
	h := XMM()
	VEXTRACTF128(Imm(1), a.AsY(), h)
	op(h, a.AsX(), a.AsX())
	VPERMILPS(Imm(0b1110), a.AsX(), h)
	op(h, a.AsX(), a.AsX())
	VPERMILPS(Imm(1), a.AsX(), h)
	op(h, a.AsX(), a.AsX())
	out := r.reg()
	VBROADCASTSS(a.AsX(), out)
	return out
}

// count is n as a float32 in all lanes.
func (r *rowCode) count(n GPVirtual) Register {
	x, out := XMM(), r.reg()
	VXORPS(x, x, x)
	VCVTSI2SSQ(n, x, x)
	VBROADCASTSS(x, out)
	return out
}

// next moves pointers by one row and ends the loop over rows.
func (r *rowCode) next(label string, rows, n GPVirtual, p ...GPVirtual) {
	for _, q := range p {
		LEAQ(Mem{Base: q, Index: n, Scale: 4}, q)
	}
	DECQ(rows)
	JNZ(LabelRef(label))
}

func (r *rowCode) pointer(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }

// normRows generates layer and RMS normalization, of x or of x + skip.
func normRows(r *rowCode, rms, skip bool) {
	name, in, doc := "LayerNorm", "x", "(x − mean)·inv·scale + bias, inv = 1/√(variance + eps)"
	params := "scale, bias, mean, inv *float32"
	if rms {
		name, doc, params = "RMSNorm", "x·scale/√(mean of x² + eps)", "scale *float32"
	}
	if skip {
		name, in, doc = "Skip"+name, "sum, x, skip", doc+", where x is sum = x + skip"
		params = map[bool]string{false: "scale, bias *float32", true: params}[rms]
	}
	name = "asm" + name + r.suffix()
	TEXT(name, NOSPLIT, "func(y, "+in+", "+params+", rows, n int, eps float32) (left int)")
	Pragma("noescape")
	lines := []string{name + " writes " + doc + ", for rows of n numbers, n > 0 and rows > 0."}
	if !rms {
		lines = append(lines, "A bias of nil is 0. A mean and an inv that are not nil have a number for each row.")
	}
	Doc(append(lines, "It stops before a row with sums that are not finite in float32 and returns how many rows are left.")...)
	y, x, scale := r.pointer("y"), r.pointer("x"), r.pointer("scale")
	pointers := []GPVirtual{y, x}
	source := x
	var other, mean, inv, bias GPVirtual
	if skip {
		other, source = r.pointer("skip"), r.pointer("sum")
		pointers = append(pointers, other, source)
	}
	stats := !rms && !skip
	if stats {
		mean, inv = r.pointer("mean"), r.pointer("inv")
	}
	if !rms {
		bias = r.pointer("bias")
	}
	rows, n := r.pointer("rows"), r.pointer("n")
	eps, count, one := r.param("eps"), r.count(n), r.num(1)
	Label("row")
	acc := r.zeros()
	r.each(n, r.vectors(), func(at GPVirtual, first int, t *tail) {
		v := r.load(x, at, t)
		if skip {
			v = r.add(v, r.load(other, at, t))
			r.store(v, source, at, t)
		}
		if rms {
			r.addSquare(acc, first, v, t)
		} else {
			r.addTo(acc, first, v, t)
		}
	})
	center := r.reg()
	total := r.fold(VADDPS, acc)
	if !rms {
		VDIVPS(count, total, center)
		acc = r.zeros()
		r.each(n, r.vectors(), func(at GPVirtual, first int, t *tail) {
			r.addSquare(acc, first, r.sub(r.load(source, at, t), center), t)
		})
		total = r.fold(VADDPS, acc)
	}
	factor := r.reg()
	VSUBPS(total, total, factor) // NaN unless the sum is finite
	VUCOMISS(factor.AsX(), factor.AsX())
	JP(LabelRef("done"))
	VDIVPS(count, total, factor)
	VADDPS(eps, factor, factor)
	VSQRTPS(factor, factor)
	r.step = 1
	factor = r.div(one, value{factor})[0].(VecVirtual)
	if stats {
		r.stat(mean, center)
		r.stat(inv, factor)
	}
	write := func(biased bool) {
		r.each(n, 2, func(at GPVirtual, _ int, t *tail) {
			v := r.load(source, at, t)
			if !rms {
				v = r.sub(v, center)
			}
			v = r.mul(v, factor)
			if biased {
				r.mulAdd(v, r.load(scale, at, t), r.load(bias, at, t))
			} else {
				v = r.mul(v, r.load(scale, at, t))
			}
			r.store(v, y, at, t)
		})
	}
	if !rms {
		TESTQ(bias, bias)
		JZ(LabelRef("plain"))
		write(true)
		JMP(LabelRef("next"))
		Label("plain")
	}
	write(false)
	Label("next")
	r.next("row", rows, n, pointers...)
	Label("done")
	Store(rows, Return("left"))
	VZEROUPPER()
	RET()
}

// stat stores a number behind p and moves it, if it is not nil.
func (r *rowCode) stat(p GPVirtual, x VecVirtual) {
	skip := r.label("nil")
	TESTQ(p, p)
	JZ(LabelRef(skip))
	VMOVSS(x.AsX(), Mem{Base: p})
	ADDQ(Imm(4), p)
	Label(skip)
}

// expNegative is eˣ for x ≤ 0. On AVX2 it is 0 from −87 on, where one power of two can no longer scale it.
func (r *rowCode) expNegative() code {
	if r.wide {
		return r.expWithin(-104, math.Inf(1))
	}
	const lowest, notLess = -87, 5
	reduce, one, bias, least := r.expReduce(lowest, math.Inf(1)), r.num(1), r.bias(), r.num(lowest)
	return func(x value) value {
		e := reduce(x)
		y := r.add(e.tail, one)
		for i := range y {
			p, m := r.reg(), r.reg()
			VCVTPS2DQ(e.n[i], p)
			VPADDD(bias, p, p)
			VPSLLD(Imm(23), p, p)
			VMULPS(p, y[i], y[i])
			VCMPPS(Imm(notLess), least, x[i], m)
			VANDPS(m, y[i], y[i])
		}
		return y
	}
}

// softmaxRows generates softmax or its logarithm. NaN reaches all elements of a row through the sum.
func softmaxRows(r *rowCode, log bool) {
	name, doc := "asmSoftmax", "exp(x − top)/Σ exp(x − top)"
	if log {
		name, doc = "asmLogSoftmax", "x − top − ln Σ exp(x − top)"
	}
	name += r.suffix()
	TEXT(name, NOSPLIT, "func(y, x *float32, rows, n int)")
	Pragma("noescape")
	Doc(name + " writes " + doc + ", top the largest x, for rows of n numbers, n > 0 and rows > 0.")
	y, x, rows, n := r.pointer("y"), r.pointer("x"), r.pointer("rows"), r.pointer("n")
	lowest, one := r.num(math.Inf(-1)), r.num(1)
	exp := r.expNegative()
	Label("row")
	top := r.largest(x, n, lowest)
	sums := r.zeros()
	r.each(n, 2, func(at GPVirtual, first int, t *tail) {
		e := exp(r.sub(r.load(x, at, t), top))
		if !log {
			r.store(e, y, at, t)
		}
		r.addTo(sums, first, e, t)
	})
	total := r.fold(VADDPS, sums)
	r.step = 1
	if log {
		total = r.vec.log()(value{total})[0].(VecVirtual)
		r.each(n, 2, func(at GPVirtual, _ int, t *tail) {
			r.store(r.sub(r.sub(r.load(x, at, t), top), total), y, at, t)
		})
	} else {
		factor := r.div(one, value{total})[0]
		r.each(n, 2, func(at GPVirtual, _ int, t *tail) {
			r.store(r.mul(r.load(y, at, t), factor), y, at, t)
		})
	}
	r.next("row", rows, n, x, y)
	VZEROUPPER()
	RET()
}

// largest is the largest of n numbers, NaN aside.
func (r *rowCode) largest(x, n GPVirtual, lowest Op) Register {
	r.step = r.vectors()
	acc := r.make(func(_ int, d VecVirtual) { VMOVUPS(lowest, d) })
	r.each(n, r.vectors(), func(at GPVirtual, first int, t *tail) {
		v := r.load(x, at, t)
		for i := range v {
			a := acc[first+i]
			switch {
			case t == nil:
				VMAXPS(a, v[i], a)
			case r.wide:
				VMAXPS(a, v[i], t.k, a)
			default:
				m := r.reg()
				VMAXPS(a, v[i], m)
				VBLENDVPS(t.mask, m, a, a)
			}
		}
	})
	return r.fold(VMAXPS, acc)
}

// softmaxCols generates softmax down columns.
func softmaxCols(r *rowCode) {
	name := "asmSoftmaxCols" + r.suffix()
	TEXT(name, NOSPLIT, "func(y, x *float32, n, stride, cols int)")
	Pragma("noescape")
	Doc(name + " is softmax down each of cols columns of n numbers, stride apart; n > 0 and cols > 0.")
	y, x, n, stride, cols := r.pointer("y"), r.pointer("x"), r.pointer("n"), r.pointer("stride"), r.pointer("cols")
	SHLQ(Imm(2), stride)
	lowest, one := r.num(math.Inf(-1)), r.num(1)
	exp := r.expNegative()
	r.step = 1
	top, sum := r.reg(), r.reg()
	Label("cols")
	t := r.tail(cols, r.masks)
	down := func(body func(at GPVirtual)) {
		at, i := GP64(), GP64()
		XORQ(at, at)
		MOVQ(n, i)
		l := r.label("down")
		align()
		Label(l)
		body(at)
		ADDQ(stride, at)
		DECQ(i)
		JNZ(LabelRef(l))
	}
	VMOVUPS(lowest, top)
	down(func(at GPVirtual) { VMAXPS(top, r.load(x, at, &t)[0], top) })
	VXORPS(sum, sum, sum)
	down(func(at GPVirtual) {
		e := exp(r.sub(r.load(x, at, &t), top))
		r.store(e, y, at, &t)
		VADDPS(e[0], sum, sum)
	})
	factor := r.div(one, value{sum})
	down(func(at GPVirtual) { r.store(r.mul(r.load(y, at, &t), factor), y, at, &t) })
	ADDQ(U32(uint32(4*r.lanes())), x)
	ADDQ(U32(uint32(4*r.lanes())), y)
	SUBQ(U32(uint32(r.lanes())), cols)
	JGT(LabelRef("cols"))
	VZEROUPPER()
	RET()
}

// extremeRow generates the largest and the smallest number of a row.
func extremeRow(r *rowCode, f string) {
	name := "asm" + f + r.suffix()
	TEXT(name, NOSPLIT, "func(x *float32, n int) float32")
	Pragma("noescape")
	Doc(name + " is the " + map[string]string{"Max": "largest", "Min": "smallest"}[f] + " of n numbers, NaN when one is; n > 0.")
	x, n := r.pointer("x"), r.pointer("n")
	Store(r.extreme(x, n, f == "Max").(VecVirtual).AsX(), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// sumRow generates sums in float64, those of (x − center)² or of x itself.
func sumRow(r *rowCode, squares bool) {
	name, param, doc := "asmSum"+r.suffix(), "", "x"
	if squares {
		name, param, doc = "asmSquares"+r.suffix(), ", center float64", "(x − center)²"
	}
	TEXT(name, NOSPLIT, "func(x *float32, n int"+param+") float64")
	Pragma("noescape")
	Doc(name + " is the sum of " + doc + " of n numbers, n > 0.")
	x, n := r.pointer("x"), r.pointer("n")
	center := r.reg()
	if squares {
		c, err := Param("center").Resolve()
		check(err)
		VBROADCASTSD(c.Addr, center)
	}
	r.step = 2 * r.vectors()
	sums := r.make(func(_ int, d VecVirtual) { VXORPD(d, d, d) })
	r.each(n, r.vectors(), func(at GPVirtual, first int, t *tail) {
		for i := range 2 * r.step { // half a vector of numbers makes one of float64
			d, s := r.reg(), sums[2*first+i]
			if t == nil {
				VCVTPS2PD(Mem{Base: x, Index: at, Scale: 1, Disp: i * 2 * r.lanes()}, d)
			} else {
				r.widen(*t, r.at(x, at, 0), i, d, center, squares)
			}
			switch {
			case !squares:
				VADDPD(d, s, s)
			case t == nil:
				VSUBPD(center, d, d)
				VFMADD231PD(d, d, s)
			default:
				VFMADD231PD(d, d, s)
			}
		}
	})
	Store(r.foldWide(sums), ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// widen is half i of a tail as float64; with squares center is subtracted from the lanes that are there, and the others are 0.
func (r *rowCode) widen(t tail, m Mem, i int, d, center VecVirtual, squares bool) {
	x := r.loadTail(t, m).(VecVirtual)
	if !r.wide {
		mask := t.mask
		if i > 0 {
			VEXTRACTF128(Imm(1), x, x.AsX())
			mask = r.reg()
			VEXTRACTF128(Imm(1), t.mask, mask.AsX())
		}
		VCVTPS2PD(x.AsX(), d)
		if squares {
			w := r.reg()
			VPMOVSXDQ(mask.AsX(), w)
			VSUBPD(center, d, d)
			VANDPD(w, d, d)
		}
		return
	}
	k := K()
	KMOVW(t.k, k)
	if i > 0 {
		VEXTRACTF32X8(Imm(1), x, x.AsY())
		KSHIFTRW(Imm(8), t.k, k)
	}
	VCVTPS2PD(x.AsY(), d)
	if squares {
		VSUBPD_Z(center, d, k, d)
	}
}

// foldWide adds partial sums of float64 as fold does.
func (r *rowCode) foldWide(sums value) Register {
	for n := len(sums) / 2; n > 0; n /= 2 {
		for i := range n {
			VADDPD(sums[i+n], sums[i], sums[i])
		}
	}
	a := sums[0].(VecVirtual)
	if r.wide {
		h := ZMM()
		VEXTRACTF64X4(Imm(1), a, h.AsY())
		VADDPD(h.AsY(), a.AsY(), a.AsY())
	}
	h := XMM()
	VEXTRACTF128(Imm(1), a.AsY(), h)
	VADDPD(h, a.AsX(), a.AsX())
	VPERMILPD(Imm(1), a.AsX(), h)
	VADDPD(h, a.AsX(), a.AsX())
	return a.AsX()
}

// extreme is the largest or smallest of n numbers, NaN when one is.
func (r *rowCode) extreme(x, n GPVirtual, largest bool) Register {
	op, start := VMINPS, r.num(math.Inf(1))
	if largest {
		op, start = VMAXPS, r.num(math.Inf(-1))
	}
	r.step = r.vectors()
	acc := r.make(func(_ int, d VecVirtual) { VMOVUPS(start, d) })
	nan := r.reg() // not a number where x is not, once
	VXORPS(nan, nan, nan)
	r.each(n, r.vectors(), func(at GPVirtual, first int, t *tail) {
		v := r.load(x, at, t)
		for i := range v {
			if r.wide {
				k := K()
				VCMPPS(Imm(notOrdered), v[i], v[i], k)
				VMOVUPS(v[i], k, nan)
			} else {
				m := YMM()
				VCMPPS(Imm(notOrdered), v[i], v[i], m)
				VORPS(m, nan, nan)
			}
			a := acc[first+i]
			switch {
			case t == nil:
				op(a, v[i], a)
			case r.wide:
				op(a, v[i], t.k, a)
			default:
				m := r.reg()
				op(a, v[i], m)
				VBLENDVPS(t.mask, m, a, a)
			}
		}
	})
	out := r.fold(op, acc)
	sum := r.fold(VADDPS, value{nan}) // NaN or 0: a NaN in one lane is one in the sum
	r.step = 1
	return r.pick(notOrdered, value{sum}, sum, sum, value{out})[0].(VecVirtual)
}

// affine generates the normalization of a row by a mean that is known.
func affine(r *rowCode) {
	name := "asmAffine" + r.suffix()
	TEXT(name, NOSPLIT, "func(y, x *float32, n int, mean, scale, bias float32)")
	Pragma("noescape")
	Doc(name + " writes (x − mean)·scale + bias for n numbers, n > 0.")
	y, x, n := r.pointer("y"), r.pointer("x"), r.pointer("n")
	mean, scale, bias := r.param("mean"), r.param("scale"), r.param("bias")
	r.each(n, r.vectors(), func(at GPVirtual, _ int, t *tail) {
		r.store(r.mulAdd(r.sub(r.load(x, at, t), mean), scale, bias), y, at, t)
	})
	VZEROUPPER()
	RET()
}

// addWide generates the addition of a row to sums of float64, or of its squares.
func addWide(r *rowCode) {
	name := "asmAddWide" + r.suffix()
	TEXT(name, NOSPLIT, "func(acc *float64, x *float32, n int)")
	Pragma("noescape")
	Doc(name + " adds x[i] to acc[i] for n numbers, a multiple of 8 above 0.")
	acc, x, n := r.pointer("acc"), r.pointer("x"), r.pointer("n")
	align()
	Label("loop")
	if r.wide {
		d := ZMM()
		VCVTPS2PD(Mem{Base: x}, d)
		VADDPD(Mem{Base: acc}, d, d)
		VMOVUPD(d, Mem{Base: acc})
	} else {
		for i := range 2 {
			d := YMM()
			VCVTPS2PD(Mem{Base: x, Disp: 16 * i}, d)
			VADDPD(Mem{Base: acc, Disp: 32 * i}, d, d)
			VMOVUPD(d, Mem{Base: acc, Disp: 32 * i})
		}
	}
	ADDQ(Imm(32), x)
	ADDQ(Imm(64), acc)
	SUBQ(Imm(8), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
