package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Fields of ConvSpan in conv_direct.go, in bytes.
const (
	spanTaps, spanTapCount, spanX, spanStep, spanW, spanBias, spanY, spanR = 0, 8, 24, 48, 56, 80, 104, 128
	spanWNext, spanYNext, spanRNext, spanLo, spanHi, spanMore, spanLast    = 160, 168, 176, 184, 188, 192, 193
	spanTiles, spanDone                                                    = 216, 224
)

// conv generates the tiles of direct convolutions: m pixels by one or two blocks of 16 channels. Sums run over k in order, in fused multiply-adds.
func conv() {
	for blocks := 1; blocks <= 2; blocks++ {
		for m := 1; m <= 14; m++ {
			convTile(fmt.Sprintf("asmConv512B%dM%d", blocks, m), m, blocks, 16, z[:])
		}
	}
	for m := 1; m <= 6; m++ {
		convTile(fmt.Sprintf("asmConv2M%d", m), m, 1, 8, y[:])
	}
}

// convTile generates one tile, with vectors of width lanes out of regs: the sums first, then the weights of one k, then two for pixels.
func convTile(name string, m, blocks, width int, regs []VecPhysical) {
	TEXT(name, NOSPLIT|NOFRAME, "func(s *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes s.tiles times %d pixels of *s, a ConvSpan of %d blocks. It counts tiles down and done up.", name, m, blocks))
	per := 16 / width // vectors of a block
	nv := blocks * per
	sum := func(r, v int) VecPhysical { return regs[r*nv+v] }
	weight := regs[m*nv : m*nv+nv]
	pixel := regs[m*nv+nv : m*nv+nv+2]

	span := Load(Param("s"), RDI).(GPPhysical)
	field := func(off int, r GPPhysical) { MOVQ(Mem{Base: span, Disp: off}, r) }
	taps, tap, x, w, wNext, lanes := RAX, RSI, RBX, RCX, RDX, R15
	in := rows{[]GPPhysical{R8, R10, R11, R12, R14}, R9}
	bases := (m + 2) / 3
	field(spanX, x)
	field(spanWNext, wNext)
	field(spanStep, in.stride)
	SHLQ(Imm(2), wNext)
	SHLQ(Imm(2), in.stride)
	LEAQ(Mem{Base: in.stride, Index: in.stride, Scale: 2}, R13)
	Label("tile")
	field(spanTapCount, taps)
	field(spanTaps, tap)
	field(spanW, w)
	for i := range m * nv {
		if width == 16 {
			VPXORD(regs[i], regs[i], regs[i])
		} else {
			VXORPS(regs[i], regs[i], regs[i])
		}
	}
	TESTQ(taps, taps)
	JZ(LabelRef("sums"))
	align()
	Label("tap")
	MOVQ(Mem{Base: tap}, R8)
	MOVQ(Mem{Base: tap, Disp: 8}, lanes)
	ADDQ(Imm(16), tap)
	LEAQ(Mem{Base: x, Index: R8, Scale: 4}, R8)
	for i := 1; i < bases; i++ {
		LEAQ(Mem{Base: in.bases[i-1], Index: R13, Scale: 1}, in.bases[i])
	}
	step := func(u int) {
		for b := range blocks {
			at := Mem{Base: w, Disp: u * 64}
			if b > 0 {
				at.Index, at.Scale = wNext, 1
			}
			ahead := at
			ahead.Disp += 1024
			PREFETCHT0(ahead)
			for v := range per {
				VMOVUPS(at, weight[b*per+v])
				at.Disp += width * 4
			}
		}
		for r := range m {
			t := pixel[r%2]
			VBROADCASTSS(in.at(r, 4*u), t)
			for v := range nv {
				VFMADD231PS(weight[v], t, sum(r, v))
			}
		}
	}
	advance := func(n int) {
		for i := range bases {
			ADDQ(Imm(uint64(4*n)), in.bases[i])
		}
		ADDQ(U32(uint32(64*n)), w)
	}
	SUBQ(Imm(4), lanes)
	JLT(LabelRef("rest"))
	Label("four")
	for u := range 4 {
		step(u)
	}
	advance(4)
	SUBQ(Imm(4), lanes)
	JGE(LabelRef("four"))
	Label("rest")
	ADDQ(Imm(4), lanes)
	JZ(LabelRef("next"))
	Label("one")
	step(0)
	advance(1)
	DECQ(lanes)
	JNZ(LabelRef("one"))
	Label("next")
	DECQ(taps)
	JNZ(LabelRef("tap"))

	Label("sums")
	out, next := RAX, RCX
	// operand points out at the tile in a tensor of blocks, next elements from one to the next.
	operand := func(tensor, blockNext int) {
		field(tensor, out)
		ADDQ(Mem{Base: span, Disp: spanDone}, out)
		field(blockNext, next)
	}
	// each calls f for the vectors of the tile at the pointer out.
	each := func(f func(at Mem, sum VecPhysical)) {
		for r := range m {
			for v := range nv {
				at := Mem{Base: out, Disp: r*64 + v%per*width*4}
				if v/per > 0 {
					at.Index, at.Scale = next, 4
				}
				f(at, sum(r, v))
			}
		}
	}
	add := func(at Mem, sum VecPhysical) { VADDPS(at, sum, sum) }
	CMPB(Mem{Base: span, Disp: spanMore}, Imm(0))
	JEQ(LabelRef("last"))
	operand(spanY, spanYNext)
	each(add)
	Label("last")
	CMPB(Mem{Base: span, Disp: spanLast}, Imm(0))
	JEQ(LabelRef("store"))
	field(spanBias, RAX)
	for v := range nv {
		VMOVUPS(Mem{Base: RAX, Disp: v * width * 4}, weight[v])
		for r := range m {
			VADDPS(weight[v], sum(r, v), sum(r, v))
		}
	}
	CMPQ(Mem{Base: span, Disp: spanR}, Imm(0))
	JEQ(LabelRef("lower"))
	operand(spanR, spanRNext)
	each(add)
	const infinity = 0x7f800000
	Label("lower")
	CMPL(Mem{Base: span, Disp: spanLo}, U32(infinity|1<<31))
	JEQ(LabelRef("upper"))
	VBROADCASTSS(Mem{Base: span, Disp: spanLo}, pixel[0])
	for i := range m * nv { // the sum second: NaN stays
		VMAXPS(regs[i], pixel[0], regs[i])
	}
	Label("upper")
	CMPL(Mem{Base: span, Disp: spanHi}, U32(infinity))
	JEQ(LabelRef("store"))
	VBROADCASTSS(Mem{Base: span, Disp: spanHi}, pixel[0])
	for i := range m * nv {
		VMINPS(regs[i], pixel[0], regs[i])
	}
	Label("store")
	operand(spanY, spanYNext)
	each(func(at Mem, sum VecPhysical) { VMOVUPS(sum, at) })
	for range m {
		ADDQ(in.stride, x)
	}
	ADDQ(U32(uint32(m*64)), Mem{Base: span, Disp: spanDone})
	DECQ(Mem{Base: span, Disp: spanTiles})
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}
