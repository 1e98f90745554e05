package tensor

import (
	"fmt"

	"github.com/x448/float16"
)

// FromFloats is a tensor of type d with the elements v, rounded to nearest where d is narrower; integers are cut toward zero.
func FromFloats(d DType, v []float64, shape ...int) (*Tensor, error) {
	t, err := New(d, shape...)
	if err != nil {
		return nil, err
	}
	if t.Len() != len(v) {
		return nil, fmt.Errorf("%d numbers for %s: %w", len(v), t, ErrShape)
	}
	switch d {
	case Float32:
		convert(Data[float32](t), v)
	case Float64:
		copy(Data[float64](t), v)
	case Int8:
		convert(Data[int8](t), v)
	case Int16:
		convert(Data[int16](t), v)
	case Int32:
		convert(Data[int32](t), v)
	case Int64:
		convert(Data[int64](t), v)
	case Uint8:
		convert(Data[uint8](t), v)
	case Uint16:
		convert(Data[uint16](t), v)
	case Uint32:
		convert(Data[uint32](t), v)
	case Uint64:
		convert(Data[uint64](t), v)
	case Float16:
		for i, x := range v {
			Data[uint16](t)[i] = float16.Fromfloat32(float32(x)).Bits()
		}
	case BFloat16:
		for i, x := range v {
			Data[uint16](t)[i] = BFloat16Bits(float32(x))
		}
	case Bool:
		for i, x := range v {
			Data[bool](t)[i] = x != 0
		}
	default:
		return nil, fmt.Errorf("%s from numbers: %w", d, ErrType)
	}
	return t, nil
}

func convert[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32](dst []T, v []float64) {
	for i, x := range v {
		dst[i] = T(x)
	}
}
