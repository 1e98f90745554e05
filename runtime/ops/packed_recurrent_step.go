package ops

import "github.com/onnxrun/onnxrun/runtime/internal/kernel"

// packedStep is a step of a direction for elements from … to-1 of the batch and blocks lo … hi-1 of units.
type packedStep struct {
	*packedRecurrent
	d, t     int
	from, to int
	lo, hi   int
}

// first is the step, or its half where GRU has two.
func (s *packedStep) first() {
	halves := s.gates == gruCell.gates && !s.linearBeforeReset
	if halves {
		s.product(s.h[s.t&1], 0, 2)
	} else {
		s.product(s.h[s.t&1], 0, s.gates)
	}
	for b := s.from; b < s.to; b++ {
		if halves {
			if s.t < s.length(b) {
				s.gruGates(b)
			}
			continue
		}
		if s.ended(b) {
			continue
		}
		switch s.gates {
		case lstmCell.gates:
			s.lstm(b)
		case gruCell.gates:
			s.gruLinear(b)
		default:
			s.rnn(b)
		}
		s.emit(b)
	}
}

// second is the other half of a step of GRU where the reset gate comes before R.
func (s *packedStep) second() {
	if s.gates != gruCell.gates || s.linearBeforeReset {
		return
	}
	s.product(s.side, 2, 3)
	for b := s.from; b < s.to; b++ {
		if s.ended(b) {
			continue
		}
		s.gruBlend(b)
		s.emit(b)
	}
}

// product multiplies states by the columns of R of gates g0 … g1-1. Every other step goes from the back: it finds in the cache what the one before
// used last.
func (s *packedStep) product(state []float32, g0, g1 int) {
	_, width := kernel.Panels(1)
	per := kernel.GateBlock / width
	first := s.d * s.cols / width
	lo, hi, piece := first+s.lo*s.gates*per, first+s.hi*s.gates*per, kernel.GemvPanels
	skip, use := 0, piece
	if g1-g0 < s.gates { // of each block, the columns of these gates
		piece, skip, use = s.gates*per, g0*per, (g1-g0)*per
	}
	a, c := state[(s.d*s.batch+s.from)*s.ld:], s.sums[s.from*s.dirs*s.cols:]
	g := kernel.PackedGemm{M: s.to - s.from, N: s.dirs * s.cols, K: s.hidden, A: a, B: s.r, C: c, Lda: s.ld, Ldc: s.dirs * s.cols}
	g.Plan()
	rows, _ := g.Grid()
	pieces := (hi - lo + piece - 1) / piece
	for k := range pieces {
		at := lo + k*piece
		if s.t&1 != 0 {
			at = lo + (pieces-1-k)*piece
		}
		end := min(hi, at+skip+use)
		if g.M == 1 {
			kernel.PackedGemv(c, a, s.r, g.K, g.N, at+skip, end)
			continue
		}
		for i := range rows {
			g.Run(i, at+skip, end)
		}
	}
}

// part is what belongs to the blocks of the step: of a state (gates 1), or of the inputs of the gates.
func (s *packedStep) part(v []float32, at, gates int) []float32 {
	return v[at+s.lo*gates*kernel.GateBlock : at+s.hi*gates*kernel.GateBlock]
}

// inputs are those of the gates of an element, from X and from the state.
func (s *packedStep) inputs(b int) (x, sum []float32) {
	row := s.time(s.d, b, s.t)
	switch {
	case s.batchFirst:
		row += b * s.steps
	case s.chunk < s.steps:
		row = (row-s.packedRecurrent.first(s.d))*s.batch + b
	default:
		row = row*s.batch + b
	}
	return s.part(s.gate, (row*s.dirs+s.d)*s.cols, s.gates), s.part(s.sums, (b*s.dirs+s.d)*s.cols, s.gates)
}

// states are the state of an element before and after the step.
func (s *packedStep) states(b int) (h, next []float32) {
	at := (s.d*s.batch + b) * s.ld
	return s.part(s.h[s.t&1], at, 1), s.part(s.h[1-s.t&1], at, 1)
}

// ended keeps the state of an element whose steps are over, and reports whether they are.
func (s *packedStep) ended(b int) bool {
	if s.t < s.length(b) {
		return false
	}
	h, next := s.states(b)
	copy(next, h)
	return true
}

// emit writes the new state to Y.
func (s *packedStep) emit(b int) {
	if s.y == nil {
		return
	}
	at := ((s.time(s.d, b, s.t)*s.dirs+s.d)*s.batch + b) * s.hidden
	if s.batchFirst {
		at = ((b*s.steps+s.time(s.d, b, s.t))*s.dirs + s.d) * s.hidden
	}
	_, next := s.states(b)
	lo, hi := s.lo*kernel.GateBlock, min(s.hidden, s.hi*kernel.GateBlock)
	copy(s.y[at+lo:at+hi], next)
}

func (s *packedStep) lstm(b int) {
	x, sum := s.inputs(b)
	_, next := s.states(b)
	c := s.part(s.c, (s.d*s.batch+b)*s.units, 1)
	if s.fused {
		kernel.LSTMStep(next, c, x, sum)
		return
	}
	kernel.AddTo(sum, x)
	acts := &s.acts[s.d]
	s.eachBlock(func(k, unit, n int) {
		const w = kernel.GateBlock
		g := sum[k*4*w:][:4*w]
		in, out, forget, cell := g[:n], g[w:][:n], g[2*w:][:n], g[3*w:][:n]
		c, next := c[k*w:][:n], next[k*w:][:n]
		var p []float32
		if s.p != nil {
			p = s.p[s.d*3*s.hidden+unit:]
			kernel.AddProduct(in, p[:n], c)
			kernel.AddProduct(forget, p[2*s.hidden:][:n], c)
		}
		kernel.ActivateCell(acts[0], in)
		if s.inputForget {
			for i, v := range in {
				forget[i] = 1 - v
			}
		} else {
			kernel.ActivateCell(acts[0], forget)
		}
		kernel.ActivateCell(acts[1], cell)
		kernel.Product(c, c, forget)
		kernel.AddProduct(c, in, cell)
		kernel.Flush(c)
		if p != nil {
			kernel.AddProduct(out, p[s.hidden:][:n], c)
		}
		kernel.ActivateCell(acts[0], out)
		copy(next, c)
		kernel.ActivateCell(acts[2], next)
		kernel.Product(next, next, out)
		kernel.Flush(next)
	})
}

func (s *packedStep) rnn(b int) {
	x, sum := s.inputs(b)
	_, next := s.states(b)
	if s.fused {
		kernel.RNNStep(next, x, sum)
		return
	}
	copy(next, x)
	kernel.AddTo(next, sum)
	kernel.ActivateCell(s.acts[s.d][0], next)
	kernel.Flush(next)
}

func (s *packedStep) gruLinear(b int) {
	x, sum := s.inputs(b)
	h, next := s.states(b)
	rb := s.part(s.rb, s.d*s.units, 1)
	if s.fused {
		kernel.GRULinear(next, h, rb, x, sum)
		return
	}
	s.eachBlock(func(k, _, n int) {
		const w = kernel.GateBlock
		x, g := x[k*3*w:][:3*w], sum[k*3*w:][:3*w]
		kernel.AddTo(g[:2*w], x)
		kernel.AddTo(g[2*w:], rb[k*w:])
		kernel.ActivateCell(s.acts[s.d][0], g[:2*w])
		y := next[k*w:][:n]
		copy(y, x[2*w:])
		kernel.AddProduct(y, g[w:][:n], g[2*w:][:n])
		kernel.ActivateCell(s.acts[s.d][1], y)
		kernel.Blend(y, g[:n], y, h[k*w:])
		kernel.Flush(y)
	})
}

func (s *packedStep) gruGates(b int) {
	x, sum := s.inputs(b)
	h, _ := s.states(b)
	side := s.part(s.side, (s.d*s.batch+b)*s.ld, 1)
	if s.fused {
		kernel.GRUGates(side, h, x, sum)
		return
	}
	s.eachBlock(func(k, _, n int) {
		const w = kernel.GateBlock
		g := sum[k*3*w:][:2*w]
		kernel.AddTo(g, x[k*3*w:])
		kernel.ActivateCell(s.acts[s.d][0], g)
		kernel.Product(side[k*w:][:n], g[w:][:n], h[k*w:])
	})
}

func (s *packedStep) gruBlend(b int) {
	x, sum := s.inputs(b)
	h, next := s.states(b)
	if s.fused {
		kernel.GRUBlend(next, h, x, sum)
		return
	}
	s.eachBlock(func(k, _, n int) {
		const w = kernel.GateBlock
		y, z := next[k*w:][:n], sum[k*3*w:][:n]
		copy(y, x[k*3*w+2*w:])
		kernel.AddTo(y, sum[k*3*w+2*w:])
		kernel.ActivateCell(s.acts[s.d][1], y)
		kernel.Blend(y, z, y, h[k*w:])
		kernel.Flush(y)
	})
}

// eachBlock calls f for the blocks of the step, counted from 0, with their first unit and the number of those that exist.
func (s *packedStep) eachBlock(f func(k, unit, n int)) {
	for k := range s.hi - s.lo {
		unit := (s.lo + k) * kernel.GateBlock
		f(k, unit, min(kernel.GateBlock, s.hidden-unit))
	}
}
