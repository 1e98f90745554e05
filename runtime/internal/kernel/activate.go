package kernel

import (
	"math"
	"slices"
)

// Act names a function of one number: an activation, or another function that is applied element by element.
type Act uint8

// The functions. Those with parameters take them from an [Activation].
const (
	ActNone            Act = iota // x
	ActRelu                       // max(0, x)
	ActClip                       // min(max(x, alpha), beta)
	ActLeakyRelu                  // x where x ≥ 0, else alpha·x
	ActThresholdedRelu            // x where x > alpha, else 0
	ActHardSigmoid                // alpha·x + beta within 0 … 1
	ActHardSwish                  // x·(alpha·x + beta), the second factor within 0 … 1
	ActElu                        // x where x ≥ 0, else alpha·(eˣ − 1)
	ActSelu                       // beta·x where x > 0, else beta·alpha·(eˣ − 1)
	ActCelu                       // max(0, x) + min(0, alpha·(exp(x/alpha) − 1))
	ActSigmoid                    // 1 / (1 + exp(−x))
	ActSwish                      // x · sigmoid(alpha·x)
	ActTanh
	ActGelu     // x·Φ(x), Φ being the normal distribution
	ActGeluTanh // its approximation by tanh (https://arxiv.org/abs/1606.08415)
	ActSoftplus // ln(1 + eˣ)
	ActSoftsign // x / (1 + |x|)
	ActMish     // x·tanh(softplus(x))
	ActExp
	ActLog
	ActErf
	ActSqrt
	ActReciprocal
	ActAbs
	ActNeg
	ActSign // −1, 0 or 1
	ActFloor
	ActCeil
	ActRound // to nearest, ties to even
	ActSin
	ActCos
	numActs
)

// actNames are the standard's names, or what comes closest.
var actNames = [numActs]string{
	"", "Relu", "Clip", "LeakyRelu", "ThresholdedRelu", "HardSigmoid", "HardSwish", "Elu", "Selu", "Celu", "Sigmoid", "Swish", "Tanh", "Gelu", "GeluTanh",
	"Softplus", "Softsign", "Mish", "Exp", "Log", "Erf", "Sqrt", "Reciprocal", "Abs", "Neg", "Sign", "Floor", "Ceil", "Round", "Sin", "Cos",
}

func (a Act) String() string { return actNames[a] }

// ActByName is the function of that name.
func ActByName(name string) (Act, bool) {
	i := slices.Index(actNames[:], name)
	return Act(max(i, 0)), i >= 0
}

// Activation is a function with its parameters. The zero Activation leaves numbers as they are.
type Activation struct {
	Kind        Act
	Alpha, Beta float32
}

// Activate is the loop dst[i] = a.At(src[i]) for all of src; dst may be src. An element's result does not depend on its place.
func Activate(dst, src []float32, a Activation) {
	dst = dst[:len(src)]
	if len(src) > 0 && !activateVec(dst, src, a) {
		activateGo(dst, src, a)
	}
}

// ActivateRows is Activate for rows of n elements in a matrix whose rows are ld elements apart, in place.
func ActivateRows(c []float32, rows, n, ld int, a Activation) {
	if n == ld {
		rows, n = min(rows, 1), rows*n
	}
	for r := range rows {
		Activate(c[r*ld:][:n], c[r*ld:][:n], a)
	}
}

func activateGo(dst, src []float32, a Activation) {
	switch a.Kind {
	case ActNone:
		copy(dst, src)
	case ActRelu:
		Clip(dst, src, 0, float32(math.Inf(1)))
	case ActClip:
		Clip(dst, src, a.Alpha, a.Beta)
	case ActLeakyRelu:
		LeakyRelu(dst, src, a.Alpha, 0)
	case ActHardSigmoid:
		HardSigmoid(dst, src, a.Alpha, a.Beta)
	case ActHardSwish:
		HardSwish(dst, src, a.Alpha, a.Beta)
	case ActAbs:
		AbsFloat(dst, src)
	case ActNeg:
		Neg(dst, src)
	default:
		for i, v := range src {
			dst[i] = float32(a.At(float64(v)))
		}
	}
}

// At is the function at x in float64, which is its definition: other kernels round differently, by little.
func (a Activation) At(x float64) float64 {
	alpha, beta := float64(a.Alpha), float64(a.Beta)
	switch a.Kind {
	case ActRelu:
		return clamp(x, 0, math.Inf(1))
	case ActClip:
		return clamp(x, alpha, beta)
	case ActLeakyRelu:
		if x < 0 {
			return alpha * x
		}
	case ActThresholdedRelu:
		if !(x > alpha) {
			return 0
		}
	case ActHardSigmoid:
		return clamp(alpha*x+beta, 0, 1)
	case ActHardSwish:
		return x * clamp(alpha*x+beta, 0, 1)
	case ActElu:
		if x < 0 {
			return alpha * math.Expm1(x)
		}
	case ActSelu:
		if x <= 0 {
			return beta * alpha * math.Expm1(x)
		}
		return beta * x
	case ActCelu:
		return max(0, x) + min(0, alpha*math.Expm1(x/alpha))
	case ActSigmoid:
		return Sigmoid(x)
	case ActSwish:
		return x * Sigmoid(alpha*x)
	case ActTanh:
		return math.Tanh(x)
	case ActGelu:
		return 0.5 * x * math.Erfc(-x/math.Sqrt2)
	case ActGeluTanh:
		return x * Sigmoid(2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)) // (1 + tanh u)/2 without its cancellation
	case ActSoftplus:
		return Softplus(x)
	case ActSoftsign:
		return x / (1 + math.Abs(x))
	case ActMish:
		return x * math.Tanh(Softplus(x))
	case ActExp:
		return math.Exp(x)
	case ActLog:
		return math.Log(x)
	case ActErf:
		return math.Erf(x)
	case ActSqrt:
		return math.Sqrt(x)
	case ActReciprocal:
		return 1 / x
	case ActAbs:
		return math.Abs(x)
	case ActNeg:
		return -x
	case ActSign:
		if x == 0 || x != x {
			return x
		}
		return math.Copysign(1, x)
	case ActFloor:
		return math.Floor(x)
	case ActCeil:
		return math.Ceil(x)
	case ActRound:
		return math.RoundToEven(x)
	case ActSin:
		return math.Sin(x)
	case ActCos:
		return math.Cos(x)
	}
	return x
}

// clamp brings x into lo … hi; NaN stays NaN.
func clamp(x, lo, hi float64) float64 {
	if x < lo {
		x = lo
	}
	if x > hi {
		x = hi
	}
	return x
}
