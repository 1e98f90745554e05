package kernel

import "math"

// RoundFloat16 rounds to the nearest float16 and back.
func RoundFloat16(x []float32) {
	var h [1]uint16
	for i := range x {
		Narrow(h[:], x[i:i+1], false)
		Widen(x[i:i+1], h[:], false)
	}
}

// RoundBFloat16 rounds to the nearest bfloat16 and back.
func RoundBFloat16(x []float32) {
	var h [1]uint16
	for i := range x {
		Narrow(h[:], x[i:i+1], true)
		Widen(x[i:i+1], h[:], true)
	}
}

// SoftmaxFloat16 is the softmax of float16 values, in place, as a function of simpler operators on that type: differences,
// exponentials, their sum and the quotients are each rounded. The sum itself is taken in float32.
func SoftmaxFloat16(x []float32) {
	softmaxExp(x, RoundFloat16)
	var sum [1]float32
	for _, v := range x {
		sum[0] += v
	}
	RoundFloat16(sum[:])
	for i := range x {
		x[i] /= sum[0]
	}
	RoundFloat16(x)
}

// bfloatSum is up to how many bfloat16 numbers are summed in bfloat16, as the standard's reference does with any number:
// further on the eight bits would no longer move.
const bfloatSum = 32

// SoftmaxBFloat16 is SoftmaxFloat16 for bfloat16, but the sum of few elements is rounded after each.
func SoftmaxBFloat16(x []float32) {
	softmaxExp(x, RoundBFloat16)
	var sum [1]float32
	for _, v := range x {
		if sum[0] += v; len(x) <= bfloatSum {
			RoundBFloat16(sum[:])
		}
	}
	RoundBFloat16(sum[:])
	for i := range x {
		x[i] /= sum[0]
	}
	RoundBFloat16(x)
}

// softmaxExp replaces x by exp(x - max), rounded twice.
func softmaxExp(x []float32, round func([]float32)) {
	top := float32(math.Inf(-1))
	for _, v := range x {
		if v > top || v != v {
			top = v
		}
	}
	for i := range x {
		x[i] -= top
	}
	round(x)
	for i, v := range x {
		x[i] = float32(math.Exp(float64(v)))
	}
	round(x)
}
