package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// GRU is a layer of gated recurrent units, with one or two directions.
var gru = family(
	&graph.Op{
		Name: "GRU", Since: 22,
		Sig: `(X:T, W:T, R:T, B?:T, sequence_lens?:T1, initial_h?:T) -> (Y?:T, Y_h?:T)
			T = float; T1 = i32
			activation_alpha floats; activation_beta floats; activations strings; clip float
			direction string = forward; hidden_size int; layout int = 0; linear_before_reset int = 0`,
		Infer: gruCell.infer, Run: halves(runGRU),
		Grad: recurrentGrad("GRU"),
	},
	&graph.Op{Since: 14, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 7, Sig: "-layout"},
	&graph.Op{Since: 3, Sig: "output_sequence int = 0"},
	&graph.Op{Since: 1, Sig: `(X:T, W:T, R:T, B?:T, sequence_lens?:T1, initial_h?:T) -> (Y?:T, Y_h:T)
		-linear_before_reset
		direction string = foward`},
)

func runGRU(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return gruOf(c, kernel.Gemm)
	case tensor.Float64:
		return gruOf(c, kernel.GemmOf[float64])
	}
	return graph.Typef("gru of %s", c.In[0])
}

func gruOf[T float32 | float64](c *graph.Ctx, f gemmFunc[T]) error {
	r, _ := c.Memo.(*recurrent[T])
	if r == nil {
		p, err := gruCell.plan(c)
		if err != nil {
			return err
		}
		r = newRecurrent(p, f)
		r.cell, r.cell2 = gruGates[T], gruUnits[T]
		if p.linearBeforeReset {
			r.cell, r.cell2 = gruLinear[T], nil
		}
		c.Memo = r
	}
	return runRecurrent(c, r)
}

// gruGates is the first half of a step, whose gates lie in the order update, reset, hidden:
//
//	z = f(Xz + Rz·h)    r = f(Xr + Rr·h)    side = r∘h
func gruGates[T float32 | float64](r *recurrent[T], d, lo, hi int) {
	r.recurGates(d, 2, lo, hi)
	for b := range r.batch {
		row := r.gateRow(d, b)
		kernel.ActivateCell(r.acts[d][0], row[lo:hi])
		reset := row[r.hidden+lo : r.hidden+hi]
		kernel.ActivateCell(r.acts[d][0], reset)
		kernel.Product(r.unit(r.side, d, b, lo, hi), reset, r.unit(r.h, d, b, lo, hi))
	}
}

// gruUnits is the second half: h' = (1 − z)∘g(Xh + Rh·side) + z∘h.
func gruUnits[T float32 | float64](r *recurrent[T], d, lo, hi int) {
	all := r.gates * r.hidden
	step := r.gate[(d*r.count+r.t-r.t0)*r.batch*all:]
	r.mul.recur(d, 2*r.hidden+lo, hi-lo, r.side, step[2*r.hidden+lo:], all)
	for b := range r.batch {
		r.blend(d, b, lo, hi)
	}
}

// gruLinear is a whole step where the reset gate comes behind R: h' = (1 − z)∘g(Xh + r∘(Rh·h + bias)) + z∘h.
func gruLinear[T float32 | float64](r *recurrent[T], d, lo, hi int) {
	r.recurGates(d, 2, lo, hi)
	for b := range r.batch {
		side := r.unit(r.side, d, b, lo, hi)
		clear(side)
		if r.b != nil {
			copy(side, r.b[(d*2*r.gates+r.gates+2)*r.hidden+lo:])
		}
	}
	r.mul.recur(d, 2*r.hidden+lo, hi-lo, r.h, r.side[d*r.batch*r.hidden+lo:], r.hidden)
	for b := range r.batch {
		row := r.gateRow(d, b)
		kernel.ActivateCell(r.acts[d][0], row[lo:hi])
		reset := row[r.hidden+lo : r.hidden+hi]
		kernel.ActivateCell(r.acts[d][0], reset)
		kernel.AddProduct(row[2*r.hidden+lo:2*r.hidden+hi], reset, r.unit(r.side, d, b, lo, hi))
		r.blend(d, b, lo, hi)
	}
}

// blend turns the finished gates into the new state.
func (r *recurrent[T]) blend(d, b, lo, hi int) {
	if r.ended(d, b, lo, hi) {
		return
	}
	row := r.gateRow(d, b)
	g := row[2*r.hidden+lo : 2*r.hidden+hi]
	kernel.ActivateCell(r.acts[d][1], g)
	kernel.Blend(r.unit(r.next, d, b, lo, hi), row[lo:hi], g, r.unit(r.h, d, b, lo, hi))
	r.emit(d, b, lo, hi)
}
