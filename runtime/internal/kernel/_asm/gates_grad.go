package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// gatesGrad generates what backpropagation through time does with the gates of LSTM, for rows whose gates stand one after the other.
func gatesGrad() {
	constants = map[uint32]Mem{}
	for _, wide := range []bool{true, false} {
		gateRow(wide, "Gates", "func(gate, c, x, before *float32, stride, vectors int)", "lstmGatesGo", []string{"c", "before"}, []string{"gate", "x"}, func(g *gateRowCode) {
			in, out, forget, cell := g.sigmoid(g.copy(g.gate("x", 0))), g.sigmoid(g.copy(g.gate("x", 1))), g.sigmoid(g.copy(g.gate("x", 2))), g.tanh(g.copy(g.gate("x", 3)))
			for k, v := range []value{in, out, forget, cell} {
				VMOVUPS(v[0], g.gate("gate", k)[0])
			}
			c := g.mul(forget, g.load("before"))
			g.addMul(c, in, cell)
			g.store("c", g.flush(c))
		})
		gateRow(wide, "Grad", "func(da, dc, gate, c, before, dh *float32, stride, vectors int)", "lstmGradGo", []string{"dc", "c", "before", "dh"}, []string{"da", "gate"}, func(g *gateRowCode) {
			dh, shown, out := g.copy(g.load("dh")), g.tanh(g.copy(g.load("c"))), g.copy(g.gate("gate", 1))
			slope := func(s value) value { return g.mul(s, g.sub(g.one, s)) } // of a sigmoid
			bend := func(t value) value {                                     // of tanh
				s := g.copy(g.one)
				return g.subMul(s, t, t)
			}
			put := func(k int, v value) { VMOVUPS(v[0], g.gate("da", k)[0]) }
			put(1, g.mul(g.mul(dh, shown), slope(out)))
			d := g.mul(g.mul(dh, out), bend(shown))
			d = g.add(d, g.load("dc"))
			in, forget, cell := g.copy(g.gate("gate", 0)), g.copy(g.gate("gate", 2)), g.copy(g.gate("gate", 3))
			put(0, g.mul(g.mul(d, cell), slope(in)))
			put(2, g.mul(g.mul(d, g.load("before")), slope(forget)))
			put(3, g.mul(g.mul(d, in), bend(cell)))
			g.store("dc", g.mul(d, forget))
		})
	}
}

// gateRowCode is gateCode for gates whose units lie side by side: those of a gate start stride elements behind those of the one before it.
type gateRowCode struct {
	gateCode
	stride, stride3 Register // in bytes, once and three times
}

func gateRow(wide bool, name, params, twin string, units, gates []string, cell func(g *gateRowCode)) {
	g := &gateRowCode{gateCode: gateCode{vec: vec{wide: wide, step: 1}, base: map[string]Register{}}}
	name = "asmLSTM" + name + g.suffix()
	TEXT(name, NOSPLIT, params)
	Pragma("noescape")
	Doc(name + " is " + twin + " for whole vectors of units; vectors > 0.")
	for _, p := range append(append([]string{}, units...), gates...) {
		g.base[p] = Load(Param(p), GP64())
	}
	stride, n := Load(Param("stride"), GP64()), Load(Param("vectors"), GP64())
	stride3 := GP64()
	SHLQ(Imm(2), stride)
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	g.stride, g.stride3 = stride, stride3
	g.prepare()
	align()
	Label("loop")
	cell(g)
	for _, p := range append(append([]string{}, units...), gates...) {
		ADDQ(Imm(uint64(4*g.lanes())), g.base[p])
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// gate is gate k of a row.
func (g *gateRowCode) gate(p string, k int) value {
	switch k {
	case 0:
		return value{Mem{Base: g.base[p]}}
	case 3:
		return value{Mem{Base: g.base[p], Index: g.stride3, Scale: 1}}
	}
	return value{Mem{Base: g.base[p], Index: g.stride, Scale: uint8(k)}}
}
