//go:build !amd64 || noasm

package kernel

// LSTMStep is a step of LSTM for whole blocks of units: c is the state, which it changes, h what comes out, x and s the inputs of the gates from X and
// from the state before, in the order input, output, forget, cell.
func LSTMStep(h, c, x, s []float32) { lstmStepGo(h, c, x, s) }

// GRULinear is a step of GRU where the reset gate comes behind R: next follows the state h, rb is the bias within the reset, x and s are the inputs of the
// gates from X and from the state, in the order update, reset, hidden.
func GRULinear(next, h, rb, x, s []float32) { gruLinearGo(next, h, rb, x, s) }

// GRUGates is the first half of a step of GRU where the reset gate comes before R: side is the state h after the reset, and the update gate is left in s.
func GRUGates(side, h, x, s []float32) { gruGatesGo(side, h, x, s) }

// GRUBlend is the second half: s has the update gate, and as input of the third gate the product of R with the side.
func GRUBlend(next, h, x, s []float32) { gruBlendGo(next, h, x, s) }

// RNNStep is a step of RNN: the new state is tanh(x + s).
func RNNStep(next, x, s []float32) { rnnStepGo(next, x, s) }
