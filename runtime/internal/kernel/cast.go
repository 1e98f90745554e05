package kernel

import "math"

// Floats reads numbers as float64.
func Floats[T Arith](dst []float64, src []T) {
	for i, v := range src {
		dst[i] = float64(v)
	}
}

// Ints reads integers as int64; those of uint64 keep their bits.
func Ints[T Integer](dst []int64, src []T) {
	for i, v := range src {
		dst[i] = int64(v)
	}
}

// IntsTo writes integers with their lowest bits.
func IntsTo[T Integer](dst []T, src []int64) {
	for i, v := range src {
		dst[i] = T(v)
	}
}

// IntsToFloats writes integers as floating-point numbers, rounded once.
func IntsToFloats[T float32 | float64](dst []T, src []int64, unsigned bool) {
	for i, v := range src {
		if unsigned {
			dst[i] = T(uint64(v))
		} else {
			dst[i] = T(v)
		}
	}
}

// Float32s rounds integers to float32, once.
func Float32s[T int32 | int64](dst []float32, src []T) {
	n := 0
	switch x := any(src).(type) {
	case []int32:
		n = intsToFloatsVec(dst, x)
	case []int64:
		n = longsToFloatsVec(dst, x)
	}
	for i, v := range src[n:] {
		dst[n+i] = float32(v)
	}
}

// Whole cuts float32 numbers toward zero; what T cannot hold, NaN too, becomes its smallest value.
func Whole[T int32 | int64](dst []T, src []float32) {
	n := 0
	switch y := any(dst).(type) {
	case []int32:
		n = floatsToIntsVec(y, src)
		for i, v := range src[n:] {
			y[n+i] = math.MinInt32
			if v >= -1<<31 && v < 1<<31 {
				y[n+i] = int32(v)
			}
		}
	case []int64:
		n = floatsToLongsVec(y, src)
		for i, v := range src[n:] {
			y[n+i] = FloatToInt(float64(v))
		}
	}
}

// FloatToInt cuts toward zero; what int64 cannot hold, NaN too, becomes its smallest value, as on x86.
func FloatToInt(v float64) int64 {
	if v >= -1<<63 && v < 1<<63 {
		return int64(v)
	}
	return math.MinInt64
}

// FloatsToInts cuts numbers toward zero. What int64 cannot hold becomes its smallest value, but for numbers from 2^63 to 2^64, which uint64 can;
// of these integers T keeps the lowest bits.
func FloatsToInts[T int64 | uint64 | uint32](dst []T, src []float64) {
	for i, v := range src {
		if big := uint64(1 << 63); T(big) > 0 && v >= 1<<63 && v < 1<<64 {
			dst[i] = T(uint64(v))
			continue
		}
		dst[i] = T(FloatToInt(v))
	}
}

// FloatsToInts32 cuts numbers toward zero. What int32 cannot hold becomes its smallest value; of these integers T keeps the lowest bits.
func FloatsToInts32[T int8 | int16 | int32 | uint8 | uint16](dst []T, src []float64) {
	for i, v := range src {
		n := int32(math.MinInt32)
		if v > -1<<31-1 && v < 1<<31 {
			n = int32(v)
		}
		dst[i] = T(n)
	}
}

// ToOdd is v in float32, inexact values rounded to the neighbour with an odd last bit: rounding that once more to a narrower
// type gives what rounding v at once would (https://doi.org/10.1109/TC.2007.70819).
func ToOdd(v float64) float32 {
	r := float32(v)
	if float64(r) == v || r != r || math.IsInf(v, 0) {
		return r
	}
	b := math.Float32bits(r)
	if math.Abs(float64(r)) > math.Abs(v) {
		b--
	}
	return math.Float32frombits(b | 1)
}
