package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// RNN is a layer of h' = f(X·Wᵀ + h·Rᵀ + B), with one or two directions.
var rnn = family(
	&graph.Op{
		Name: "RNN", Since: 22,
		Sig: `(X:T, W:T, R:T, B?:T, sequence_lens?:T1, initial_h?:T) -> (Y?:T, Y_h?:T)
			T = float; T1 = i32
			activation_alpha floats; activation_beta floats; activations strings = Tanh Tanh; clip float
			direction string = forward; hidden_size int; layout int = 0`,
		Infer: rnnCell.infer, Run: halves(runRNN),
		Grad: recurrentGrad("RNN"),
	},
	&graph.Op{Since: 14, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 7, Sig: "-layout"},
	&graph.Op{Since: 1, Sig: "output_sequence int = 0"},
)

func runRNN(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return rnnOf(c, kernel.Gemm)
	case tensor.Float64:
		return rnnOf(c, kernel.GemmOf[float64])
	}
	return graph.Typef("rnn of %s", c.In[0])
}

func rnnOf[T float32 | float64](c *graph.Ctx, f gemmFunc[T]) error {
	r, _ := c.Memo.(*recurrent[T])
	if r == nil {
		p, err := rnnCell.plan(c)
		if err != nil {
			return err
		}
		r = newRecurrent(p, f)
		r.cell = rnnUnits[T]
		c.Memo = r
	}
	return runRecurrent(c, r)
}

// rnnUnits is a step of RNN: h' = f(X + R·h).
func rnnUnits[T float32 | float64](r *recurrent[T], d, lo, hi int) {
	r.recurGates(d, 1, lo, hi)
	for b := range r.batch {
		if r.ended(d, b, lo, hi) {
			continue
		}
		next := r.unit(r.next, d, b, lo, hi)
		copy(next, r.gateRow(d, b)[lo:hi])
		kernel.ActivateCell(r.acts[d][0], next)
		r.emit(d, b, lo, hi)
	}
}
