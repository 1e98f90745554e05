package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// vecUnary generates the functions of one number, each for two widths of vectors.
func vecUnary() {
	constants = map[uint32]Mem{}
	masks := laneMasks()
	for _, f := range []struct {
		name  string
		doc   string
		steps [2]int // vectors side by side: AVX-512, AVX2
		code  func(*vec) code
	}{
		{"Relu", "max(0, x)", [2]int{4, 4}, (*vec).relu},
		{"Clip", "min(max(x, alpha), beta)", [2]int{4, 4}, (*vec).clip},
		{"LeakyRelu", "x where x ≥ 0, else alpha·x", [2]int{4, 4}, (*vec).leakyRelu},
		{"ThresholdedRelu", "x where x > alpha, else 0", [2]int{4, 4}, (*vec).thresholdedRelu},
		{"HardSigmoid", "alpha·x + beta within 0 … 1", [2]int{4, 2}, (*vec).hardSigmoid},
		{"HardSwish", "x·(alpha·x + beta), the second factor within 0 … 1", [2]int{4, 2}, (*vec).hardSwish},
		{"Elu", "x where x ≥ 0, else alpha·(eˣ − 1)", [2]int{2, 2}, (*vec).elu},
		{"Selu", "beta·x where x ≥ 0, else beta·alpha·(eˣ − 1)", [2]int{2, 2}, (*vec).selu},
		{"Celu", "x where x ≥ 0, else alpha·(exp(x/alpha) − 1)", [2]int{2, 2}, (*vec).celu},
		{"Sigmoid", "1 / (1 + exp(−x))", [2]int{2, 2}, (*vec).sigmoid},
		{"Swish", "x / (1 + exp(−alpha·x))", [2]int{2, 2}, (*vec).swish},
		{"Tanh", "tanh x", [2]int{2, 2}, (*vec).tanh},
		{"Gelu", "x·Φ(x)", [2]int{2, 2}, (*vec).gelu},
		{"GeluTanh", "x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2", [2]int{2, 2}, (*vec).geluTanh},
		{"Softplus", "ln(1 + eˣ)", [2]int{2, 2}, (*vec).softplus},
		{"Softsign", "x / (1 + |x|)", [2]int{4, 2}, (*vec).softsign},
		{"Mish", "x·tanh(ln(1 + eˣ))", [2]int{2, 2}, (*vec).mish},
		{"Exp", "eˣ", [2]int{2, 2}, (*vec).exp},
		{"Log", "ln x", [2]int{2, 2}, (*vec).log},
		{"Erf", "erf x", [2]int{2, 2}, (*vec).erf},
		{"Sqrt", "√x", [2]int{4, 4}, (*vec).squareRoot},
		{"Reciprocal", "1/x", [2]int{4, 4}, (*vec).reciprocal},
		{"Abs", "|x|", [2]int{4, 4}, (*vec).abs},
		{"Neg", "−x", [2]int{4, 4}, (*vec).neg},
		{"Sign", "−1, 0 or 1", [2]int{4, 2}, (*vec).sign},
		{"Floor", "x rounded down", [2]int{4, 4}, func(v *vec) code { return v.rounding(toFloor) }},
		{"Ceil", "x rounded up", [2]int{4, 4}, func(v *vec) code { return v.rounding(toCeil) }},
		{"Round", "x rounded to nearest, ties to even", [2]int{4, 4}, func(v *vec) code { return v.rounding(toNearest) }},
		{"Sin", "sin x, for |x| up to 2¹⁵,", [2]int{2, 2}, func(v *vec) code { return v.sine(false) }},
		{"Cos", "cos x, for |x| up to 2¹⁵,", [2]int{2, 2}, func(v *vec) code { return v.sine(true) }},
	} {
		for i, wide := range []bool{true, false} {
			v := &vec{wide: wide}
			name := "asm" + f.name + v.suffix()
			TEXT(name, NOSPLIT, "func(dst, src *float32, n int, alpha, beta float32)")
			Pragma("noescape")
			Doc(name + " writes " + f.doc + " for n numbers x of src, n > 0.")
			v.unary(f.code(v), f.steps[i], masks)
		}
	}
	for _, wide := range []bool{true, false} {
		expSum(&vec{wide: wide}, masks)
		largest(&vec{wide: wide}, masks)
	}
}

// unary is the loop over the elements: steps of several vectors, then single ones, the last of which may be cut.
func (v *vec) unary(f code, steps int, masks Mem) {
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), GP64()
	Load(Param("n"), n)
	size := 4 * v.lanes()
	SUBQ(U32(uint32(steps*v.lanes())), n)
	JLT(LabelRef("rest"))
	align()
	Label("loop")
	v.step = steps
	for i, y := range f(v.make(func(i int, d VecVirtual) { VMOVUPS(Mem{Base: src, Disp: i * size}, d) })) {
		VMOVUPS(y, Mem{Base: dst, Disp: i * size})
	}
	ADDQ(U32(uint32(steps*size)), src)
	ADDQ(U32(uint32(steps*size)), dst)
	SUBQ(U32(uint32(steps*v.lanes())), n)
	JGE(LabelRef("loop"))
	Label("rest")
	ADDQ(U32(uint32(steps*v.lanes())), n)
	JZ(LabelRef("done"))
	align()
	Label("single")
	v.step = 1
	t := v.tail(n, masks)
	v.storeTail(t, f(value{v.loadTail(t, Mem{Base: src})})[0], Mem{Base: dst})
	ADDQ(U32(uint32(size)), src)
	ADDQ(U32(uint32(size)), dst)
	SUBQ(U32(uint32(v.lanes())), n)
	JGT(LabelRef("single"))
	Label("done")
	VZEROUPPER()
	RET()
}

// expSum has one sum per lane of 16, which AVX2 holds in two vectors, so that all widths add in one order.
func expSum(v *vec, masks Mem) {
	name := "asmExpSum" + v.suffix()
	TEXT(name, NOSPLIT, "func(dst, src *float32, n int, shift float32, sums *float32)")
	Pragma("noescape")
	Doc(name + " writes exp(src[i] − shift) and adds it to sums[i%16], for n numbers, n > 0.")
	exp, shift := v.exp(), v.param("shift")
	dst, src, n, sums := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), GP64(), Load(Param("sums"), GP64())
	Load(Param("n"), n)
	v.step = 16 / v.lanes()
	size := 4 * v.lanes()
	acc := v.make(func(i int, d VecVirtual) { VMOVUPS(Mem{Base: sums, Disp: i * size}, d) })
	SUBQ(Imm(16), n)
	JLT(LabelRef("rest"))
	align()
	Label("loop")
	e := exp(v.make(func(i int, d VecVirtual) {
		VMOVUPS(Mem{Base: src, Disp: i * size}, d)
		VSUBPS(shift, d, d)
	}))
	for i, y := range e {
		VMOVUPS(y, Mem{Base: dst, Disp: i * size})
		VADDPS(y, acc[i], acc[i])
	}
	ADDQ(Imm(64), src)
	ADDQ(Imm(64), dst)
	SUBQ(Imm(16), n)
	JGE(LabelRef("loop"))
	Label("rest")
	ADDQ(Imm(16), n)
	v.step = 1
	for i := range acc {
		JLE(LabelRef("done"))
		t := v.tail(n, masks)
		x := v.loadTail(t, Mem{Base: src, Disp: i * size})
		VSUBPS(shift, x, x)
		y := exp(value{x})[0]
		v.storeTail(t, y, Mem{Base: dst, Disp: i * size})
		if v.wide {
			VADDPS(y, acc[i], t.k, acc[i])
		} else {
			VANDPS(t.mask, y, y)
			VADDPS(y, acc[i], acc[i])
		}
		SUBQ(U32(uint32(v.lanes())), n)
	}
	Label("done")
	for i, a := range acc {
		VMOVUPS(a, Mem{Base: sums, Disp: i * size})
	}
	VZEROUPPER()
	RET()
}

// largest tells whether a function may take a shorter way.
func largest(v *vec, masks Mem) {
	name := "asmLargest" + v.suffix()
	TEXT(name, NOSPLIT, "func(src *float32, n int) float32")
	Doc(name + " is the largest |x| of n numbers x, n > 0, those that are NaN left out.")
	Pragma("noescape")
	abs := v.bits(absBits)
	src, n := Load(Param("src"), GP64()), GP64()
	Load(Param("n"), n)
	v.step = 1
	top := v.copy(v.num(0))
	align()
	Label("loop")
	t := v.tail(n, masks)
	x := v.and(value{v.loadTail(t, Mem{Base: src})}, abs)
	for i := range top {
		VMAXPS(top[i], x[i], top[i])
	}
	ADDQ(U32(uint32(4*v.lanes())), src)
	SUBQ(U32(uint32(v.lanes())), n)
	JGT(LabelRef("loop"))
	y, other := top[0].(VecVirtual), XMM()
	if v.wide {
		high := YMM()
		VEXTRACTF64X4(Imm(1), y, high)
		VMAXPS(high, y.AsY(), high)
		y = high.(VecVirtual)
	}
	m := XMM()
	VEXTRACTF128(Imm(1), y.AsY(), m)
	VMAXPS(y.AsX(), m, m)
	for _, order := range []uint64{0b1110, 0b01} {
		VPERMILPS(Imm(order), m, other)
		VMAXPS(other, m, m)
	}
	Store(m, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
