package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// LSTM is a layer of long short-term memory, with one or two directions.
var lstm = family(
	&graph.Op{
		Name: "LSTM", Since: 22,
		Sig: `(X:T, W:T, R:T, B?:T, sequence_lens?:T1, initial_h?:T, initial_c?:T, P?:T) -> (Y?:T, Y_h?:T, Y_c?:T)
			T = float; T1 = i32
			activation_alpha floats; activation_beta floats; activations strings; clip float
			direction string = forward; hidden_size int; input_forget int = 0; layout int = 0`,
		Infer: lstmCell.infer, Run: halves(runLSTM),
		Grad: recurrentGrad("LSTM"),
	},
	&graph.Op{Since: 14, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 7, Sig: "-layout"},
	&graph.Op{Since: 1, Sig: "output_sequence int = 0"},
)

func runLSTM(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return lstmOf(c, kernel.Gemm)
	case tensor.Float64:
		return lstmOf(c, kernel.GemmOf[float64])
	}
	return graph.Typef("lstm of %s", c.In[0])
}

func lstmOf[T float32 | float64](c *graph.Ctx, f gemmFunc[T]) error {
	r, _ := c.Memo.(*recurrent[T])
	if r == nil {
		p, err := lstmCell.plan(c)
		if err != nil {
			return err
		}
		r = newRecurrent(p, f)
		r.cell = lstmUnits[T]
		c.Memo = r
	}
	return runRecurrent(c, r)
}

// lstmUnits is a step of LSTM, whose gates lie in the order input, output, forget, cell:
//
//	i = f(Xi + Ri·h + Pi∘c)    F = f(Xf + Rf·h + Pf∘c), or 1 − i with input_forget    g = g(Xc + Rc·h)
//	c' = F∘c + i∘g             o = f(Xo + Ro·h + Po∘c')                               h' = o∘h(c')
func lstmUnits[T float32 | float64](r *recurrent[T], d, lo, hi int) {
	r.recurGates(d, 4, lo, hi)
	hidden, acts := r.hidden, &r.acts[d]
	for b := range r.batch {
		if r.ended(d, b, lo, hi) {
			continue
		}
		row := r.gateRow(d, b)
		i, o, f, g := row[lo:hi], row[hidden+lo:hidden+hi], row[2*hidden+lo:2*hidden+hi], row[3*hidden+lo:3*hidden+hi]
		c, next := r.unit(r.c, d, b, lo, hi), r.unit(r.next, d, b, lo, hi)
		p := r.p
		if p != nil {
			p = p[d*3*hidden:][:3*hidden]
			kernel.AddProduct(i, p[lo:hi], c)
			kernel.AddProduct(f, p[2*hidden+lo:2*hidden+hi], c)
		}
		kernel.ActivateCell(acts[0], i)
		if r.inputForget {
			for k, v := range i {
				f[k] = 1 - v
			}
		} else {
			kernel.ActivateCell(acts[0], f)
		}
		kernel.ActivateCell(acts[1], g)
		kernel.Product(c, c, f)
		kernel.AddProduct(c, i, g)
		if p != nil {
			kernel.AddProduct(o, p[hidden+lo:hidden+hi], c)
		}
		kernel.ActivateCell(acts[0], o)
		copy(next, c)
		kernel.ActivateCell(acts[2], next)
		kernel.Product(next, next, o)
		r.emit(d, b, lo, hi)
	}
}
