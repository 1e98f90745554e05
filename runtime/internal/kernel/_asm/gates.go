package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// gateBlock is GateBlock in gates.go.
const gateBlock = 32

// gates generates the cells of recurrent networks, for blocks of 32 units.
func gates() {
	constants = map[uint32]Mem{}
	for _, wide := range []bool{true, false} {
		gateCell(wide, "LSTM", "func(h, c, x, s *float32, blocks int)", "a step of LSTM", []string{"h", "c"}, 4, func(g *gateCode) {
			in, out, forget, cell := g.sigmoid(g.sum(0)), g.sum(1), g.sigmoid(g.sum(2)), g.tanh(g.sum(3))
			c := g.mul(forget, g.load("c"))
			g.addMul(c, in, cell)
			c = g.flush(c)
			g.store("c", c)
			g.store("h", g.flush(g.mul(g.sigmoid(out), g.tanh(c))))
		})
		gateCell(wide, "GRULinear", "func(next, h, rb, x, s *float32, blocks int)", "a step of GRU that resets behind R", []string{"next", "h", "rb"}, 3, func(g *gateCode) {
			z, r := g.sigmoid(g.sum(0)), g.sigmoid(g.sum(1))
			n := g.add(g.copy(g.gate("s", 2)), g.load("rb"))
			y := g.copy(g.gate("x", 2))
			g.addMul(y, r, n)
			g.store("next", g.blend(z, g.tanh(y)))
		})
		gateCell(wide, "GRUGates", "func(side, h, x, s *float32, blocks int)", "the first half of a step of GRU", []string{"side", "h"}, 3, func(g *gateCode) {
			z, r := g.sigmoid(g.sum(0)), g.sigmoid(g.sum(1))
			VMOVUPS(z[0], g.gate("s", 0)[0])
			g.store("side", g.flush(g.mul(r, g.load("h"))))
		})
		gateCell(wide, "GRUBlend", "func(next, h, x, s *float32, blocks int)", "the second half of a step of GRU", []string{"next", "h"}, 3, func(g *gateCode) {
			y := g.tanh(g.sum(2))
			g.store("next", g.blend(g.copy(g.gate("s", 0)), y))
		})
		gateCell(wide, "RNN", "func(next, x, s *float32, blocks int)", "a step of RNN", []string{"next"}, 1, func(g *gateCode) {
			g.store("next", g.flush(g.tanh(g.sum(0))))
		})
	}
}

// gateCode writes a cell for one vector of units.
type gateCode struct {
	vec
	base          map[string]Register
	at            int // bytes of the vector from the start of its block
	reduce        func(value) reduced
	low, high     code
	one, two, abs Op
	sign, tiny    Op
	zero          Op
	onePlus       func(reduced) value
}

func gateCell(wide bool, name, params, doc string, units []string, gates int, cell func(g *gateCode)) {
	g := &gateCode{vec: vec{wide: wide, step: 1}, base: map[string]Register{}}
	name = "asmGates" + name + g.suffix()
	TEXT(name, NOSPLIT, params)
	Pragma("noescape")
	Doc(name + " is " + doc + ": the loop of the function without asm in gates.go; blocks > 0.")
	for _, p := range append(units, "x", "s") {
		g.base[p] = Load(Param(p), GP64())
	}
	n := Load(Param("blocks"), GP64())
	g.prepare()
	align()
	Label("loop")
	for g.at = 0; g.at < 4*gateBlock; g.at += 4 * g.lanes() {
		cell(g)
	}
	for _, p := range units {
		ADDQ(U32(4*gateBlock), g.base[p])
	}
	ADDQ(U32(uint32(4*gateBlock*gates)), g.base["x"])
	ADDQ(U32(uint32(4*gateBlock*gates)), g.base["s"])
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// prepare brings the constants to registers.
func (g *gateCode) prepare() {
	g.low, g.high = g.bounded(leastPlusOne, 89), g.bounded(math.Inf(-1), 20)
	g.reduce, g.onePlus = g.expReduce(math.Inf(-1), math.Inf(1)), g.onePlusExp()
	g.one, g.two, g.abs, g.sign = g.num(1), g.num(2), g.bits(absBits), g.bits(signBits)
	g.tiny, g.zero = g.num(math.Ldexp(1, -126)), g.num(0)
}

func (g *gateCode) load(p string) value { return value{Mem{Base: g.base[p], Disp: g.at}} }

func (g *gateCode) store(p string, x value) { VMOVUPS(x[0], g.load(p)[0]) }

// gate is what x or s has for gate k.
func (g *gateCode) gate(p string, k int) value {
	return value{Mem{Base: g.base[p], Disp: 4*gateBlock*k + g.at}}
}

// sum is the input of gate k.
func (g *gateCode) sum(k int) value { return g.add(g.copy(g.gate("x", k)), g.gate("s", k)) }

func (g *gateCode) sigmoid(x value) value {
	e := g.reduce(g.low(g.xor(x, g.sign)))
	return g.div(g.one, g.onePlus(e))
}

// tanh is e/(e + 2), e = exp(2|x|) − 1, with the sign of x.
func (g *gateCode) tanh(x value) value {
	t := g.and(x, g.abs)
	e := g.reduce(g.high(g.add(t, t)))
	s := g.power(e.n, g.one)
	y := g.mulAdd(e.tail, s, g.sub(s, g.one))
	return g.or(g.div(y, g.add(y, g.two)), g.andNot(g.abs, x))
}

// blend is the new state of GRU, (1 − z)·y + z·h.
func (g *gateCode) blend(z, y value) value {
	n := g.mul(g.sub(g.one, z), y)
	g.addMul(n, z, g.load("h"))
	return g.flush(n)
}

// flush puts 0 in place of numbers below the least normal one.
func (g *gateCode) flush(x value) value {
	return g.pick(less, g.and(x, g.abs), g.tiny, g.zero, x)
}
