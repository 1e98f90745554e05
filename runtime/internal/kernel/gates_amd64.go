//go:build !noasm

package kernel

// LSTMStep is a step of LSTM for whole blocks of units: c is the state, which it changes, h what comes out, x and s the inputs of the gates from X and
// from the state before, in the order input, output, forget, cell.
func LSTMStep(h, c, x, s []float32) {
	n := len(c) / GateBlock
	h, x, s = h[:len(c)], x[:4*len(c)], s[:4*len(c)]
	switch {
	case n == 0:
	case useAVX512:
		asmGatesLSTM512(&h[0], &c[0], &x[0], &s[0], n)
	case useAVX2:
		asmGatesLSTM2(&h[0], &c[0], &x[0], &s[0], n)
	default:
		lstmStepGo(h, c, x, s)
	}
}

// GRULinear is a step of GRU where the reset gate comes behind R: next follows the state h, rb is the bias within the reset, x and s are the inputs of the
// gates from X and from the state, in the order update, reset, hidden.
func GRULinear(next, h, rb, x, s []float32) {
	n := len(next) / GateBlock
	h, rb, x, s = h[:len(next)], rb[:len(next)], x[:3*len(next)], s[:3*len(next)]
	switch {
	case n == 0:
	case useAVX512:
		asmGatesGRULinear512(&next[0], &h[0], &rb[0], &x[0], &s[0], n)
	case useAVX2:
		asmGatesGRULinear2(&next[0], &h[0], &rb[0], &x[0], &s[0], n)
	default:
		gruLinearGo(next, h, rb, x, s)
	}
}

// GRUGates is the first half of a step of GRU where the reset gate comes before R: side is the state h after the reset, and the update gate is left in s.
func GRUGates(side, h, x, s []float32) {
	n := len(side) / GateBlock
	h, x, s = h[:len(side)], x[:3*len(side)], s[:3*len(side)]
	switch {
	case n == 0:
	case useAVX512:
		asmGatesGRUGates512(&side[0], &h[0], &x[0], &s[0], n)
	case useAVX2:
		asmGatesGRUGates2(&side[0], &h[0], &x[0], &s[0], n)
	default:
		gruGatesGo(side, h, x, s)
	}
}

// GRUBlend is the second half: s has the update gate, and as input of the third gate the product of R with the side.
func GRUBlend(next, h, x, s []float32) {
	n := len(next) / GateBlock
	h, x, s = h[:len(next)], x[:3*len(next)], s[:3*len(next)]
	switch {
	case n == 0:
	case useAVX512:
		asmGatesGRUBlend512(&next[0], &h[0], &x[0], &s[0], n)
	case useAVX2:
		asmGatesGRUBlend2(&next[0], &h[0], &x[0], &s[0], n)
	default:
		gruBlendGo(next, h, x, s)
	}
}

// RNNStep is a step of RNN: the new state is tanh(x + s).
func RNNStep(next, x, s []float32) {
	n := len(next) / GateBlock
	x, s = x[:len(next)], s[:len(next)]
	switch {
	case n == 0:
	case useAVX512:
		asmGatesRNN512(&next[0], &x[0], &s[0], n)
	case useAVX2:
		asmGatesRNN2(&next[0], &x[0], &s[0], n)
	default:
		rnnStepGo(next, x, s)
	}
}
