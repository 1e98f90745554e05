package ops

import "github.com/onnxrun/onnxrun/runtime/internal/kernel"

// recurrentThrough goes through time with some elements of the batch, forward and back. Elements do not depend on each other.
type recurrentThrough[T float32 | float64] struct{ r *recurrentBack[T] }

// Do takes batch elements.
func (a *recurrentThrough[T]) Do(_, lo, hi int) {
	r := a.r
	for t := range r.steps {
		for b := lo; b < hi; b++ {
			r.forward(t, b)
		}
	}
	for t := r.steps - 1; t >= 0 && r.exec.Stopped() == nil; t-- {
		r.backward(t, lo, hi)
	}
}

// gateRows are the rows of step t and batch element b before and behind the activations, and their gradients.
func (r *recurrentBack[T]) gateRows(t, b int) (pre, gate, da []T) {
	at := (t*r.batch + b) * r.ld
	return r.pre[at:][:r.all], r.gate[at:][:r.all], r.da[at:][:r.all]
}

// stateRow is a row of states, or what stands for them, of step t and batch element b.
func (r *recurrentBack[T]) stateRow(s []T, t, b int) []T {
	return s[(t*r.batch+b)*r.hidden:][:r.hidden]
}

// around are the cell states before and behind step t of batch element b.
func (r *recurrentBack[T]) around(t, b int) (before, behind []T) {
	return r.stateRow(r.c, t, b), r.stateRow(r.c, t+1, b)
}

// forward computes the gates of step t as the operators do.
func (r *recurrentBack[T]) forward(t, b int) {
	h, acts := r.hidden, &r.acts[r.d]
	if t >= r.length(b) {
		if r.c != nil {
			before, behind := r.around(t, b)
			copy(behind, before)
		}
		return
	}
	pre, gate, _ := r.gateRows(t, b)
	switch {
	case r.c != nil:
		r.forwardLSTM(t, b, pre, gate)
	case r.side != nil:
		r.activate(acts[0], gate[:2*h], pre)
		if r.linearBeforeReset {
			kernel.AddProduct(pre[2*h:], gate[h:2*h], r.stateRow(r.side, t, b))
		}
		r.activate(acts[1], gate[2*h:], pre[2*h:])
	default:
		r.activate(acts[0], gate, pre)
	}
}

// activate is dst = a(src).
func (r *recurrentBack[T]) activate(a kernel.CellActivation, dst, src []T) {
	copy(dst, src)
	kernel.ActivateCell(a, dst)
}

// peephole is the direction's part of P, nil without one.
func (r *recurrentBack[T]) peephole(p []T) []T {
	if p == nil {
		return nil
	}
	return p[r.d*3*r.hidden:][:3*r.hidden]
}

func (r *recurrentBack[T]) forwardLSTM(t, b int, pre, gate []T) {
	h, acts := r.hidden, &r.acts[r.d]
	c, next := r.around(t, b)
	if r.fused {
		kernel.LSTMGates(any(gate).([]float32), any(next).([]float32), any(pre).([]float32), any(c).([]float32))
		return
	}
	p := r.peephole(r.in[recurrentP])
	if p != nil {
		kernel.AddProduct(pre[:h], p[:h], c)
		kernel.AddProduct(pre[2*h:3*h], p[2*h:], c)
	}
	r.activate(acts[0], gate[:h], pre)
	r.activate(acts[0], gate[2*h:3*h], pre[2*h:])
	if r.inputForget {
		for k, v := range gate[:h] {
			gate[2*h+k] = 1 - v
		}
	}
	r.activate(acts[1], gate[3*h:], pre[3*h:])
	kernel.Product(next, c, gate[2*h:3*h])
	kernel.AddProduct(next, gate[:h], gate[3*h:])
	if p != nil {
		kernel.AddProduct(pre[h:2*h], p[h:2*h], next)
	}
	r.activate(acts[0], gate[h:2*h], pre[h:])
}

// backward turns dh and dc, the gradients of the states behind step t, into those of the states before it, for batch elements lo to hi-1, and fills the gradients of the gates. Where a
// batch element has ended, its state passed unchanged, and so does the gradient.
func (r *recurrentBack[T]) backward(t, lo, hi int) {
	h := r.hidden
	for b := lo; b < hi; b++ {
		pre, gate, da := r.gateRows(t, b)
		if t >= r.length(b) {
			clear(da)
			if r.linearBeforeReset {
				clear(r.dr[(t*r.batch+b)*r.ld:][:r.all])
			}
			continue
		}
		dh := r.dh[b*h:][:h]
		if dy := r.in[recurrentDY]; dy != nil {
			_, y := r.row(b, t)
			addInto(dh, dy[y*h:])
		}
		switch {
		case r.c != nil:
			r.backwardLSTM(t, b, dh)
		case r.side != nil:
			r.backwardGRU(t, b, dh)
		default:
			for k, g := range dh {
				da[k] = g * kernel.CellSlope(r.acts[r.d][0], pre[k], gate[k])
			}
			clear(dh)
		}
	}
	if h == 0 {
		return
	}
	at, dh, rows := (t*r.batch+lo)*r.ld, r.dh[lo*h:hi*h], hi-lo
	if r.side == nil || r.linearBeforeReset {
		r.byR(dh, r.dr[at:], rows, r.all, 0)
		return
	}
	tmp := r.tmp[lo*h : hi*h] // the gradient of reset∘state
	clear(tmp)
	r.byR(tmp, r.da[at+2*h:], rows, h, 2*h)
	for b := lo; b < hi; b++ {
		if t < r.length(b) {
			r.backwardReset(t, b, r.tmp[b*h:][:h])
		}
	}
	r.byR(dh, r.da[at:], rows, 2*h, 0)
}

func (r *recurrentBack[T]) backwardLSTM(t, b int, dh []T) {
	h, acts := r.hidden, &r.acts[r.d]
	pre, gate, da := r.gateRows(t, b)
	c, next := r.around(t, b)
	dc, shown := r.dc[b*h:][:h], r.tmp[b*h:][:h]
	if r.fused {
		kernel.LSTMGrad(any(da).([]float32), any(dc).([]float32), any(gate).([]float32), any(next).([]float32), any(c).([]float32), any(dh).([]float32))
		clear(dh)
		return
	}
	r.activate(acts[2], shown, next)
	p := r.peephole(r.in[recurrentP])
	for k := range h {
		i, o, f, g := k, h+k, 2*h+k, 3*h+k
		da[o] = dh[k] * shown[k] * kernel.CellSlope(acts[0], pre[o], gate[o])
		d := dc[k] + dh[k]*gate[o]*kernel.CellSlope(acts[2], next[k], shown[k])
		if p != nil {
			d += da[o] * p[h+k]
		}
		di, df := d*gate[g], d*c[k]
		if da[f] = 0; r.inputForget { // f = 1 − i
			di -= df
		} else {
			da[f] = df * kernel.CellSlope(acts[0], pre[f], gate[f])
		}
		da[i] = di * kernel.CellSlope(acts[0], pre[i], gate[i])
		da[g] = d * gate[i] * kernel.CellSlope(acts[1], pre[g], gate[g])
		dc[k] = d * gate[f]
		if p != nil {
			dc[k] += da[i]*p[k] + da[f]*p[2*h+k]
		}
	}
	clear(dh)
}

// backwardGRU does all but the reset gate where that comes before R.
func (r *recurrentBack[T]) backwardGRU(t, b int, dh []T) {
	h, acts := r.hidden, &r.acts[r.d]
	pre, gate, da := r.gateRows(t, b)
	state, side, dr := r.stateRow(r.h, t, b), r.stateRow(r.side, t, b), r.dr[(t*r.batch+b)*r.ld:][:r.all]
	for k, d := range dh {
		z, g := gate[k], gate[2*h+k]
		da[k] = d * (state[k] - g) * kernel.CellSlope(acts[0], pre[k], z)
		da[2*h+k] = d * (1 - z) * kernel.CellSlope(acts[1], pre[2*h+k], g)
		if r.linearBeforeReset {
			da[h+k] = da[2*h+k] * side[k] * kernel.CellSlope(acts[0], pre[h+k], gate[h+k])
			dr[k], dr[h+k], dr[2*h+k] = da[k], da[h+k], da[2*h+k]*gate[h+k]
		}
		dh[k] = d * z
	}
}

// backwardReset passes d, the gradient of reset∘state, on to both.
func (r *recurrentBack[T]) backwardReset(t, b int, d []T) {
	h := r.hidden
	pre, gate, da := r.gateRows(t, b)
	state := r.stateRow(r.h, t, b)
	for k, v := range d {
		da[h+k] = v * state[k] * kernel.CellSlope(r.acts[r.d][0], pre[h+k], gate[h+k])
		r.dh[b*h+k] += v * gate[h+k]
	}
}
