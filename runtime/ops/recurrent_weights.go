package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// recurrentWeights multiply by W and R. Both products are added to what is there, for n gate units from col on, which count through all gates.
type recurrentWeights[T float32 | float64] interface {
	// begin takes the memory of a run.
	begin(c *graph.Ctx) error
	// input takes note of the rows of X that come next, recur of the states of a step.
	input(rows []T)
	state(h []T)
	// project multiplies m rows of direction d, which start at row number at among all that input was given.
	project(d, at, m, col, n int, dst []T)
	// recur multiplies one state for each batch element, h itself or its replacement in GRU; rows of dst are ld elements apart.
	recur(d, col, n int, h, dst []T, ld int)
	forget()
}

// denseWeights are weights in the type of the inputs.
type denseWeights[T float32 | float64] struct {
	*recurrentPlan
	gemm       gemmFunc[T]
	w, r, rows []T
}

func (w *denseWeights[T]) begin(c *graph.Ctx) error {
	w.w, w.r = tensor.Data[T](c.In[recurrentW]), tensor.Data[T](c.In[recurrentR])
	return nil
}

func (w *denseWeights[T]) input(rows []T) { w.rows = rows }
func (w *denseWeights[T]) state([]T)      {}
func (w *denseWeights[T]) forget()        { w.w, w.r, w.rows = nil, nil, nil }

func (w *denseWeights[T]) project(d, at, m, col, n int, dst []T) {
	all, k := w.gates*w.hidden, w.recurrentPlan.input
	w.gemm(m, n, k, w.rows[at*k:], k, false, w.w[(d*all+col)*k:], k, true, dst, all, true)
}

func (w *denseWeights[T]) recur(d, col, n int, h, dst []T, ld int) {
	all, k := w.gates*w.hidden, w.hidden
	w.gemm(w.batch, n, k, h[d*w.batch*k:], k, false, w.r[(d*all+col)*k:], k, true, dst, ld, true)
}

// newRecurrent is a run of a cell with weights in the type of the inputs.
func newRecurrent[T float32 | float64](p *recurrentPlan, f gemmFunc[T]) *recurrent[T] {
	return &recurrent[T]{recurrentPlan: p, mul: &denseWeights[T]{recurrentPlan: p, gemm: f}}
}
