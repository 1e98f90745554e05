package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// batchnorm generates the loops of batch normalization over pixels of 16 lanes: all at once, or 8 after 8.
func batchnorm() {
	for _, wide := range []bool{true, false} {
		l := &laneLoop{wide: wide, reg: y, size: 32}
		if wide {
			l.reg, l.size = z, 64
		}
		l.sums()
		l.deviations()
		l.covariance()
		l.norm()
		l.grad()
		l.gate()
	}
}

// laneLoop is a loop over n pixels, with pointers that all advance by one; of the lanes, it handles one vector of float32, which two of float64 hold too.
type laneLoop struct {
	wide bool
	reg  []VecPhysical
	size int // bytes of a vector
	half int // bytes in a pixel before the lanes at hand
}

var laneCount, laneMask = RCX, K1

// passes calls body for each vector of a pixel.
func (l *laneLoop) passes(body func()) {
	for l.half = 0; l.half < 64; l.half += l.size {
		body()
	}
}

func (l *laneLoop) begin(name, params, doc string) {
	TEXT("asm"+name+dwTier(l.wide), NOSPLIT|NOFRAME, "func("+params+")")
	Pragma("noescape")
	Doc("asm" + name + dwTier(l.wide) + " " + doc)
}

func (l *laneLoop) label(s string) string {
	if l.half > 0 {
		s += "2"
	}
	return s
}

// loop runs body for each of n pixels, which the pointers, of which those that are 0 stay, point at.
func (l *laneLoop) loop(pointers []GPPhysical, body func()) {
	Load(Param("n"), laneCount)
	align()
	Label(l.label("loop"))
	body()
	for _, p := range pointers {
		ADDQ(Imm(64), p)
	}
	DECQ(laneCount)
	JNZ(LabelRef(l.label("loop")))
}

func (l *laneLoop) at(p GPPhysical) Mem { return Mem{Base: p, Disp: l.half} }

// doubles are the addresses of the lanes in an array of float64, from element first on.
func (l *laneLoop) doubles(p GPPhysical, first int) [2]Mem {
	m := Mem{Base: p, Disp: 8*first + 2*l.half}
	return [2]Mem{m, m.Offset(l.size)}
}

// widen makes two vectors of float64 of r by way of t, which it changes.
func (l *laneLoop) widen(r, lo, hi VecPhysical) {
	if l.wide {
		VEXTRACTF64X4(Imm(1), r, hi.AsY())
		VCVTPS2PD(hi.AsY(), hi)
		VCVTPS2PD(r.AsY(), lo)
		return
	}
	VEXTRACTF128(Imm(1), r, hi.AsX())
	VCVTPS2PD(hi.AsX(), hi)
	VCVTPS2PD(r.AsX(), lo)
}

// gated loads g where lo < y < hi, else 0; bounds hold lo and hi, of which a NaN for hi stands for none.
func (l *laneLoop) gated(yAt, g Mem, lo, hi, t, to VecPhysical) {
	const greater, notGreaterOrEqual = 0x1e, 0x09 // ordered, unordered
	VMOVUPS(yAt, t)
	if l.wide {
		VCMPPS(Imm(greater), lo, t, laneMask)
		VCMPPS(Imm(notGreaterOrEqual), hi, t, laneMask, laneMask)
		VMOVUPS_Z(g, laneMask, to)
		return
	}
	VCMPPS(Imm(greater), lo, t, to)
	VCMPPS(Imm(notGreaterOrEqual), hi, t, t)
	VANDPS(t, to, to)
	VANDPS(g, to, to)
}

func (l *laneLoop) bounds(lo, hi VecPhysical) {
	a, _ := Param("lo").Resolve()
	b, _ := Param("hi").Resolve()
	VBROADCASTSS(a.Addr, lo)
	VBROADCASTSS(b.Addr, hi)
}

func (l *laneLoop) sums() {
	l.begin("LaneSums", "acc *float64, x *float32, n int", "is LaneSums of n > 0 pixels.")
	Load(Param("acc"), RDI)
	r := l.reg
	l.passes(func() {
		Load(Param("x"), RSI)
		acc := l.doubles(RDI, 0)
		VMOVUPS(acc[0], r[0])
		VMOVUPS(acc[1], r[1])
		l.loop([]GPPhysical{RSI}, func() {
			VMOVUPS(l.at(RSI), r[2])
			l.widen(r[2], r[3], r[4])
			VADDPD(r[3], r[0], r[0])
			VADDPD(r[4], r[1], r[1])
		})
		VMOVUPS(r[0], acc[0])
		VMOVUPS(r[1], acc[1])
	})
	VZEROUPPER()
	RET()
}

func (l *laneLoop) deviations() {
	l.begin("LaneDeviations", "acc *float64, x *float32, mean *float64, n int", "is LaneDeviations of n > 0 pixels.")
	Load(Param("acc"), RDI)
	Load(Param("mean"), RDX)
	r := l.reg
	l.passes(func() {
		Load(Param("x"), RSI)
		acc, mean := l.doubles(RDI, 0), l.doubles(RDX, 0)
		for i := range 2 {
			VMOVUPS(acc[i], r[i])
			VMOVUPS(mean[i], r[2+i])
		}
		l.loop([]GPPhysical{RSI}, func() {
			VMOVUPS(l.at(RSI), r[4])
			l.widen(r[4], r[5], r[6])
			for i := range 2 {
				VSUBPD(r[2+i], r[5+i], r[5+i])
				VFMADD231PD(r[5+i], r[5+i], r[i])
			}
		})
		VMOVUPS(r[0], acc[0])
		VMOVUPS(r[1], acc[1])
	})
	VZEROUPPER()
	RET()
}

func (l *laneLoop) covariance() {
	l.begin("LaneCovariance", "acc *float64, dy, x, y *float32, mean *float64, lo, hi float32, n int", "is LaneCovariance of n > 0 pixels; y may be nil.")
	Load(Param("acc"), RDI)
	Load(Param("mean"), RDX)
	r := l.reg
	l.passes(func() {
		g, x, out := RSI, RBX, RAX
		Load(Param("dy"), g)
		Load(Param("x"), x)
		Load(Param("y"), out)
		sum, cov, mean := l.doubles(RDI, 0), l.doubles(RDI, 16), l.doubles(RDX, 0)
		for i := range 2 {
			VMOVUPS(sum[i], r[i])
			VMOVUPS(cov[i], r[2+i])
			VMOVUPS(mean[i], r[4+i])
		}
		add := func() {
			l.widen(r[6], r[7], r[8])
			VMOVUPS(l.at(x), r[6])
			l.widen(r[6], r[9], r[10])
			for i := range 2 {
				VADDPD(r[7+i], r[i], r[i])
				VSUBPD(r[4+i], r[9+i], r[9+i])
				VFMADD231PD(r[7+i], r[9+i], r[2+i])
			}
		}
		TESTQ(out, out)
		JZ(LabelRef(l.label("plain")))
		l.bounds(r[11], r[12])
		l.loop([]GPPhysical{g, x, out}, func() {
			l.gated(l.at(out), l.at(g), r[11], r[12], r[13], r[6])
			add()
		})
		JMP(LabelRef(l.label("done")))
		Label(l.label("plain"))
		Load(Param("n"), laneCount)
		align()
		Label(l.label("plainloop"))
		VMOVUPS(l.at(g), r[6])
		add()
		ADDQ(Imm(64), g)
		ADDQ(Imm(64), x)
		DECQ(laneCount)
		JNZ(LabelRef(l.label("plainloop")))
		Label(l.label("done"))
		for i := range 2 {
			VMOVUPS(r[i], sum[i])
			VMOVUPS(r[2+i], cov[i])
		}
	})
	VZEROUPPER()
	RET()
}

func (l *laneLoop) norm() {
	l.begin("LaneNorm", "y, x, r, factors *float32, lo, hi float32, n int", "is LaneNorm of n > 0 pixels; r may be nil.")
	Load(Param("factors"), RDX)
	r := l.reg
	l.bounds(r[3], r[4])
	l.passes(func() {
		out, x, more := RDI, RSI, RBX
		Load(Param("y"), out)
		Load(Param("x"), x)
		Load(Param("r"), more)
		for i := range 3 {
			VMOVUPS(Mem{Base: RDX, Disp: 64*i + l.half}, r[i])
		}
		scaled := func() {
			VMOVUPS(l.at(x), r[5])
			VSUBPS(r[0], r[5], r[5])
			VFMADD213PS(r[2], r[1], r[5])
		}
		store := func() {
			VMAXPS(r[5], r[3], r[5])
			VMINPS(r[5], r[4], r[5])
			VMOVUPS(r[5], l.at(out))
		}
		TESTQ(more, more)
		JZ(LabelRef(l.label("plain")))
		l.loop([]GPPhysical{out, x, more}, func() {
			scaled()
			VADDPS(l.at(more), r[5], r[5])
			store()
		})
		JMP(LabelRef(l.label("done")))
		Label(l.label("plain"))
		Load(Param("n"), laneCount)
		align()
		Label(l.label("plainloop"))
		scaled()
		store()
		ADDQ(Imm(64), out)
		ADDQ(Imm(64), x)
		DECQ(laneCount)
		JNZ(LabelRef(l.label("plainloop")))
		Label(l.label("done"))
	})
	VZEROUPPER()
	RET()
}

func (l *laneLoop) grad() {
	l.begin("LaneNormGrad", "dx, dy, x, y, factors *float32, lo, hi float32, n int", "is LaneNormGrad of n > 0 pixels; y may be nil.")
	Load(Param("factors"), RDX)
	r := l.reg
	l.bounds(r[4], r[5])
	l.passes(func() {
		to, g, x, out := RDI, RSI, RBX, RAX
		Load(Param("dx"), to)
		Load(Param("dy"), g)
		Load(Param("x"), x)
		Load(Param("y"), out)
		for i := range 4 {
			VMOVUPS(Mem{Base: RDX, Disp: 64*i + l.half}, r[i])
		}
		store := func() {
			VMOVUPS(l.at(x), r[7])
			VSUBPS(r[0], r[7], r[7])
			VFMADD213PS(r[3], r[2], r[7])
			VFMADD231PS(r[6], r[1], r[7])
			VMOVUPS(r[7], l.at(to))
		}
		TESTQ(out, out)
		JZ(LabelRef(l.label("plain")))
		l.loop([]GPPhysical{to, g, x, out}, func() {
			l.gated(l.at(out), l.at(g), r[4], r[5], r[8], r[6])
			store()
		})
		JMP(LabelRef(l.label("done")))
		Label(l.label("plain"))
		Load(Param("n"), laneCount)
		align()
		Label(l.label("plainloop"))
		VMOVUPS(l.at(g), r[6])
		store()
		ADDQ(Imm(64), to)
		ADDQ(Imm(64), g)
		ADDQ(Imm(64), x)
		DECQ(laneCount)
		JNZ(LabelRef(l.label("plainloop")))
		Label(l.label("done"))
	})
	VZEROUPPER()
	RET()
}

func (l *laneLoop) gate() {
	l.begin("Gate", "to, y, dy *float32, lo, hi float32, n int", "is Gate of n > 0 times 16 elements.")
	r := l.reg
	l.bounds(r[0], r[1])
	Load(Param("to"), RDI)
	Load(Param("y"), RSI)
	Load(Param("dy"), RBX)
	l.half = 0
	l.loop([]GPPhysical{RDI, RSI, RBX}, func() {
		for l.half = 0; l.half < 64; l.half += l.size {
			l.gated(l.at(RSI), l.at(RBX), r[0], r[1], r[2], r[3])
			VMOVUPS(r[3], l.at(RDI))
		}
		l.half = 0
	})
	VZEROUPPER()
	RET()
}
