//go:build !noasm

package kernel

// lstmGates is lstmGatesGo for whole vectors of units. It returns how many units it did.
func lstmGates(gate, c, x, before []float32) int {
	h := len(c)
	switch {
	case useAVX512 && h >= 16:
		asmLSTMGates512(&gate[0], &c[0], &x[0], &before[0], h, h/16)
		return h &^ 15
	case useAVX2 && h >= 8:
		asmLSTMGates2(&gate[0], &c[0], &x[0], &before[0], h, h/8)
		return h &^ 7
	}
	return 0
}

// lstmGrad is lstmGradGo for whole vectors of units. It returns how many units it did.
func lstmGrad(da, dc, gate, c, before, dh []float32) int {
	h := len(dc)
	switch {
	case useAVX512 && h >= 16:
		asmLSTMGrad512(&da[0], &dc[0], &gate[0], &c[0], &before[0], &dh[0], h, h/16)
		return h &^ 15
	case useAVX2 && h >= 8:
		asmLSTMGrad2(&da[0], &dc[0], &gate[0], &c[0], &before[0], &dh[0], h, h/8)
		return h &^ 7
	}
	return 0
}
