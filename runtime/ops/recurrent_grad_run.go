package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// length is the number of steps of a batch element.
func (r *recurrentBack[T]) length(b int) int {
	if r.lens == nil {
		return r.steps
	}
	return int(r.lens[b])
}

// row is the place of step t of batch element b among the rows of X, and by direction of Y.
func (r *recurrentBack[T]) row(b, t int) (x, y int) {
	if r.reverse[r.d] {
		t = r.length(b) - 1 - t
	}
	if r.batchFirst {
		return b*r.steps + t, (b*r.steps+t)*r.dirs + r.d
	}
	return t*r.batch + b, (t*r.dirs+r.d)*r.batch + b
}

// stateAt is where the state of batch element b lies.
func (r *recurrentBack[T]) stateAt(b int) int {
	if r.batchFirst {
		return (b*r.dirs + r.d) * r.hidden
	}
	return (r.d*r.batch + b) * r.hidden
}

// weights are the direction's part of W or R.
func (r *recurrentBack[T]) weights(of []T, width int) []T {
	n := r.all * width
	return of[r.d*n:][:n]
}

// direction computes the gradients of one direction.
func (r *recurrentBack[T]) direction(c *graph.Ctx) error {
	r.begin()
	graph.Parallel(c, r.steps, max(1, 1<<15/max(1, r.batch*(r.input+r.hidden))), recurrentGather[T]{r})
	if err := r.forwardProducts(c); err != nil {
		return err
	}
	r.packR()
	graph.Parallel(c, r.batch, (r.batch+r.exec.Workers()-1)/r.exec.Workers(), recurrentThrough[T]{r})
	if err := r.exec.Stopped(); err != nil {
		return err
	}
	return r.finish(c)
}

// begin loads the bias and the first states.
func (r *recurrentBack[T]) begin() {
	clear(r.bias)
	if b := r.in[recurrentB]; b != nil {
		b = b[r.d*2*r.all:][:2*r.all]
		for i := range r.bias {
			if r.bias[i] = b[i]; !r.linearBeforeReset || i < 2*r.hidden {
				r.bias[i] += b[r.all+i]
			}
		}
	}
	load := func(dst, src []T) {
		clear(dst)
		for b := range r.batch {
			if src != nil {
				copy(dst[b*r.hidden:][:r.hidden], src[r.stateAt(b):])
			}
		}
	}
	load(r.dh, r.in[recurrentDY+1])
	if r.c != nil {
		load(r.c[:r.batch*r.hidden], r.in[recurrentC])
		load(r.dc, r.in[recurrentDY+2])
	}
}

// recurrentGather brings the inputs and the states before the steps in order. Steps that a batch element does not have get zeros.
type recurrentGather[T float32 | float64] struct{ r *recurrentBack[T] }

// Do takes steps.
func (a *recurrentGather[T]) Do(_, lo, hi int) {
	r := a.r
	for t := lo; t < hi; t++ {
		for b := range r.batch {
			i := t*r.batch + b
			h := r.h[i*r.hidden:][:r.hidden]
			if t >= r.length(b) {
				clear(r.rows[i*r.input:][:r.input])
				clear(h)
				continue
			}
			if x, _ := r.row(b, t); !r.straight {
				copy(r.rows[i*r.input:][:r.input], r.in[recurrentX][x*r.input:])
			}
			switch {
			case t > 0:
				_, y := r.row(b, t-1)
				copy(h, r.in[recurrentY][y*r.hidden:])
			case r.in[recurrentH] != nil:
				copy(h, r.in[recurrentH][r.stateAt(b):])
			default:
				clear(h)
			}
		}
	}
}

// product is y = A·B + bias, or y += A·B, as a kernel.Gemm on all threads. A bias is one number for each column.
func (r *recurrentBack[T]) product(c *graph.Ctx, m, n, k int, a []T, lda int, transA bool, b []T, ldb int, transB bool, y []T, ldy int, bias []T, add bool) error {
	f, ok := any(r).(*recurrentBack[float32])
	if !ok || !r.vector() || m == 0 || n == 0 || k == 0 {
		for i := 0; i < m && bias != nil; i++ {
			copy(y[i*ldy:][:n], bias)
			add = true
		}
		r.gemm(m, n, k, a, lda, transA, b, ldb, transB, y, ldy, add)
		return nil
	}
	if f.next == len(f.products) {
		v := newVectorProduct(&matMulPlan{m: m, n: n, k: k, count: 1, lda: lda, ldb: ldb, transA: transA, transB: transB})
		v.Ldc, v.Ldr = ldy, ldy
		f.products = append(f.products, v)
	}
	v := f.products[f.next]
	f.next++
	out := any(y).([]float32)
	var old []float32
	if add {
		old = out
	}
	return v.run(c, any(a).([]float32), any(b).([]float32), out, any(bias).([]float32), old)
}

// forwardProducts are the inputs of all gates of all steps, which follow from X and the states.
func (r *recurrentBack[T]) forwardProducts(c *graph.Ctx) error {
	n, h := r.steps*r.batch, r.hidden
	if err := r.product(c, n, r.all, r.input, r.rows, r.input, false, r.weights(r.in[recurrentW], r.input), r.input, true, r.pre, r.ld, r.bias, false); err != nil {
		return err
	}
	recur := r.weights(r.in[recurrentR], h)
	if r.side == nil {
		return r.product(c, n, r.all, h, r.h, h, false, recur, h, true, r.pre, r.ld, nil, true)
	}
	if err := r.product(c, n, 2*h, h, r.h, h, false, recur, h, true, r.pre, r.ld, nil, true); err != nil || h == 0 {
		return err
	}
	if r.linearBeforeReset {
		var bias []T
		if b := r.in[recurrentB]; b != nil {
			bias = b[(2*r.d+1)*r.all+2*h:][:h]
		}
		return r.product(c, n, h, h, r.h, h, false, recur[2*h*h:], h, true, r.side, h, bias, false)
	}
	for i := range n {
		reset := r.gate[i*r.ld+h:][:h]
		r.activate(r.acts[r.d][0], reset, r.pre[i*r.ld+h:])
		kernel.Product(r.side[i*h:][:h], reset, r.h[i*h:])
	}
	return r.product(c, n, h, h, r.side, h, false, recur[2*h*h:], h, true, r.pre[min(2*h, len(r.pre)):], r.ld, nil, true)
}

// packR lays R out for the products of the gates' gradients with it.
func (r *recurrentBack[T]) packR() {
	f, ok := any(r).(*recurrentBack[float32])
	if !ok || r.packed == nil {
		return
	}
	recur, h, depth := f.weights(f.in[recurrentR], f.hidden), f.hidden, f.all
	panels, _ := kernel.Panels(h)
	if f.packedThird != nil {
		depth = 2 * h
		kernel.PackB(f.packedThird, recur[depth*h:], h, h, h, false, 0, panels)
	}
	kernel.PackB(f.packed, recur, depth, h, h, false, 0, panels)
}

// byR adds to the rows y [rows, hidden] the product of a [rows, ld], of which depth columns count, with the rows of R from first on.
func (r *recurrentBack[T]) byR(y, a []T, rows, depth, first int) {
	h := r.hidden
	f, ok := any(r).(*recurrentBack[float32])
	if !ok || r.packed == nil || h == 0 {
		r.gemm(rows, h, depth, a, r.ld, false, r.weights(r.in[recurrentR], h)[first*h:], h, false, y, h, true)
		return
	}
	out := any(y).([]float32)
	g := kernel.PackedGemm{M: rows, N: h, K: depth, A: any(a).([]float32), B: f.packed, C: out, Residual: out, Lda: r.ld, Ldc: h, Ldr: h}
	if first > 0 {
		g.B = f.packedThird
	}
	g.Plan() // wants no scratch memory for such distances of rows
	blocks, panels := g.Grid()
	for i := range blocks {
		g.Run(i, 0, panels)
	}
}

// finish adds the products over all steps: those of the gates' gradients with the weights, with the inputs and with the states.
func (r *recurrentBack[T]) finish(c *graph.Ctx) error {
	n, h := r.steps*r.batch, r.hidden
	if dw := r.out[1]; dw != nil {
		if err := r.product(c, r.all, r.input, n, r.da, r.ld, true, r.rows, r.input, false, r.weights(dw, r.input), r.input, nil, false); err != nil {
			return err
		}
	}
	if r.drows != nil {
		if err := r.product(c, n, r.input, r.all, r.da, r.ld, false, r.weights(r.in[recurrentW], r.input), r.input, false, r.drows, r.input, nil, false); err != nil {
			return err
		}
		for i := 0; i < n && !r.straight; i++ {
			if t, b := i/r.batch, i%r.batch; t < r.length(b) {
				x, _ := r.row(b, t)
				addInto(r.out[0][x*r.input:][:r.input], r.drows[i*r.input:])
			}
		}
	}
	if dr := r.out[2]; dr != nil {
		dr, together := r.weights(dr, h), r.all // the gates that multiply the same states
		if r.side != nil && !r.linearBeforeReset && h > 0 {
			together = 2 * h
			if err := r.product(c, h, h, n, r.da[min(together, len(r.da)):], r.ld, true, r.side, h, false, dr[together*h:], h, nil, false); err != nil {
				return err
			}
		}
		if err := r.product(c, together, h, n, r.dr, r.ld, true, r.h, h, false, dr, h, nil, false); err != nil {
			return err
		}
	}
	if db := r.out[3]; db != nil {
		db = db[r.d*2*r.all:][:2*r.all]
		graph.Parallel(c, r.all, 64, recurrentBias[T]{db[:r.all], r.da, n, r.ld})
		graph.Parallel(c, r.all, 64, recurrentBias[T]{db[r.all:], r.dr, n, r.ld})
	}
	if dp := r.peephole(r.out[6]); dp != nil {
		for i := range n {
			_, _, da := r.gateRows(0, i)
			before, behind := r.around(0, i)
			kernel.AddProduct(dp[:h], da[:h], before)
			kernel.AddProduct(dp[h:2*h], da[h:2*h], behind)
			kernel.AddProduct(dp[2*h:], da[2*h:3*h], before)
		}
	}
	for i, src := range [][]T{r.dh, r.dc} {
		if dst := r.out[4+i]; dst != nil && src != nil {
			for b := range r.batch {
				copy(dst[r.stateAt(b):][:h], src[b*h:])
			}
		}
	}
	return nil
}

// recurrentBias is y = Σ rows.
type recurrentBias[T float32 | float64] struct {
	y, x    []T
	rows, n int // n elements from row to row
}

// Do takes columns.
func (a *recurrentBias[T]) Do(_, lo, hi int) {
	var sums [64]float64
	for ; lo < hi; lo += len(sums) {
		y := a.y[lo:min(hi, lo+len(sums))]
		clear(sums[:])
		if x, ok := any(a.x).([]float32); ok && a.rows > 0 {
			kernel.SumRows(sums[:len(y)], x[lo:], a.rows, a.n)
		} else {
			for r := range a.rows {
				for i := range y {
					sums[i] += float64(a.x[r*a.n+lo+i])
				}
			}
		}
		for i := range y {
			y[i] = T(sums[i])
		}
	}
}

// addInto is y[i] += x[i].
func addInto[T float32 | float64](y, x []T) {
	for i := range y {
		y[i] += x[i]
	}
}
