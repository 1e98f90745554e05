package tensor

import "github.com/x448/float16"

// Float is element i as a float64: exact for every type but 64-bit integers beyond 2^53; the real part of complex ones; NaN for strings and containers.
func (t *Tensor) Float(i int) float64 {
	switch t.dtype {
	case Float32:
		return float64(Data[float32](t)[i])
	case Float64:
		return Data[float64](t)[i]
	case Float16:
		return float64(float16.Frombits(Data[uint16](t)[i]).Float32())
	case BFloat16:
		return float64(BFloat16Value(Data[uint16](t)[i]))
	case Bool:
		if t.data[i] != 0 {
			return 1
		}
		return 0
	case Int8:
		return float64(int8(t.data[i]))
	case Uint8:
		return float64(t.data[i])
	case Int16:
		return float64(Data[int16](t)[i])
	case Uint16:
		return float64(Data[uint16](t)[i])
	case Int32:
		return float64(Data[int32](t)[i])
	case Uint32:
		return float64(Data[uint32](t)[i])
	case Int64:
		return float64(Data[int64](t)[i])
	case Uint64:
		return float64(Data[uint64](t)[i])
	case Complex64:
		return float64(real(Data[complex64](t)[i]))
	case Complex128:
		return real(Data[complex128](t)[i])
	}
	return t.smallFloat(i)
}
