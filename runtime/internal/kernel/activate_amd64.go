//go:build !noasm

package kernel

// activateVec is Activate by vector instructions, where there are such for the function.
func activateVec(dst, src []float32, a Activation) bool {
	switch {
	case !useAVX2 || a.Kind == ActCelu && !(a.Alpha > 0):
		return false
	case a.Kind == ActSin || a.Kind == ActCos:
		sineVec(dst, src, a)
		return true
	case useAVX512:
		return activate512(&dst[0], &src[0], len(src), a)
	}
	return activate2(&dst[0], &src[0], len(src), a)
}

// sineLimit is up to where the vector functions know π/2 well enough.
const sineLimit = 1 << 15

// sineVec computes sines or cosines; those of large numbers one by one, each by itself, so that its neighbours do not depend on it.
func sineVec(dst, src []float32, a Activation) {
	var part [256]float32
	for len(src) > 0 {
		n := min(len(src), len(part))
		copy(part[:], src[:n])
		var top float32
		if useAVX512 {
			activate512(&dst[0], &part[0], n, a)
			top = asmLargest512(&part[0], n)
		} else {
			activate2(&dst[0], &part[0], n, a)
			top = asmLargest2(&part[0], n)
		}
		if top > sineLimit {
			for i, v := range part[:n] {
				if v > sineLimit || v < -sineLimit {
					dst[i] = float32(a.At(float64(v)))
				}
			}
		}
		dst, src = dst[n:], src[n:]
	}
}

func activate512(y, x *float32, n int, a Activation) bool {
	switch a.Kind {
	case ActRelu:
		asmRelu512(y, x, n, a.Alpha, a.Beta)
	case ActClip:
		asmClip512(y, x, n, a.Alpha, a.Beta)
	case ActLeakyRelu:
		asmLeakyRelu512(y, x, n, a.Alpha, a.Beta)
	case ActThresholdedRelu:
		asmThresholdedRelu512(y, x, n, a.Alpha, a.Beta)
	case ActHardSigmoid:
		asmHardSigmoid512(y, x, n, a.Alpha, a.Beta)
	case ActHardSwish:
		asmHardSwish512(y, x, n, a.Alpha, a.Beta)
	case ActElu:
		asmElu512(y, x, n, a.Alpha, a.Beta)
	case ActSelu:
		asmSelu512(y, x, n, a.Alpha, a.Beta)
	case ActSigmoid:
		asmSigmoid512(y, x, n, a.Alpha, a.Beta)
	case ActSwish:
		asmSwish512(y, x, n, a.Alpha, a.Beta)
	case ActTanh:
		asmTanh512(y, x, n, a.Alpha, a.Beta)
	case ActGelu:
		asmGelu512(y, x, n, a.Alpha, a.Beta)
	case ActGeluTanh:
		asmGeluTanh512(y, x, n, a.Alpha, a.Beta)
	case ActSoftplus:
		asmSoftplus512(y, x, n, a.Alpha, a.Beta)
	case ActSoftsign:
		asmSoftsign512(y, x, n, a.Alpha, a.Beta)
	case ActMish:
		asmMish512(y, x, n, a.Alpha, a.Beta)
	case ActExp:
		asmExp512(y, x, n, a.Alpha, a.Beta)
	case ActLog:
		asmLog512(y, x, n, a.Alpha, a.Beta)
	case ActErf:
		asmErf512(y, x, n, a.Alpha, a.Beta)
	case ActSqrt:
		asmSqrt512(y, x, n, a.Alpha, a.Beta)
	case ActReciprocal:
		asmReciprocal512(y, x, n, a.Alpha, a.Beta)
	case ActAbs:
		asmAbs512(y, x, n, a.Alpha, a.Beta)
	case ActNeg:
		asmNeg512(y, x, n, a.Alpha, a.Beta)
	case ActSign:
		asmSign512(y, x, n, a.Alpha, a.Beta)
	case ActFloor:
		asmFloor512(y, x, n, a.Alpha, a.Beta)
	case ActCeil:
		asmCeil512(y, x, n, a.Alpha, a.Beta)
	case ActRound:
		asmRound512(y, x, n, a.Alpha, a.Beta)
	case ActCelu:
		asmCelu512(y, x, n, a.Alpha, a.Beta)
	case ActSin:
		asmSin512(y, x, n, a.Alpha, a.Beta)
	case ActCos:
		asmCos512(y, x, n, a.Alpha, a.Beta)
	default:
		return false
	}
	return true
}

func activate2(y, x *float32, n int, a Activation) bool {
	switch a.Kind {
	case ActRelu:
		asmRelu2(y, x, n, a.Alpha, a.Beta)
	case ActClip:
		asmClip2(y, x, n, a.Alpha, a.Beta)
	case ActLeakyRelu:
		asmLeakyRelu2(y, x, n, a.Alpha, a.Beta)
	case ActThresholdedRelu:
		asmThresholdedRelu2(y, x, n, a.Alpha, a.Beta)
	case ActHardSigmoid:
		asmHardSigmoid2(y, x, n, a.Alpha, a.Beta)
	case ActHardSwish:
		asmHardSwish2(y, x, n, a.Alpha, a.Beta)
	case ActElu:
		asmElu2(y, x, n, a.Alpha, a.Beta)
	case ActSelu:
		asmSelu2(y, x, n, a.Alpha, a.Beta)
	case ActSigmoid:
		asmSigmoid2(y, x, n, a.Alpha, a.Beta)
	case ActSwish:
		asmSwish2(y, x, n, a.Alpha, a.Beta)
	case ActTanh:
		asmTanh2(y, x, n, a.Alpha, a.Beta)
	case ActGelu:
		asmGelu2(y, x, n, a.Alpha, a.Beta)
	case ActGeluTanh:
		asmGeluTanh2(y, x, n, a.Alpha, a.Beta)
	case ActSoftplus:
		asmSoftplus2(y, x, n, a.Alpha, a.Beta)
	case ActSoftsign:
		asmSoftsign2(y, x, n, a.Alpha, a.Beta)
	case ActMish:
		asmMish2(y, x, n, a.Alpha, a.Beta)
	case ActExp:
		asmExp2(y, x, n, a.Alpha, a.Beta)
	case ActLog:
		asmLog2(y, x, n, a.Alpha, a.Beta)
	case ActErf:
		asmErf2(y, x, n, a.Alpha, a.Beta)
	case ActSqrt:
		asmSqrt2(y, x, n, a.Alpha, a.Beta)
	case ActReciprocal:
		asmReciprocal2(y, x, n, a.Alpha, a.Beta)
	case ActAbs:
		asmAbs2(y, x, n, a.Alpha, a.Beta)
	case ActNeg:
		asmNeg2(y, x, n, a.Alpha, a.Beta)
	case ActSign:
		asmSign2(y, x, n, a.Alpha, a.Beta)
	case ActFloor:
		asmFloor2(y, x, n, a.Alpha, a.Beta)
	case ActCeil:
		asmCeil2(y, x, n, a.Alpha, a.Beta)
	case ActRound:
		asmRound2(y, x, n, a.Alpha, a.Beta)
	case ActCelu:
		asmCelu2(y, x, n, a.Alpha, a.Beta)
	case ActSin:
		asmSin2(y, x, n, a.Alpha, a.Beta)
	case ActCos:
		asmCos2(y, x, n, a.Alpha, a.Beta)
	default:
		return false
	}
	return true
}
