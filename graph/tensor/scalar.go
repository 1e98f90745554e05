package tensor

import (
	"fmt"
	"math"

	"github.com/x448/float16"
)

// Full is a scalar (or a tensor of the given shape) of type d in which every element is v, converted as a Go conversion would;
// float16 and bfloat16 round to nearest even.
func Full(d DType, v float64, shape ...int) (*Tensor, error) {
	t, err := New(d, shape...)
	if err != nil {
		return nil, err
	}
	switch d {
	case Float32:
		fill(Data[float32](t), float32(v))
	case Float64:
		fill(Data[float64](t), v)
	case Float16:
		fill(Data[uint16](t), float16.Fromfloat32(float32(v)).Bits())
	case BFloat16:
		fill(Data[uint16](t), BFloat16Bits(float32(v)))
	case Int8:
		fill(Data[int8](t), int8(v))
	case Int16:
		fill(Data[int16](t), int16(v))
	case Int32:
		fill(Data[int32](t), int32(v))
	case Int64:
		fill(Data[int64](t), int64(v))
	case Uint8:
		fill(Data[uint8](t), uint8(v))
	case Uint16:
		fill(Data[uint16](t), uint16(v))
	case Uint32:
		fill(Data[uint32](t), uint32(v))
	case Uint64:
		fill(Data[uint64](t), uint64(v))
	case Bool:
		fill(Data[bool](t), v != 0)
	case Complex64:
		fill(Data[complex64](t), complex(float32(v), 0))
	case Complex128:
		fill(Data[complex128](t), complex(v, 0))
	default:
		return nil, fmt.Errorf("%s from a number: %w", d, ErrType)
	}
	return t, nil
}

func fill[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}

// BFloat16Bits rounds to the nearest bfloat16, ties to even; NaN stays NaN.
func BFloat16Bits(f float32) uint16 {
	b := math.Float32bits(f)
	if f != f {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// BFloat16Value is the inverse of BFloat16Bits.
func BFloat16Value(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }
