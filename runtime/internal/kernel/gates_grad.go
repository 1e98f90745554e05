package kernel

import "math"

// LSTMGates are the gates of one step of LSTM for one row of units, from what goes into them, x: gate has σ of the first three quarters (input, output and forget gate)
// and tanh of the last (cell), and c is the new cell state, forget·before + input·cell.
func LSTMGates(gate, c, x, before []float32) {
	h := len(c)
	gate, x, before = gate[:4*h], x[:4*h], before[:h]
	n := lstmGates(gate, c, x, before)
	lstmGatesGo(gate, c, x, before, n)
}

// lstmGatesGo is LSTMGates for the units from first on.
func lstmGatesGo(gate, c, x, before []float32, first int) {
	h := len(c)
	for u := first; u < h; u++ {
		i, o, f, g := Sigmoid(float64(x[u])), Sigmoid(float64(x[h+u])), Sigmoid(float64(x[2*h+u])), math.Tanh(float64(x[3*h+u]))
		gate[u], gate[h+u], gate[2*h+u], gate[3*h+u] = float32(i), float32(o), float32(f), float32(g)
		c[u] = flush(f*float64(before[u]) + i*g)
	}
}

// LSTMGrad is the derivative of a step for one row of units: da are the gradients of what goes into the gates and dc, which it changes, that of the cell state: first of c behind the
// step, then of the state before it. dh is the gradient of what comes out, output·tanh(c).
func LSTMGrad(da, dc, gate, c, before, dh []float32) {
	h := len(dc)
	da, gate, c, before, dh = da[:4*h], gate[:4*h], c[:h], before[:h], dh[:h]
	n := lstmGrad(da, dc, gate, c, before, dh)
	lstmGradGo(da, dc, gate, c, before, dh, n)
}

// lstmGradGo is LSTMGrad for the units from first on.
func lstmGradGo(da, dc, gate, c, before, dh []float32, first int) {
	h := len(dc)
	for u := first; u < h; u++ {
		i, o, f, g := gate[u], gate[h+u], gate[2*h+u], gate[3*h+u]
		shown := float32(math.Tanh(float64(c[u])))
		d := dc[u] + dh[u]*o*(1-shown*shown)
		da[u] = d * g * (i * (1 - i))
		da[h+u] = dh[u] * shown * (o * (1 - o))
		da[2*h+u] = d * before[u] * (f * (1 - f))
		da[3*h+u] = d * i * (1 - g*g)
		dc[u] = d * f
	}
}
