package kernel

import "math"

// PostTransform turns the scores of a classical model into its outputs.
type PostTransform uint8

// The transforms, with the numbers that TreeEnsemble-5 gives them.
const (
	PostNone PostTransform = iota
	PostSoftmax
	PostLogistic
	PostSoftmaxZero
	PostProbit
)

// FindPostTransform is the transform of a name.
func FindPostTransform(name string) (PostTransform, bool) {
	switch name {
	case "NONE", "":
		return PostNone, true
	case "SOFTMAX":
		return PostSoftmax, true
	case "LOGISTIC":
		return PostLogistic, true
	case "SOFTMAX_ZERO":
		return PostSoftmaxZero, true
	case "PROBIT":
		return PostProbit, true
	}
	return PostNone, false
}

// Post replaces scores by their transform.
func Post[T float32 | float64](how PostTransform, scores []T) {
	switch how {
	case PostSoftmax:
		Softmax(scores, scores, 0, len(scores), 1)
	case PostSoftmaxZero:
		softmaxZero(scores)
	case PostLogistic:
		for i, v := range scores {
			scores[i] = T(Logistic(float64(v)))
		}
	case PostProbit:
		for i, v := range scores {
			scores[i] = T(Probit(float64(v)))
		}
	}
}

// PostRows is Post for rows of n scores.
func PostRows(how PostTransform, scores []float32, n int) {
	switch how {
	case PostNone:
	case PostLogistic:
		Activate(scores, scores, Activation{Kind: ActSigmoid})
	case PostSoftmax:
		for at := 0; at < len(scores); at += n {
			row := scores[at : at+n]
			top := row[0]
			for _, v := range row {
				top = max(top, v)
			}
			for i, v := range row {
				row[i] = v - top
			}
		}
		Activate(scores, scores, Activation{Kind: ActExp})
		for at := 0; at < len(scores); at += n {
			row := scores[at : at+n]
			sum := float32(0)
			for _, v := range row {
				sum += v
			}
			sum = 1 / sum
			for i, v := range row {
				row[i] = v * sum
			}
		}
	default:
		for at := 0; at < len(scores); at += n {
			Post(how, scores[at:at+n])
		}
	}
}

// softmaxZero is softmax over the scores that are not 0; those that are stay 0.
func softmaxZero[T float32 | float64](scores []T) {
	const zero = 1e-7
	top := T(math.Inf(-1))
	for _, v := range scores {
		top = max(top, v)
	}
	var sum T
	for i, v := range scores {
		if v > zero || v < -zero {
			scores[i] = T(math.Exp(float64(v - top)))
			sum += scores[i]
		} else {
			scores[i] = T(float64(v) * math.Exp(-float64(top)))
		}
	}
	if sum == 0 {
		return
	}
	for i := range scores {
		scores[i] /= sum
	}
}

// Logistic is 1 / (1 + exp(−x)), of small numbers without overflow.
func Logistic(x float64) float64 {
	v := 1 / (1 + math.Exp(-math.Abs(x)))
	if x < 0 {
		return 1 - v
	}
	return v
}

// Probit is √2·erfinv(2x − 1), with Winitzki's approximation of the inverse error function and its rounded constants, which other runtimes use too.
func Probit(x float64) float64 {
	x = 2*x - 1
	l := math.Log((1 - x) * (1 + x))
	v := 2/(3.14159*0.147) + 0.5*l
	root := math.Sqrt(-v + math.Sqrt(v*v-l/0.147))
	return math.Copysign(math.Sqrt2*root, x)
}
