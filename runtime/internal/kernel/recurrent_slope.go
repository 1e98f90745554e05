package kernel

import "math"

// CellSlope is the derivative of the activation a at x, where its value is y. Beyond the clip it is 0.
func CellSlope[T float32 | float64](a CellActivation, x, y T) T {
	if math.Abs(float64(x)) > a.Clip {
		return 0
	}
	where := func(cond bool, slope T) T {
		if cond {
			return slope
		}
		return 0
	}
	switch a.Kind {
	case CellAffine:
		return T(a.Alpha)
	case CellRelu:
		return where(x > 0, 1)
	case CellLeakyRelu:
		if x < 0 {
			return T(a.Alpha)
		}
		return 1
	case CellThresholdedRelu:
		return where(x > T(a.Alpha), 1)
	case CellTanh:
		return 1 - y*y
	case CellScaledTanh:
		t := math.Tanh(a.Beta * float64(x))
		return T(a.Alpha * a.Beta * (1 - t*t))
	case CellSigmoid:
		return y * (1 - y)
	case CellHardSigmoid:
		return where(y > 0 && y < 1, T(a.Alpha))
	case CellElu:
		if x < 0 {
			return y + T(a.Alpha)
		}
		return 1
	case CellSoftsign:
		s := 1 + math.Abs(float64(x))
		return T(1 / (s * s))
	default: // CellSoftplus
		return T(1 / (1 + math.Exp(-float64(x))))
	}
}
