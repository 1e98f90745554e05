package kernel

// MaxLanes is the gradient of maxima under a window that slides over pixels of 16 lanes, for a row of outputs whose windows are all inside the image. Assembly knows the fields by
// their offsets.
type MaxLanes struct {
	X, DX []float32 // the input and its gradient, from the first tap of the first output on
	Y, G  []float32 // the outputs and their gradients

	Cols, Rows, Taps int // outputs; rows of taps, taps of a row
	Step, Tap, Row   int // elements of X from an output, tap or row of taps to the next
}

// Grad adds the gradients of the outputs to those of the inputs: see maxLanesGo.
func (s *MaxLanes) Grad() {
	if s.Cols < 1 || s.Rows < 1 || s.Taps < 1 {
		return
	}
	last := (s.Cols-1)*s.Step + (s.Rows-1)*s.Row + (s.Taps-1)*s.Tap + 15
	_, _, _, _ = s.X[last], s.DX[last], s.Y[16*s.Cols-1], s.G[16*s.Cols-1]
	s.grad()
}

// maxLanesGo is the contract of MaxLanes.Grad: for all outputs and lanes in order, the gradient is added to the first tap that sees what the output is, or NaN.
func maxLanesGo(s *MaxLanes) {
	for c := range s.Cols {
		var done [16]bool
		for r := range s.Rows {
			for t := range s.Taps {
				at := c*s.Step + r*s.Row + t*s.Tap
				x, dx := s.X[at:][:16], s.DX[at:][:16]
				for l, v := range x {
					if !done[l] && (v == s.Y[16*c+l] || v != v) {
						dx[l] += s.G[16*c+l]
						done[l] = true
					}
				}
			}
		}
	}
}
