package tensor

import "math"

// SmallEncode rounds v to the nearest number of a byte-float or packed type, ties to even, and returns its bits. Numbers beyond the
// range become the largest one when saturate is set, else infinity or NaN where the type has them. Types that have neither always saturate, and NaN becomes
// zero there. Integers are cut toward zero and keep their lowest bits.
func SmallEncode(d DType, v float64, saturate bool) uint8 {
	switch d {
	case Uint4, Int4:
		return uint8(floatToInt(v)) & 15
	case Uint2, Int2:
		return uint8(floatToInt(v)) & 3
	case Float8E8M0:
		return EncodeE8M0(v, "nearest", saturate)
	}
	f := miniFloats[d]
	sign := uint8(0)
	if math.Signbit(v) {
		sign = 1 << (f.exp + f.man)
	}
	top := 1<<f.exp - 1
	largest := uint8(top<<f.man | (1<<f.man - 1))
	switch {
	case f.inf:
		largest = uint8((top-1)<<f.man | (1<<f.man - 1))
	case f.nanOnly:
		largest--
	}
	over, nan := largest, uint8(0)
	switch {
	case f.fnuz:
		nan = 1 << (f.exp + f.man)
		over = nan
	case f.nanOnly:
		nan = sign | (largest + 1)
		over = nan
	case f.inf:
		nan = sign | uint8(top<<f.man|(1<<f.man-1))
		over = sign | uint8(top<<f.man)
	default:
		saturate, nan = true, sign
	}
	if v != v {
		return nan
	}
	a := math.Abs(v)
	if math.IsInf(v, 0) {
		if saturate {
			return sign | largest
		}
		return over
	}
	_, e := math.Frexp(a) // a = m·2^e with m in 0.5 … 1
	e = max(e-1, 1-f.bias)
	m := math.RoundToEven(math.Ldexp(a, f.man-e)) // in units of the last place
	if m >= float64(int(2)<<f.man) {
		m, e = m/2, e+1
	}
	if m > 0 && (e+f.bias > top || math.Ldexp(m, e-f.man) > SmallValue(d, largest)) {
		if saturate {
			return sign | largest
		}
		return over
	}
	if m == 0 && f.fnuz {
		return 0
	}
	if m < float64(int(1)<<f.man) { // below the smallest normal number
		return sign | uint8(m)
	}
	return sign | uint8(e+f.bias)<<f.man | uint8(int(m)&(1<<f.man-1))
}

// EncodeE8M0 rounds the magnitude of v to a power of two: "up", "down" or to the "nearest" (ties up). What is beyond the
// range, 0 too, becomes the largest or smallest number when saturate is set, else NaN.
func EncodeE8M0(v float64, mode string, saturate bool) uint8 {
	const largest, nan = 254, 255
	a := math.Abs(v)
	over, under := uint8(nan), uint8(nan)
	if saturate {
		over, under = largest, 0
	}
	switch {
	case a != a:
		return nan
	case math.IsInf(a, 0):
		return over
	case a < math.Ldexp(1, -127):
		return under
	}
	m, e := math.Frexp(a)
	e-- // a = 2m·2^e with 2m in 1 … 2
	if m > 0.5 && (mode == "up" || mode == "nearest" && m >= 0.75) {
		e++
	}
	if e > 127 {
		return over
	}
	return uint8(e + 127)
}

// floatToInt cuts v toward zero; what int64 cannot hold, NaN too, becomes its smallest value, as on x86.
func floatToInt(v float64) int64 {
	if v >= -1<<63 && v < 1<<63 {
		return int64(v)
	}
	return math.MinInt64
}

// PackBits writes elements of a packed type, one a byte, into their places in data, which must be zero there; lowest bits first.
func PackBits(d DType, data []byte, from int, elems []uint8) {
	bits := d.Bits()
	per := 8 / bits
	for i, e := range elems {
		k := from + i
		data[k/per] |= e & (1<<bits - 1) << (bits * (k % per))
	}
}
