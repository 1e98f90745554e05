package ops

import "github.com/onnxrun/onnxrun/runtime/internal/kernel"

// gateRows are the rows of step t and batch element b before and behind the activations, and their gradients.
func (r *recurrentBack[T]) gateRows(t, b int) (pre, gate, da []T) {
	all := r.gates * r.hidden
	at := (t*r.batch + b) * all
	return r.pre[at:][:all], r.gate[at:][:all], r.da[at:][:all]
}

// around are the states before and behind step t of batch element b.
func (r *recurrentBack[T]) around(s []T, t, b int) (before, behind []T) {
	return s[(t*r.batch+b)*r.hidden:][:r.hidden], s[((t+1)*r.batch+b)*r.hidden:][:r.hidden]
}

// forward computes step t as the operators do, and keeps what backward needs.
func (r *recurrentBack[T]) forward(t int) {
	h, all := r.hidden, r.gates*r.hidden
	recur := r.weights(r.in[recurrentR], h)
	state := r.h[t*r.batch*h:][:r.batch*h]
	direct := r.gates // gates to which the product of R and the state is added
	if r.side != nil {
		direct = 2
	}
	r.gemm(r.batch, direct*h, h, state, h, false, recur, h, true, r.pre[t*r.batch*all:], all, true)
	acts := &r.acts[r.d]
	if r.side != nil {
		side := r.side[t*r.batch*h:][:r.batch*h]
		for b := range r.batch {
			pre, gate, _ := r.gateRows(t, b)
			r.activate(acts[0], gate[:2*h], pre)
			if s := side[b*h:][:h]; !r.linearBeforeReset {
				kernel.Product(s, gate[h:2*h], state[b*h:][:h])
			} else if clear(s); r.in[recurrentB] != nil {
				copy(s, r.in[recurrentB][r.d*2*all+all+2*h:])
			}
		}
		if r.linearBeforeReset {
			r.gemm(r.batch, h, h, state, h, false, recur[2*h*h:], h, true, side, h, true)
		} else if r.batch > 0 && h > 0 {
			r.gemm(r.batch, h, h, side, h, false, recur[2*h*h:], h, true, r.pre[t*r.batch*all+2*h:], all, true)
		}
	}
	for b := range r.batch {
		before, behind := r.around(r.h, t, b)
		if t >= r.length(b) {
			copy(behind, before)
			if r.c != nil {
				before, behind = r.around(r.c, t, b)
				copy(behind, before)
			}
			continue
		}
		pre, gate, _ := r.gateRows(t, b)
		switch {
		case r.c != nil:
			r.forwardLSTM(t, b, pre, gate, behind)
		case r.side != nil:
			if r.linearBeforeReset {
				kernel.AddProduct(pre[2*h:], gate[h:2*h], r.side[(t*r.batch+b)*h:])
			}
			r.activate(acts[1], gate[2*h:], pre[2*h:])
			kernel.Blend(behind, gate[:h], gate[2*h:], before)
		default:
			r.activate(acts[0], gate, pre)
			copy(behind, gate)
		}
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

func (r *recurrentBack[T]) forwardLSTM(t, b int, pre, gate, behind []T) {
	h, acts := r.hidden, &r.acts[r.d]
	c, next := r.around(r.c, t, b)
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
	r.activate(acts[2], behind, next)
	kernel.Product(behind, behind, gate[h:2*h])
}

// backward turns dh and dc, the gradients of the states behind step t, into those of the states before it, and fills the gradients of the gates. Where a batch element
// has ended, its state passed unchanged, and so does the gradient.
func (r *recurrentBack[T]) backward(t int) {
	h, all := r.hidden, r.gates*r.hidden
	recur := r.weights(r.in[recurrentR], h)
	clear(r.tmp)
	for b := range r.batch {
		if t >= r.length(b) {
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
			pre, gate, da := r.gateRows(t, b)
			for k, g := range dh {
				da[k] = g * kernel.CellSlope(r.acts[r.d][0], pre[k], gate[k])
			}
			clear(dh)
		}
	}
	da := r.da[t*r.batch*all:][:r.batch*all]
	direct := r.gates
	if r.side != nil && len(r.tmp) > 0 {
		direct = 2
		if r.linearBeforeReset {
			r.gemm(r.batch, h, h, r.dside[t*r.batch*h:], h, false, recur[2*h*h:], h, false, r.dh, h, true)
		} else {
			r.gemm(r.batch, h, h, da[2*h:], all, false, recur[2*h*h:], h, false, r.tmp, h, false) // of r∘h
			for b := range r.batch {
				if t < r.length(b) {
					r.backwardReset(t, b, r.tmp[b*h:][:h])
				}
			}
		}
	}
	r.gemm(r.batch, h, direct*h, da, all, false, recur, h, false, r.dh, h, true)
}

func (r *recurrentBack[T]) backwardLSTM(t, b int, dh []T) {
	h, acts := r.hidden, &r.acts[r.d]
	pre, gate, da := r.gateRows(t, b)
	c, next := r.around(r.c, t, b)
	dc, shown := r.dc[b*h:][:h], r.tmp[b*h:][:h]
	r.activate(acts[2], shown, next)
	p, dp := r.peephole(r.in[recurrentP]), r.peephole(r.out[6])
	for k := range h {
		i, o, f, g := k, h+k, 2*h+k, 3*h+k
		da[o] = dh[k] * shown[k] * kernel.CellSlope(acts[0], pre[o], gate[o])
		d := dc[k] + dh[k]*gate[o]*kernel.CellSlope(acts[2], next[k], shown[k])
		if p != nil {
			d += da[o] * p[h+k]
		}
		di, df := d*gate[g], d*c[k]
		if r.inputForget { // f = 1 − i
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
		if dp != nil {
			dp[k] += da[i] * c[k]
			dp[h+k] += da[o] * next[k]
			dp[2*h+k] += da[f] * c[k]
		}
	}
	clear(dh)
}

// backwardGRU does all but the reset gate where that comes before R.
func (r *recurrentBack[T]) backwardGRU(t, b int, dh []T) {
	h, acts := r.hidden, &r.acts[r.d]
	pre, gate, da := r.gateRows(t, b)
	state, _ := r.around(r.h, t, b)
	side, dside := r.side[(t*r.batch+b)*h:], r.dside[(t*r.batch+b)*h:]
	for k, d := range dh {
		z, g := gate[k], gate[2*h+k]
		da[k] = d * (state[k] - g) * kernel.CellSlope(acts[0], pre[k], z)
		da[2*h+k] = d * (1 - z) * kernel.CellSlope(acts[1], pre[2*h+k], g)
		if r.linearBeforeReset {
			da[h+k] = da[2*h+k] * side[k] * kernel.CellSlope(acts[0], pre[h+k], gate[h+k])
			dside[k] = da[2*h+k] * gate[h+k]
		}
		dh[k] = d * z
	}
}

// backwardReset passes d, the gradient of reset∘state, on to both.
func (r *recurrentBack[T]) backwardReset(t, b int, d []T) {
	h := r.hidden
	pre, gate, da := r.gateRows(t, b)
	state, _ := r.around(r.h, t, b)
	for k, v := range d {
		da[h+k] = v * state[k] * kernel.CellSlope(r.acts[r.d][0], pre[h+k], gate[h+k])
		r.dh[b*h+k] += v * gate[h+k]
	}
}
