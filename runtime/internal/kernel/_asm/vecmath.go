package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A function of this file loads the constants of a function of one number and returns the code for a step of vectors. The polynomials are those
// that scripts/minimax.py prints.
type code func(x value) value

const (
	absBits  = 0x7fffffff
	signBits = 0x80000000
	ln2High  = 0.693145751953125 // its products with small whole numbers are exact
	ln2Low   = 1.42860682030941723212e-6
)

// reduced is x = n·ln2 + r, |r| ≤ ln2/2, and exp(r) = 1 + tail.
type reduced struct{ n, tail value }

// expReduce reduces x brought into lo … hi; NaN stays NaN. An infinite bound says that x does not need it.
func (v *vec) expReduce(lo, hi float64) func(x value) reduced {
	bounded := v.bounded(lo, hi)
	log2e, high, low := v.num(math.Log2E), v.num(ln2High), v.num(ln2Low)
	poly := v.nums(0.49999994, 0.166665211, 0.0416682586, 0.00836866908, 0.00138213625)
	return func(x value) reduced {
		r := v.copy(bounded(x))
		n := v.round(toNearest, v.mul(r, log2e))
		v.subMul(r, n, high)
		v.subMul(r, n, low)
		q := v.horner(r, poly)
		tail := v.mul(r, r)
		v.mulAdd(tail, q, r) // r + r²·q
		return reduced{n, tail}
	}
}

func (v *vec) bounded(lo, hi float64) code {
	least, most := v.num(lo), v.num(hi)
	return func(x value) value {
		if !math.IsInf(hi, 1) {
			x = v.min(most, x)
		}
		if !math.IsInf(lo, -1) {
			x = v.max(least, x)
		}
		return x
	}
}

// bias is what AVX2 adds to an exponent; AVX-512 scales by one instruction.
func (v *vec) bias() Op {
	if v.wide {
		return nil
	}
	return v.bits(127)
}

// exp is eˣ, 0 below −104 and +Inf above 89.
func (v *vec) exp() code { return v.expWithin(-104, 89) }

func (v *vec) expWithin(lo, hi float64) code {
	reduce, one, bias := v.expReduce(lo, hi), v.num(1), v.bias()
	return func(x value) value {
		e := reduce(x)
		return v.scale(v.add(e.tail, one), e.n, bias)
	}
}

// onePlusExp is 1 + eˣ of what expReduce made of x ≥ leastPlusOne.
func (v *vec) onePlusExp() func(e reduced) value {
	one := v.num(1)
	if v.wide {
		return func(e reduced) value { return v.add(v.scale(v.add(e.tail, one), e.n, nil), one) }
	}
	half, two := v.num(0.5), v.num(2)
	return func(e reduced) value { // half of eˣ is finite where eˣ is not: n goes straight to the exponent
		h := v.mulAdd(e.tail, half, half)
		for i := range h {
			n := v.reg()
			VCVTPS2DQ(e.n[i], n)
			VPSLLD(Imm(23), n, n)
			VPADDD(n, h[i], h[i])
		}
		return v.mulAdd(h, two, one)
	}
}

// leastPlusOne is an x whose eˣ is nothing beside 1, and far from a denormal number.
const leastPlusOne = -80

// expm1 is eˣ − 1 for leastPlusOne ≤ lo ≤ x ≤ hi < 88, and its value at the bound beyond.
func (v *vec) expm1(lo, hi float64) code {
	reduce, one := v.expReduce(lo, hi), v.num(1)
	return func(x value) value {
		e := reduce(x)
		s := v.power(e.n, one)
		return v.mulAdd(e.tail, s, v.sub(s, one))
	}
}

// exp2 is 2ˣ; below −151 it is 0 and above 128 +Inf.
func (v *vec) exp2() code {
	least, most, bias := v.num(-151), v.num(128), v.bias()
	poly := v.nums(1, 0.693147182, 0.240226477, 0.0555035956, 0.00961849932, 0.00133909704, 0.000153293106)
	return func(x value) value {
		f := v.max(least, v.min(most, x))
		n := v.round(toNearest, f)
		f = v.sub(f, n)
		return v.scale(v.horner(f, poly), n, bias)
	}
}

// log splits x = m·2ᵉ with m in ¾ … 1½ and f = m − 1: ln x = e·ln2 + f − f²/2 + f³·P(f).
func (v *vec) log() code {
	one, half, high, low := v.num(1), v.num(0.5), v.num(ln2High), v.num(ln2Low)
	poly := v.nums(0.333334506, -0.250001043, 0.199908212, -0.166469872, 0.144782528, -0.131639972, 0.104697376, -0.0451212041)
	split := v.logSplit(one)
	return func(x value) value {
		e, m, special := split(x)
		f := v.sub(m, one)
		f2 := v.mul(f, f)
		p := v.horner(f, poly)
		y := v.mul(e, low)
		v.subMul(y, f2, half)
		v.addMul(y, p, v.mul(f, f2))
		y = v.add(y, f)
		v.addMul(y, e, high)
		return special(y)
	}
}

// logSplit finds exponent and mantissa. special puts right what is not for a finite x > 0.
func (v *vec) logSplit(one Op) func(x value) (e, m value, special func(value) value) {
	if v.wide {
		return func(x value) (e, m value, special func(value) value) {
			const between = 3 | 2<<2 // mantissa in ¾ … 1½, NaN for negative numbers
			m = v.getMantissa(between, x)
			e = v.getExponent(x)
			e = v.pick(less, m, one, v.add(e, one), e)
			return e, m, func(y value) value { return y } // ±Inf as exponent does it
		}
	}
	tiny, grow, grown := v.num(math.Ldexp(1, -126)), v.num(math.Ldexp(1, 23)), v.num(23)
	start, zero, inf, nan, none := v.num(0.75), v.num(0), v.num(math.Inf(1)), v.num(math.NaN()), v.num(math.Inf(-1))
	return func(x value) (e, m value, special func(value) value) {
		n := v.pick(less, x, tiny, v.mul(x, grow), x)
		shift := v.pick(less, x, tiny, grown, zero)
		e, m = v.splitBits(n, start)
		return v.sub(e, shift), m, func(y value) value {
			y = v.pick(less, x, inf, y, x)
			y = v.pick(less, x, zero, nan, y)
			return v.pick(equal, x, zero, none, y)
		}
	}
}

func (v *vec) tanh() code {
	expm1, abs, two := v.expm1(math.Inf(-1), 20), v.bits(absBits), v.num(2)
	return func(x value) value {
		t := v.and(x, abs)
		e := expm1(v.add(t, t))
		return v.or(v.div(e, v.add(e, two)), v.andNot(abs, x))
	}
}

func (v *vec) sigmoid() code {
	reduce, plus, sign, one := v.expReduce(leastPlusOne, 89), v.onePlusExp(), v.bits(signBits), v.num(1)
	return func(x value) value { return v.div(one, plus(reduce(v.xor(x, sign)))) }
}

// swish is x / (1 + exp(−alpha·x)).
func (v *vec) swish() code {
	reduce, plus, minus := v.expReduce(leastPlusOne, 89), v.onePlusExp(), v.minus(v.param("alpha"))
	return func(x value) value { return v.div(x, plus(reduce(v.mul(x, minus)))) }
}

// gelu is max(0, x) − |x|·Φ(−|x|), and log2 Φ(−|x|) a polynomial.
func (v *vec) gelu() code {
	exp2, abs, zero, inf := v.exp2(), v.bits(absBits), v.num(0), v.num(math.Inf(1))
	v.full = true
	poly := v.nums(-1, -1.15110922, -0.459168851, -0.0526226312, 0.00725230202, -0.000284855836, -0.000123843536, 2.6057709e-05, -1.70754936e-06)
	return func(x value) value {
		t := v.and(x, abs)
		y := v.max(zero, x)
		return v.pick(less, x, inf, v.subMul(y, t, exp2(v.horner(t, poly))), x)
	}
}

// geluTanh is x / (1 + exp(−2u)), u = √(2/π)·(x + 0.044715·x³).
func (v *vec) geluTanh() code {
	c := -2 * math.Sqrt(2/math.Pi) * math.Log2E
	exp2, one, first, third := v.exp2(), v.num(1), v.num(c), v.num(c*0.044715)
	return func(x value) value {
		u := v.mul(x, x)
		v.mulAdd(u, third, first)
		return v.div(x, v.add(exp2(v.mul(u, x)), one))
	}
}

// erf is x + x·P(x²) for small x, else ±(1 − erfc|x|), and log2 erfc a polynomial.
func (v *vec) erf() code {
	exp2, abs, one, small := v.exp2(), v.bits(absBits), v.num(1), v.num(0.875)
	v.full = true
	tail := v.nums(0.000233760496, -1.62945652, -0.913908958, -0.156011671, 0.0361064784, -0.00596640818, 0.000616123783, -2.95013033e-05)
	near := v.nums(0.128379151, -0.376125067, 0.112819612, -0.0267720912, 0.00500147231, -0.000603426131)
	return func(x value) value {
		t := v.and(x, abs)
		far := v.sub(one, exp2(v.horner(t, tail)))
		p := v.mulAdd(v.horner(v.mul(t, t), near), t, t)
		return v.or(v.pick(less, t, small, p, far), v.andNot(abs, x))
	}
}

// softplus is max(0, x) + ln(1 + e) with e = exp(−|x|): 2·artanh(s), s = e/(2 + e).
func (v *vec) softplus() code {
	exp, sign, two, zero := v.expWithin(-104, math.Inf(1)), v.bits(signBits), v.num(2), v.num(0)
	poly := v.nums(0.333333343, 0.199998841, 0.142899856, 0.110476352, 0.0941048563, 0.0836585388)
	return func(x value) value {
		e := exp(v.or(x, sign))
		s := v.div(e, v.add(e, two))
		q := v.mul(s, s)
		p := v.horner(q, poly)
		s = v.add(s, s)
		v.addMul(s, p, v.mul(s, q))
		return v.add(s, v.max(zero, x))
	}
}

// mish is x·w/(w + 2), w = eˣ·(eˣ + 2).
func (v *vec) mish() code {
	exp, two := v.expWithin(-104, 20), v.num(2)
	return func(x value) value {
		e := exp(x)
		w := v.mul(e, v.add(e, two))
		return v.mul(x, v.div(w, v.add(w, two)))
	}
}

func (v *vec) softsign() code {
	abs, one := v.bits(absBits), v.num(1)
	return func(x value) value { return v.div(x, v.add(v.and(x, abs), one)) }
}

func (v *vec) elu() code {
	expm1, zero, alpha := v.expm1(leastPlusOne, math.Inf(1)), v.num(0), v.param("alpha")
	return func(x value) value { return v.pick(less, x, zero, v.mul(expm1(x), alpha), x) }
}

func (v *vec) selu() code {
	expm1, zero, alpha, beta := v.expm1(leastPlusOne, math.Inf(1)), v.num(0), v.param("alpha"), v.param("beta")
	return func(x value) value {
		return v.mul(v.pick(less, x, zero, v.mul(expm1(x), alpha), x), beta)
	}
}

func (v *vec) relu() code {
	zero := v.num(0)
	return func(x value) value { return v.max(zero, x) }
}

func (v *vec) clip() code {
	lo, hi := v.param("alpha"), v.param("beta")
	return func(x value) value { return v.min(hi, v.max(lo, x)) }
}

func (v *vec) leakyRelu() code {
	zero, alpha := v.num(0), v.param("alpha")
	return func(x value) value { return v.pick(less, x, zero, v.mul(x, alpha), x) }
}

func (v *vec) thresholdedRelu() code {
	zero, alpha := v.num(0), v.param("alpha")
	return func(x value) value { return v.pick(less, alpha, x, x, zero) }
}

func (v *vec) hardSigmoid() code {
	zero, one, alpha, beta := v.num(0), v.num(1), v.param("alpha"), v.param("beta")
	return func(x value) value {
		return v.min(one, v.max(zero, v.mulAdd(v.copy(x), alpha, beta)))
	}
}

func (v *vec) hardSwish() code {
	gate := v.hardSigmoid()
	return func(x value) value { return v.mul(gate(x), x) }
}

func (v *vec) reciprocal() code {
	one := v.num(1)
	return func(x value) value { return v.div(one, x) }
}

func (v *vec) abs() code {
	m := v.bits(absBits)
	return func(x value) value { return v.and(x, m) }
}

func (v *vec) neg() code {
	m := v.bits(signBits)
	return func(x value) value { return v.xor(x, m) }
}

// sign is ±1 with the sign of x, and x itself where that is 0 or NaN.
func (v *vec) sign() code {
	m, one, zero := v.bits(signBits), v.num(1), v.num(0)
	return func(x value) value {
		y := v.or(v.and(x, m), one)
		y = v.pick(equal, x, zero, x, y)
		return v.pick(notOrdered, x, zero, x, y)
	}
}

func (v *vec) rounding(mode uint64) code {
	return func(x value) value { return v.round(mode, x) }
}

func (v *vec) squareRoot() code { return func(x value) value { return v.sqrt(x) } }

// sine is sin x, or cos x a quarter ahead: |x| = n·π/2 + r, |r| ≤ π/4, and the sine or the cosine of r, turned around for half of the n. π/2 comes in
// three parts; beyond some 2¹⁶ that is not enough.
func (v *vec) sine(ahead bool) code {
	abs, perTurn := v.bits(absBits), v.num(2/math.Pi)
	parts := []Op{v.num(1.5707963705062866), v.num(-4.371138828673793e-08), v.num(-1.7151245100058819e-15)}
	sin := v.nums(-0.166666552, 0.00833219197, -0.000195187909)
	cos := v.nums(0.0416666456, -0.00138873013, 2.44306611e-05)
	one, half, quarter := v.num(1), v.num(0.5), v.bits(1)
	return func(x value) value {
		r := v.and(x, abs)
		n := v.round(toNearest, v.mul(r, perTurn))
		for _, p := range parts {
			v.subMul(r, n, p)
		}
		q := v.mul(r, r)
		s := v.mul(v.horner(q, sin), q)
		v.mulAdd(s, r, r)
		c := v.subMul(v.copy(one), q, half)
		v.addMul(c, v.horner(q, cos), v.mul(q, q))
		return v.make(func(i int, d VecVirtual) {
			turns, odd := v.reg(), v.reg()
			VCVTPS2DQ(n[i], turns)
			if ahead {
				VPADDD(quarter, turns, turns)
			}
			VPSLLD(Imm(31), turns, odd)
			if v.wide {
				k := K()
				VPMOVD2M(odd, k)
				VBLENDMPS(c[i], s[i], k, d)
			} else {
				VBLENDVPS(odd, c[i], s[i], d)
			}
			VPSRLD(Imm(1), turns, turns)
			VPSLLD(Imm(31), turns, turns)
			VXORPS(turns, d, d)
			if !ahead {
				VANDNPS(x[i], v.regs(abs)[0], odd)
				VXORPS(odd, d, d)
			}
		})
	}
}

// celu is x where x ≥ 0, else alpha·(exp(x/alpha) − 1), for alpha > 0.
func (v *vec) celu() code {
	expm1, zero, alpha := v.expm1(leastPlusOne, math.Inf(1)), v.num(0), v.param("alpha")
	return func(x value) value {
		return v.pick(less, x, zero, v.mul(expm1(v.div(x, alpha)), alpha), v.add(x, zero))
	}
}
