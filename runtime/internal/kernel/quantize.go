package kernel

import "math"

// QuantizeRange is the smallest and largest of 0 and the elements of x; NaN is passed over.
func QuantizeRange(x []float32) (lo, hi float32) {
	for _, v := range x {
		if v < lo {
			lo = v
		} else if v > hi {
			hi = v
		}
	}
	return lo, hi
}

// DynamicScale is the scale and zero point that spread lo … hi, which hold 0 between them, over 0 … 255. The scale is finite for any range.
func DynamicScale(lo, hi float32) (scale float32, zero uint8) {
	if lo == hi {
		return 1, 0
	}
	scale = (hi - lo) / 255
	if scale > math.MaxFloat32 {
		scale = min(hi/255-lo/255, math.MaxFloat32)
	}
	return scale, uint8(math.RoundToEven(float64(min(max(-lo/scale, 0), 255))))
}

// roundBias is 1.5·2^23: added and taken away again, it leaves the nearest integer, ties to even, of numbers below 2^22.
const roundBias = 12582912

// Quantize writes round(x / scale) + zero, kept within lo … hi, the range of T; NaN becomes lo.
func Quantize[T int8 | int16 | uint8 | uint16](dst []T, x []float32, scale, zero, lo, hi float32) {
	lo, hi = lo-zero, hi-zero
	bias := int32(zero)
	for i, v := range x {
		dst[i] = T(quantizeOne(v/scale, lo, hi) + bias)
	}
}

// QuantizeEach is Quantize with a scale and a zero point for every element.
func QuantizeEach[T int8 | int16 | uint8 | uint16](dst []T, x, scale, zero []float32, lo, hi float32) {
	for i, v := range x {
		z := zero[i]
		dst[i] = T(quantizeOne(v/scale[i], lo-z, hi-z) + int32(z))
	}
}

func quantizeOne(q, lo, hi float32) int32 {
	if !(q > lo) {
		q = lo
	}
	if q > hi {
		q = hi
	}
	q += roundBias
	return int32(q - roundBias)
}

// Dequantize writes (x − zero) · scale.
func Dequantize[T int8 | int16 | uint8 | uint16 | float32](dst []float32, x []T, scale, zero float32) {
	for i, v := range x {
		dst[i] = (float32(v) - zero) * scale
	}
}

// DequantizeEach is Dequantize with a scale and a zero point for every element.
func DequantizeEach[T int8 | int16 | uint8 | uint16 | float32](dst []float32, x []T, scale, zero []float32) {
	for i, v := range x {
		dst[i] = (float32(v) - zero[i]) * scale[i]
	}
}
