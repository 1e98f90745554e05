package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// gemvPanels is how many panels a product with one row takes at once: eight sums hide the latency of additions. What comes from memory hides behind
// that, and comes fastest as one stream, read half a line at a time: one panel in vectors of 32 bytes, with AVX-512 too.
const gemvPanels = 4

// gemvAhead is how far B is fetched ahead, in bytes of a panel.
const gemvAhead = 256

// gemv generates the product of a vector and one or four panels of a packed matrix.
func gemv() {
	for _, v := range []struct {
		name   string
		panels int
		per    int // vectors to a row of a panel
		wide   bool
	}{{"asmGemv512", gemvPanels, 2, true}, {"asmGemvOne512", 1, 4, false}, {"asmGemv2", gemvPanels, 2, false}, {"asmGemvOne2", 1, 2, false}} {
		name, wide := v.name, v.wide
		sums, factor, size := z[:v.per*v.panels], Op(Z8), 64
		if !wide {
			sums, factor, size = y[:v.per*v.panels], Y8, 32
		}
		TEXT(name, NOSPLIT|NOFRAME, "func(k int, a, b *float32, stride int, c *float32, add int, bias, clamp *float32)")
		Pragma("noescape")
		Doc(name + " computes C = A·B, or C + A·B if add is not 0, for one row of k > 0 numbers and " + fmt.Sprint(v.panels) + " panels of B, which are stride bytes apart. Bias is added if it is not nil, and the result kept within the two numbers of clamp if that is not nil; NaN stays.")
		Load(Param("k"), RAX)
		Load(Param("a"), RBX)
		b := []GPPhysical{RCX, R8, R9, R10}[:v.panels]
		Load(Param("b"), b[0])
		Load(Param("stride"), RSI)
		Load(Param("c"), RDX)
		Load(Param("add"), RDI)
		for p := 1; p < v.panels; p++ {
			LEAQ(Mem{Base: b[p-1], Index: RSI, Scale: 1}, b[p])
		}
		for _, s := range sums {
			if wide {
				VPXORD(s, s, s)
			} else {
				VXORPS(s, s, s)
			}
		}
		step := func(u int) {
			VBROADCASTSS(Mem{Base: RBX, Disp: 4 * u}, factor)
			for i, s := range sums {
				at := Mem{Base: b[i/v.per], Disp: (v.per*u + i%v.per) * size}
				VFMADD231PS(at, factor, s)
			}
		}
		advance := func(n int) {
			ADDQ(Imm(uint64(4*n)), RBX)
			for _, r := range b {
				ADDQ(U32(uint32(v.per*n*size)), r)
			}
		}
		const unroll = 4
		SUBQ(Imm(unroll), RAX)
		JLT(LabelRef("rest"))
		align()
		Label("loop")
		for u := range unroll {
			for _, r := range b {
				for i := 0; i < v.per*size; i += 64 {
					PREFETCHT0(Mem{Base: r, Disp: gemvAhead + v.per*u*size + i})
				}
			}
			step(u)
		}
		advance(unroll)
		SUBQ(Imm(unroll), RAX)
		JGE(LabelRef("loop"))
		Label("rest")
		ADDQ(Imm(unroll), RAX)
		JZ(LabelRef("sums"))
		Label("one")
		step(0)
		advance(1)
		DECQ(RAX)
		JNZ(LabelRef("one"))
		Label("sums")
		TESTQ(RDI, RDI)
		JZ(LabelRef("store"))
		for i, s := range sums {
			VADDPS(Mem{Base: RDX, Disp: i * size}, s, s)
		}
		Label("store")
		Load(Param("bias"), RBX)
		TESTQ(RBX, RBX)
		JZ(LabelRef("clamp"))
		for i, s := range sums {
			VADDPS(Mem{Base: RBX, Disp: i * size}, s, s)
		}
		Label("clamp")
		Load(Param("clamp"), RBX)
		TESTQ(RBX, RBX)
		JZ(LabelRef("done"))
		lo, hi := Op(Z9), Op(Z10)
		if !wide {
			lo, hi = Y9, Y10
		}
		VBROADCASTSS(Mem{Base: RBX}, lo)
		VBROADCASTSS(Mem{Base: RBX, Disp: 4}, hi)
		for _, s := range sums { // the sum second: NaN stays
			VMAXPS(s, lo, s)
			VMINPS(s, hi, s)
		}
		Label("done")
		for i, s := range sums {
			VMOVUPS(s, Mem{Base: RDX, Disp: i * size})
		}
		VZEROUPPER()
		RET()
	}
}
