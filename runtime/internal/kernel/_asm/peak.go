package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// peak is what the processor can do at best: the yardsticks of all other kernels.
func peak() {
	multiplyAdds("asmMultiplyAdds512", z[:24], z[24], z[25])
	multiplyAdds("asmMultiplyAdds256", y[:12], y[12], y[13])
	read()
}

// multiplyAdds keeps both FMA units busy: they take four cycles, so that at least eight independent sums must be under way.
func multiplyAdds(name string, sums []VecPhysical, a, b VecPhysical) {
	TEXT(name, NOSPLIT|NOFRAME, "func(n int)")
	Doc(name + " executes n > 0 turns of one multiply-add for each of its sums.")
	n := Load(Param("n"), GP64())
	for _, r := range append([]VecPhysical{a, b}, sums...) {
		if r.Size() == 64 {
			VPXORD(r, r, r)
		} else {
			VXORPS(r, r, r)
		}
	}
	align()
	Label("loop")
	for _, r := range sums {
		VFMADD231PS(a, b, r)
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// read reads 256 bytes a turn and has 4 KB more under way.
func read() {
	TEXT("asmRead", NOSPLIT|NOFRAME, "func(p *byte, n int) uint64")
	Doc("asmRead is the disjunction of some of the words of the n > 0 bytes at p, a multiple of 256, all of which it reads.")
	p, n := Load(Param("p"), GP64()), Load(Param("n"), GP64())
	for i := range 8 {
		VXORPS(y[i], y[i], y[i])
	}
	align()
	Label("loop")
	for i := range 4 {
		PREFETCHT0(Mem{Base: p, Disp: 4096 + 64*i})
	}
	for i := range 8 {
		VORPS(Mem{Base: p, Disp: 32 * i}, y[i], y[i])
	}
	ADDQ(U32(256), p)
	SUBQ(U32(256), n)
	JNZ(LabelRef("loop"))
	for i := 1; i < 8; i++ {
		VORPS(y[i], y[0], y[0])
	}
	word := GP64()
	VMOVQ(X0, word)
	Store(word, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
