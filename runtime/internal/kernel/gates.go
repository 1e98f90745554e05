package kernel

import "math"

// GateBlock is how many units of a recurrent layer lie together: the inputs of the gates are [block][gate][GateBlock], and the units of a state
// are filled up to whole blocks. What stands for units that do not exist is 0.
const GateBlock = 32

// GateColumns is the length of a row of inputs of the gates.
func GateColumns(gates, hidden int) int {
	return (hidden + GateBlock - 1) / GateBlock * GateBlock * gates
}

// Recurrent layers keep no denormal numbers: a state that fades to nothing would make every product with it many times slower on some processors.
// So the kernels of cells put 0 in place of a new state below 2⁻¹²⁶.
func flush(x float64) float32 {
	if y := float32(x); math.Abs(float64(y)) >= 0x1p-126 || y != y {
		return y
	}
	return 0
}

// lstmStepGo is the contract of LSTMStep.
func lstmStepGo(h, c, x, s []float32) {
	for u := range c {
		at := u/GateBlock*4*GateBlock + u%GateBlock
		sum := func(gate int) float64 { return float64(x[at+gate*GateBlock] + s[at+gate*GateBlock]) }
		i, o, f, g := Sigmoid(sum(0)), Sigmoid(sum(1)), Sigmoid(sum(2)), math.Tanh(sum(3))
		c[u] = flush(f*float64(c[u]) + i*g)
		h[u] = flush(o * math.Tanh(float64(c[u])))
	}
}

// gruLinearGo is the contract of GRULinear.
func gruLinearGo(next, h, rb, x, s []float32) {
	for u := range next {
		at := u/GateBlock*3*GateBlock + u%GateBlock
		sum := func(gate int) float64 { return float64(x[at+gate*GateBlock] + s[at+gate*GateBlock]) }
		z, r := Sigmoid(sum(0)), Sigmoid(sum(1))
		n := math.Tanh(float64(x[at+2*GateBlock]) + r*float64(s[at+2*GateBlock]+rb[u]))
		next[u] = flush((1-z)*n + z*float64(h[u]))
	}
}

// gruGatesGo is the contract of GRUGates.
func gruGatesGo(side, h, x, s []float32) {
	for u := range side {
		at := u/GateBlock*3*GateBlock + u%GateBlock
		z, r := x[at]+s[at], x[at+GateBlock]+s[at+GateBlock]
		s[at] = float32(Sigmoid(float64(z)))
		side[u] = flush(Sigmoid(float64(r)) * float64(h[u]))
	}
}

// gruBlendGo is the contract of GRUBlend.
func gruBlendGo(next, h, x, s []float32) {
	for u := range next {
		at := u/GateBlock*3*GateBlock + u%GateBlock
		z, n := float64(s[at]), math.Tanh(float64(x[at+2*GateBlock]+s[at+2*GateBlock]))
		next[u] = flush((1-z)*n + z*float64(h[u]))
	}
}

// rnnStepGo is the contract of RNNStep.
func rnnStepGo(next, x, s []float32) {
	for u := range next {
		next[u] = flush(math.Tanh(float64(x[u] + s[u])))
	}
}

// PackGates packs panels lo to hi-1 of the matrices m, (dirs, gates × hidden, k) row after row, for PackedGemm: as the k × n matrix whose columns are
// the gates of all directions in blocks, n = dirs · GateColumns(gates, hidden).
func PackGates(dst, m []float32, dirs, gates, hidden, k, lo, hi int) {
	perDir := GateColumns(gates, hidden)
	count, width := Panels(dirs * perDir)
	blocks, depth := gemmBlocks(k)
	for j := lo; j < hi; j++ {
		d, col := j*width/perDir, j*width%perDir
		gate, unit := col/GateBlock%gates, col/GateBlock/gates*GateBlock+col%GateBlock
		cols := max(0, min(width, hidden-unit))
		rows := m[(d*gates+gate)*hidden*k:]
		for kb := range blocks {
			k0, kc := kb*depth, min(depth, k-kb*depth)
			to := dst[(k0*count+kc*j)*width:][:kc*width]
			if cols < width {
				clear(to)
			}
			for q := range cols {
				for p, v := range rows[(unit+q)*k+k0:][:kc] {
					to[p*width+q] = v
				}
			}
		}
	}
}

// Flush puts 0 in place of numbers below 2⁻¹²⁶.
func Flush(x []float32) {
	for i, v := range x {
		x[i] = flush(float64(v))
	}
}

// AddTo is y[i] += x[i] for all of y.
func AddTo(y, x []float32) {
	for i, v := range x[:len(y)] {
		y[i] += v
	}
}
