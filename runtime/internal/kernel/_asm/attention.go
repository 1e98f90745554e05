package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// attention generates what attention does to rows beside products of matrices.
func attention() {
	someLanes := GLOBL("someLanes", RODATA|NOPTR) // the mask of n lanes starts 16 − n numbers in
	for i := range 32 {
		v := U32(0xffffffff)
		if i >= 16 {
			v = 0
		}
		DATA(4*i, v)
	}
	for _, w := range []lanes{{wide: true}, {some: someLanes}} {
		addScores(w)
		dotRows(w)
		addRows(w)
		scaleRows(w)
	}
	constants = map[uint32]Mem{}
	masks := laneMasks()
	for _, wide := range []bool{true, false} {
		expRows(&vec{wide: wide}, masks)
	}
}

// lanes are vectors of one width, of which the last of a row may be used in part.
type lanes struct {
	wide bool
	some Mem
}

func (w lanes) name(s string) string {
	if w.wide {
		return s + "512"
	}
	return s + "2"
}

func (w lanes) count() int {
	if w.wide {
		return 16
	}
	return 8
}

func (w lanes) bytes() int { return 4 * w.count() }

// r is vector register i. Of the narrow ones, Y15 is the mask.
func (w lanes) r(i int) VecPhysical {
	if w.wide {
		return z[i]
	}
	return y[i]
}

// mask selects the first n lanes, 0 ≤ n < count. It uses tmp.
func (w lanes) mask(n, tmp GPPhysical) {
	if w.wide {
		MOVQ(I32(-1), tmp)
		SHLXQ(n, tmp, tmp)
		NOTQ(tmp)
		KMOVW(tmp.As32(), K1)
		return
	}
	NEGQ(n)
	LEAQ(w.some.Offset(64), tmp)
	VMOVUPS(Mem{Base: tmp, Index: n, Scale: 4}, Y15)
	NEGQ(n)
}

func (w lanes) load(m Mem, to VecPhysical) {
	if w.wide {
		VMOVUPS_Z(m, K1, to)
	} else {
		VMASKMOVPS(m, Y15, to)
	}
}

func (w lanes) store(from VecPhysical, m Mem) {
	if w.wide {
		VMOVUPS(from, K1, m)
	} else {
		VMASKMOVPS(from, Y15, m)
	}
}

func begin(name, args, doc string) {
	TEXT(name, NOSPLIT|NOFRAME, args)
	Pragma("noescape")
	Doc(name + " " + doc)
}

// addScores keeps the largest in register 0 and the scale in 1; 4 is −Inf.
func addScores(w lanes) {
	begin(w.name("asmAddScores"), "func(s *float32, n, ld, rows int, scale float32, bias *float32, ldb int, mask *float32, ldm int, top *float32)",
		"is addScoresGo for rows > 0 of n > 0 scores. Without bias or mask it is nil, and its ld 0.")
	const s, n, bias, mask = 0, 1, 2, 3
	p := []GPPhysical{RDI, RCX, RSI, RDX}  // of a row
	all := []GPPhysical{R8, R10, R12, R14} // of the first row that is left
	ld, rows, ldb, ldm, top := R9, R11, R13, R15, RBX
	for _, a := range []struct {
		name string
		to   GPPhysical
	}{{"s", all[s]}, {"n", all[n]}, {"bias", all[bias]}, {"mask", all[mask]}, {"ld", ld}, {"rows", rows}, {"ldb", ldb}, {"ldm", ldm}, {"top", top}} {
		Load(Param(a.name), a.to)
	}
	for _, r := range []GPPhysical{ld, ldb, ldm} {
		SHLQ(Imm(2), r)
	}
	scale, err := Param("scale").Resolve()
	check(err)
	VBROADCASTSS(scale.Addr, w.r(1))
	MOVL(U32(0xff800000), EAX)
	VMOVD(EAX, X4)
	VBROADCASTSS(X4, w.r(4))
	TESTQ(all[mask], all[mask])
	JZ(LabelRef("row"))
	TESTQ(all[bias], all[bias])
	JNZ(LabelRef("row"))
	MOVQ(all[mask], all[bias]) // one of them, it does not matter which
	MOVQ(ldm, ldb)
	XORQ(all[mask], all[mask])
	XORQ(ldm, ldm)
	Label("row")
	for i := range p {
		MOVQ(all[i], p[i])
	}
	VMOVUPS(w.r(4), w.r(0))
	kind := func(label string, addends int) {
		Label(label)
		SUBQ(Imm(uint64(w.count())), p[n])
		JLT(LabelRef(label + "Rest"))
		Label(label + "Loop")
		VMULPS(Mem{Base: p[s]}, w.r(1), w.r(2))
		for i := range addends {
			VADDPS(Mem{Base: p[bias+i]}, w.r(2), w.r(2))
		}
		VMOVUPS(w.r(2), Mem{Base: p[s]})
		VMAXPS(w.r(0), w.r(2), w.r(0)) // of NaN and a number, the second source: the largest so far
		for i := range addends {
			ADDQ(Imm(uint64(w.bytes())), p[bias+i])
		}
		ADDQ(Imm(uint64(w.bytes())), p[s])
		SUBQ(Imm(uint64(w.count())), p[n])
		JGE(LabelRef(label + "Loop"))
		Label(label + "Rest")
		ADDQ(Imm(uint64(w.count())), p[n])
		JZ(LabelRef("done"))
		w.mask(p[n], RAX)
		w.load(Mem{Base: p[s]}, w.r(2))
		VMULPS(w.r(2), w.r(1), w.r(2))
		for i := range addends {
			w.load(Mem{Base: p[bias+i]}, w.r(3))
			VADDPS(w.r(3), w.r(2), w.r(2))
		}
		w.store(w.r(2), Mem{Base: p[s]})
		if w.wide {
			VMAXPS(Z0, Z2, K1, Z0)
		} else {
			VBLENDVPS(Y15, Y2, Y4, Y2)
			VMAXPS(Y0, Y2, Y0)
		}
		JMP(LabelRef("done"))
	}
	TESTQ(p[mask], p[mask])
	JNZ(LabelRef("two"))
	TESTQ(p[bias], p[bias])
	JNZ(LabelRef("one"))
	kind("none", 0)
	kind("one", 1)
	kind("two", 2)
	Label("done")
	if w.wide {
		VEXTRACTF64X4(Imm(1), Z0, Y2)
		VMAXPS(Y2, Y0, Y0)
	}
	VEXTRACTF128(Imm(1), Y0, X2)
	VMAXPS(X2, X0, X0)
	VSHUFPS(Imm(0x0e), X0, X0, X2)
	VMAXPS(X2, X0, X0)
	VSHUFPS(Imm(0x01), X0, X0, X2)
	VMAXPS(X2, X0, X0)
	VMOVSS(X0, Mem{Base: top})
	ADDQ(Imm(4), top)
	ADDQ(ld, all[s])
	ADDQ(ldb, all[bias])
	ADDQ(ldm, all[mask])
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// expRows goes through all rows in one loop, so that the end of one and the start of the next are computed together.
func expRows(v *vec, masks Mem) {
	name := "asmExpRows" + v.suffix()
	TEXT(name, NOSPLIT, "func(s *float32, n, ld, rows int, top *float32)")
	Pragma("noescape")
	Doc(name + " is expRowsGo for rows > 0 of n > 0 numbers.")
	exp := v.exp()
	v.step = 16 / v.lanes()
	size := 4 * v.lanes()
	s, n, ld, rows, top, steps, left := Load(Param("s"), GP64()), Load(Param("n"), GP64()), Load(Param("ld"), GP64()), GP64(), GP64(), GP64(), GP64()
	Load(Param("rows"), rows)
	Load(Param("top"), top)
	SHLQ(Imm(2), ld)
	MOVQ(n, left)
	ANDQ(Imm(15), left)
	SHRQ(Imm(4), n.(GPVirtual))
	var ends []tail // of the parts of the last step
	if v.wide {
		ends = append(ends, v.first(left, masks))
	} else {
		for range 2 {
			part, zero := GP64(), GP64()
			MOVQ(U32(8), part)
			CMPQ(left, part)
			CMOVQLT(left, part)
			XORQ(zero, zero)
			CMPQ(part, zero)
			CMOVQLT(zero, part)
			ends = append(ends, v.first(part, masks))
			SUBQ(Imm(8), left)
		}
		ADDQ(Imm(16), left)
	}
	align()
	Label("row")
	shift := v.reg()
	VBROADCASTSS(Mem{Base: top}, shift)
	at := GP64()
	MOVQ(s, at)
	MOVQ(n, steps)
	acc := v.make(func(i int, d VecVirtual) { VXORPS(d, d, d) })
	TESTQ(steps, steps)
	JZ(LabelRef("rest"))
	Label("loop")
	e := exp(v.make(func(i int, d VecVirtual) {
		VMOVUPS(Mem{Base: at, Disp: i * size}, d)
		VSUBPS(shift, d, d)
	}))
	for i, y := range e {
		VMOVUPS(y, Mem{Base: at, Disp: i * size})
		VADDPS(y, acc[i], acc[i])
	}
	ADDQ(Imm(64), at)
	DECQ(steps)
	JNZ(LabelRef("loop"))
	Label("rest")
	TESTQ(left, left)
	JZ(LabelRef("sum"))
	x := make(value, len(ends))
	for i, t := range ends {
		r := v.loadTail(t, Mem{Base: at, Disp: i * size})
		VSUBPS(shift, r, r)
		x[i] = r
	}
	for i, y := range exp(x) {
		v.storeTail(ends[i], y, Mem{Base: at, Disp: i * size})
		if v.wide {
			VADDPS(y, acc[i], ends[i].k, acc[i])
		} else {
			VANDPS(ends[i].mask, y, y)
			VADDPS(y, acc[i], acc[i])
		}
	}
	Label("sum")
	half, first := YMM(), acc[0].(VecVirtual)
	wide, low, halfLow := first.AsY(), first.AsX(), half.AsX()
	if v.wide {
		VEXTRACTF64X4(Imm(1), first, half)
		VADDPS(half, wide, wide)
	} else {
		VADDPS(acc[1], wide, wide)
	}
	VEXTRACTF128(Imm(1), wide, halfLow)
	VADDPS(halfLow, low, low)
	VSHUFPS(Imm(0x0e), low, low, halfLow)
	VADDPS(halfLow, low, low)
	VSHUFPS(Imm(0x01), low, low, halfLow)
	VADDPS(halfLow, low, low)
	VMOVSS(low, Mem{Base: top})
	ADDQ(Imm(4), top)
	ADDQ(ld, s)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// rowsAhead is how many bytes of keys and values are fetched ahead: rows of a head mostly follow each other.
const rowsAhead = 4096

// dotRows has the parts of the sum of a row in 16 lanes, which are two of the narrow vectors.
func dotRows(w lanes) {
	begin(w.name("asmDotRows"), "func(dst *float32, n int, q *float32, size int, k *float32, ldk int)", "is dotRowsGo for n rows of size elements.")
	dst, n, q, size, left, steps, at := RDI, RCX, RSI, R9, R11, RAX, R10
	k := rows{[]GPPhysical{RDX, R12, R13}, R8}
	Load(Param("dst"), dst)
	Load(Param("n"), n)
	Load(Param("q"), q)
	Load(Param("size"), size)
	Load(Param("k"), RBX)
	Load(Param("ldk"), k.stride)
	SHLQ(Imm(2), k.stride)
	MOVQ(size, left)
	ANDQ(Imm(15), left)
	SHRQ(Imm(4), size)
	parts, group := 16/w.count(), 8*w.count()/16
	last := [2]VecPhysical{Y14, Y15} // masks
	if w.wide {
		w.mask(left, RAX)
	} else {
		LEAQ(w.some.Offset(64), RAX)
		MOVQ(left, R10)
		SHLQ(Imm(2), R10)
		SUBQ(R10, RAX)
		VMOVUPS(Mem{Base: RAX}, last[0])
		VMOVUPS(Mem{Base: RAX, Disp: 32}, last[1])
	}
	load := func(m Mem, part int, to VecPhysical) {
		m.Disp += part * w.bytes()
		if w.wide {
			VMOVUPS_Z(m, K1, to)
		} else {
			VMASKMOVPS(m, last[part], to)
		}
	}
	// products leaves part p of row i in register i·parts+p.
	products := func(name string, count int) {
		MOVQ(RBX, RDX)
		if count > 1 {
			LEAQ(Mem{Base: k.stride, Index: k.stride, Scale: 2}, R12)
			LEAQ(Mem{Base: R12, Index: R12, Scale: 1}, R13)
			ADDQ(RDX, R12)
			ADDQ(RDX, R13)
		}
		MOVQ(q, at)
		for i := range count * parts {
			VXORPS(w.r(i), w.r(i), w.r(i))
		}
		MOVQ(size, steps)
		// pass takes some steps of all rows, row by row: memory likes to be read in order.
		pass := func(label, end string, some int) {
			SUBQ(Imm(uint64(some)), steps)
			JLT(LabelRef(name + end))
			Label(name + label)
			for p := range some * parts {
				VMOVUPS(Mem{Base: at, Disp: p * w.bytes()}, w.r(8+p))
			}
			for i := range count {
				for p := range some * parts {
					if p*w.bytes()%64 == 0 {
						PREFETCHT0(k.at(i, p*w.bytes()+rowsAhead))
					}
					VFMADD231PS(k.at(i, p*w.bytes()), w.r(8+p), w.r(i*parts+p%parts))
				}
			}
			for i := 0; i < count; i += 3 {
				ADDQ(U32(uint32(64*some)), k.bases[i/3])
			}
			ADDQ(U32(uint32(64*some)), at)
			SUBQ(Imm(uint64(some)), steps)
			JGE(LabelRef(name + label))
			Label(name + end)
			ADDQ(Imm(uint64(some)), steps)
		}
		pass("Block", "Step", 4/parts)
		pass("Loop", "Rest", 1)
		TESTQ(left, left)
		JZ(LabelRef(name + "Sum"))
		for p := range parts {
			load(Mem{Base: at}, p, w.r(8+p))
		}
		for i := range count {
			for p := range parts {
				load(k.at(i, 0), p, w.r(12))
				VFMADD231PS(w.r(12), w.r(8+p), w.r(i*parts+p))
			}
		}
		Label(name + "Sum")
		for i := range count { // the sum of row i in y[i·parts]
			a := y[i*parts]
			if w.wide {
				VEXTRACTF64X4(Imm(1), z[i], Y8)
				VADDPS(Y8, a, a)
			} else {
				VADDPS(y[i*parts+1], a, a)
			}
		}
	}
	row := func(i int) VecPhysical { return y[i*parts] }
	// add leaves the sum of what two shuffles make of a and b in a.
	add := func(a, b VecPhysical, shuffle func(half int, to VecPhysical)) {
		shuffle(0, Y8)
		shuffle(1, Y9)
		VADDPS(Y9, Y8, a)
	}
	Label("group")
	SUBQ(Imm(uint64(group)), n)
	JLT(LabelRef("single"))
	products("group", group)
	for i := range group / 2 { // rows i and i + group/2, a half each
		a, b := row(i), row(i+group/2)
		add(a, b, func(half int, to VecPhysical) { VPERM2F128(Imm([]uint64{0x20, 0x31}[half]), b, a, to) })
	}
	for i := 0; i < group/2; i += 2 {
		a, b := row(i), row(i+1)
		add(a, b, func(half int, to VecPhysical) {
			if half == 0 {
				VUNPCKLPD(b, a, to)
			} else {
				VUNPCKHPD(b, a, to)
			}
		})
	}
	a, b := row(0), row(0)
	if w.wide {
		b = row(2)
	}
	add(a, b, func(half int, to VecPhysical) { VSHUFPS(Imm([]uint64{0x88, 0xdd}[half]), b, a, to) })
	if w.wide {
		VMOVUPS(Y0, Mem{Base: dst})
	} else {
		VEXTRACTF128(Imm(1), Y0, X8)
		VUNPCKLPD(X8, X0, X0)
		VMOVUPS(X0, Mem{Base: dst})
	}
	ADDQ(Imm(uint64(4*group)), dst)
	LEAQ(Mem{Base: RBX, Index: k.stride, Scale: uint8(group)}, RBX)
	JMP(LabelRef("group"))
	Label("single")
	ADDQ(Imm(uint64(group)), n)
	Label("next")
	JZ(LabelRef("done"))
	products("one", 1)
	VEXTRACTF128(Imm(1), Y0, X1)
	VADDPS(X1, X0, X0)
	VSHUFPS(Imm(0x0e), X0, X0, X1)
	VADDPS(X1, X0, X0)
	VSHUFPS(Imm(0x01), X0, X0, X1)
	VADDPS(X1, X0, X0)
	VMOVSS(X0, Mem{Base: dst})
	ADDQ(Imm(4), dst)
	ADDQ(k.stride, RBX)
	DECQ(n)
	JMP(LabelRef("next"))
	Label("done")
	VZEROUPPER()
	RET()
}

// addRows keeps up to 64 elements of y in registers while it goes through the rows.
func addRows(w lanes) {
	begin(w.name("asmAddRows"), "func(y *float32, size int, p *float32, n int, v *float32, ldv int)", "is addRowsGo for n rows of size elements, n > 0.")
	dst, size, p, n, v, ldv, weight, row, count := RDI, RCX, RSI, RDX, R8, R9, R10, R11, RAX
	Load(Param("y"), dst)
	Load(Param("size"), size)
	Load(Param("p"), p)
	Load(Param("n"), n)
	Load(Param("v"), v)
	Load(Param("ldv"), ldv)
	SHLQ(Imm(2), ldv)
	// strip is for some vectors of each row; with part, the last is not whole.
	strip := func(name string, vectors int, part bool) {
		for i := range vectors {
			if m := (Mem{Base: dst, Disp: i * w.bytes()}); part {
				w.load(m, w.r(i))
			} else {
				VMOVUPS(m, w.r(i))
			}
		}
		MOVQ(p, weight)
		MOVQ(v, row)
		MOVQ(n, count)
		Label(name)
		VBROADCASTSS(Mem{Base: weight}, w.r(8))
		for i := range vectors {
			m := Mem{Base: row, Disp: i * w.bytes()}
			if i*w.bytes()%64 == 0 {
				PREFETCHT0(m.Offset(rowsAhead))
			}
			if part {
				w.load(m, w.r(9))
				VFMADD231PS(w.r(9), w.r(8), w.r(i))
			} else {
				VFMADD231PS(m, w.r(8), w.r(i))
			}
		}
		ADDQ(Imm(4), weight)
		ADDQ(ldv, row)
		DECQ(count)
		JNZ(LabelRef(name))
		for i := range vectors {
			if m := (Mem{Base: dst, Disp: i * w.bytes()}); part {
				w.store(w.r(i), m)
			} else {
				VMOVUPS(w.r(i), m)
			}
		}
		ADDQ(U32(uint32(vectors*w.bytes())), dst)
		ADDQ(U32(uint32(vectors*w.bytes())), v)
	}
	for _, s := range []struct {
		name    string
		vectors int
	}{{"wide", 64 / w.count()}, {"narrow", 1}} {
		Label(s.name)
		SUBQ(U32(uint32(s.vectors*w.count())), size)
		JLT(LabelRef(s.name + "Rest"))
		strip(s.name+"Loop", s.vectors, false)
		JMP(LabelRef(s.name))
		Label(s.name + "Rest")
		ADDQ(U32(uint32(s.vectors*w.count())), size)
	}
	JZ(LabelRef("done"))
	w.mask(size, RAX)
	strip("partLoop", 1, true)
	Label("done")
	VZEROUPPER()
	RET()
}

func scaleRows(w lanes) {
	begin(w.name("asmScaleRows"), "func(y *float32, n int, ld int, f *float32, rows int)", "is scaleRowsGo for rows > 0.")
	dst, n, ld, f, count, at, left := RDI, RCX, RDX, RSI, R8, R9, R10
	Load(Param("y"), dst)
	Load(Param("n"), n)
	Load(Param("ld"), ld)
	Load(Param("f"), f)
	Load(Param("rows"), count)
	SHLQ(Imm(2), ld)
	MOVQ(n, left)
	ANDQ(Imm(uint64(w.count()-1)), left)
	w.mask(left, RAX)
	Label("row")
	VBROADCASTSS(Mem{Base: f}, w.r(0))
	MOVQ(dst, at)
	MOVQ(n, RAX)
	SUBQ(Imm(uint64(w.count())), RAX)
	JLT(LabelRef("rest"))
	Label("loop")
	VMULPS(Mem{Base: at}, w.r(0), w.r(1))
	VMOVUPS(w.r(1), Mem{Base: at})
	ADDQ(Imm(uint64(w.bytes())), at)
	SUBQ(Imm(uint64(w.count())), RAX)
	JGE(LabelRef("loop"))
	Label("rest")
	TESTQ(left, left)
	JZ(LabelRef("next"))
	w.load(Mem{Base: at}, w.r(1))
	VMULPS(w.r(1), w.r(0), w.r(1))
	w.store(w.r(1), Mem{Base: at})
	Label("next")
	ADDQ(ld, dst)
	ADDQ(Imm(4), f)
	DECQ(count)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}
