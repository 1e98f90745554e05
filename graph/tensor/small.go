package tensor

import "math"

// miniFloat describes a floating-point format of at most 8 bits.
type miniFloat struct {
	exp, man int // bits
	bias     int
	inf      bool // all exponent bits set are infinities and NaN, as in IEEE 754
	nanOnly  bool // all bits set (sign aside) is NaN, the rest of the highest exponent is finite
	fnuz     bool // the pattern of minus zero is NaN; there is no infinity
}

var miniFloats = map[DType]miniFloat{
	Float8E4M3FN:   {exp: 4, man: 3, bias: 7, nanOnly: true},
	Float8E4M3FNUZ: {exp: 4, man: 3, bias: 8, fnuz: true},
	Float8E5M2:     {exp: 5, man: 2, bias: 15, inf: true},
	Float8E5M2FNUZ: {exp: 5, man: 2, bias: 16, fnuz: true},
	Float4E2M1:     {exp: 2, man: 1, bias: 1},
	Float6E2M3:     {exp: 2, man: 3, bias: 1},
	Float6E3M2:     {exp: 3, man: 2, bias: 3},
}

// SmallBits are the bits of element i of a type of at most 8 bits, unpacked.
func (t *Tensor) SmallBits(i int) uint8 {
	switch t.dtype.Bits() {
	case 4:
		return t.data[i/2] >> (4 * (i & 1)) & 15
	case 2:
		return t.data[i/4] >> (2 * (i & 3)) & 3
	default:
		return t.data[i]
	}
}

func (t *Tensor) smallFloat(i int) float64 {
	if t.dtype.Bits() == 0 {
		return math.NaN()
	}
	return SmallValue(t.dtype, t.SmallBits(i))
}

// SmallValue is the number that the bits of a byte-float or packed type stand for.
func SmallValue(d DType, b uint8) float64 {
	switch d {
	case Uint4, Uint2:
		return float64(b)
	case Int4:
		return float64(int8(b<<4) >> 4)
	case Int2:
		return float64(int8(b<<6) >> 6)
	case Float8E8M0:
		if b == 255 {
			return math.NaN()
		}
		return math.Ldexp(1, int(b)-127)
	}
	f := miniFloats[d]
	sign := 1.0
	if b>>(f.exp+f.man)&1 != 0 {
		sign = -1
	}
	e, m := int(b)>>f.man&(1<<f.exp-1), int(b)&(1<<f.man-1)
	top := 1<<f.exp - 1
	switch {
	case f.fnuz && e == 0 && m == 0 && sign < 0:
		return math.NaN()
	case f.nanOnly && e == top && m == 1<<f.man-1:
		return math.NaN()
	case f.inf && e == top && m != 0:
		return math.NaN()
	case f.inf && e == top:
		return math.Inf(int(sign))
	case e == 0:
		return sign * math.Ldexp(float64(m), 1-f.bias-f.man)
	}
	return sign * math.Ldexp(float64(m|1<<f.man), e-f.bias-f.man)
}
