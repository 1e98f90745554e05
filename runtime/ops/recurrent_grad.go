package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// RecurrentGrad is the gradients of LSTM, GRU or RNN, which the attribute cell names, with respect to its inputs, given those of its outputs: backpropagation through
// time. It knows the states from Y and computes the gates anew, those of all steps in one product, so that the forward pass keeps nothing for it. All outputs may be absent.
var recurrentGradients = family(&graph.Op{
	Domain: private, Name: "RecurrentGrad", Since: 1,
	Sig: `(X:T, W:T, R:T, B?:T, sequence_lens?:T1, initial_h?:T, initial_c?:T, P?:T, dY?:T, dY_h?:T, dY_c?:T, Y:T) -> (dX?:T, dW?:T, dR?:T, dB?:T, dH?:T, dC?:T, dP?:T)
		T = float; T1 = i32
		cell string!; activation_alpha floats; activation_beta floats; activations strings; clip float
		direction string = forward; hidden_size int; input_forget int = 0; layout int = 0; linear_before_reset int = 0`,
	Infer: inferRecurrentGrad, Run: halves(runRecurrentGrad),
})

// recurrentGradInputs are the inputs whose gradients are the outputs.
var recurrentGradInputs = [7]int{recurrentX, recurrentW, recurrentR, recurrentB, recurrentH, recurrentC, recurrentP}

// recurrentDY is the first of the inputs that hold gradients of Y, Y_h and Y_c; recurrentY is the input Y.
const (
	recurrentDY = recurrentP + 1
	recurrentY  = recurrentDY + 3
)

// recurrentGrad is the gradient rule of the recurrent operators.
func recurrentGrad(cell string) func(*graph.Builder, *graph.Node, []*graph.Value) []*graph.Value {
	return by(func(r rule) []*graph.Value {
		n := &graph.Node{Op: r.Registry().Lookup(private, "RecurrentGrad", 0), Attrs: []graph.Attr{graph.Str("cell", cell)}}
		for _, a := range r.n.Attrs {
			if n.Op.Has(a.Name) {
				n.Attrs = append(n.Attrs, a)
			}
		}
		for i := range recurrentDY {
			n.In = append(n.In, r.input(i))
		}
		for i := range 3 {
			if r.has(i) {
				n.In = append(n.In, r.g(i))
			} else {
				n.In = append(n.In, nil)
			}
		}
		n.In = append(n.In, r.want(0))
		grads, out := make([]*graph.Value, recurrentDY), make([]*graph.Value, len(recurrentGradInputs))
		for i, k := range recurrentGradInputs {
			if r.input(k) != nil {
				out[i] = r.Name(n)
				grads[k] = out[i]
			}
		}
		r.Append(n, out...)
		return grads
	})
}

func recurrentCellOf(n *graph.Node) (recurrentCell, error) {
	switch n.Str("cell") {
	case "LSTM":
		return lstmCell, nil
	case "GRU":
		return gruCell, nil
	case "RNN":
		return rnnCell, nil
	}
	return recurrentCell{}, graph.Invalidf("cell %q", n.Str("cell"))
}

func inferRecurrentGrad(c *graph.Infer) error {
	cell, err := recurrentCellOf(c.Node)
	if err != nil {
		return err
	}
	forward := &graph.Infer{Node: c.Node, In: c.In, Out: make([]graph.Info, 3)}
	if err := cell.infer(forward); err != nil {
		return err
	}
	fit := shapeFit{c: c}
	for i, o := range forward.Out[:1+cell.states] {
		fit.shape(recurrentDY+i, "the gradient of an output", o.Type.Shape...)
	}
	fit.shape(recurrentY, "Y", forward.Out[0].Type.Shape...)
	for i, k := range recurrentGradInputs {
		c.Set(i, c.Type(k))
	}
	return fit.err
}

func runRecurrentGrad(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return recurrentGradOf(c, kernel.Gemm)
	case tensor.Float64:
		return recurrentGradOf(c, kernel.GemmOf[float64])
	}
	return graph.Typef("gradient of %s of %s", c.Node.Str("cell"), c.In[0])
}

// recurrentBack is one direction of a run. All its rows are in the direction's own order of time: row t·batch + b is step t of batch element b.
type recurrentBack[T float32 | float64] struct {
	*recurrentPlan
	gemm     gemmFunc[T]
	products []*vectorProduct // of the run, in order, which keep their plans
	next     int              // product
	exec     graph.Exec
	fused    bool // the cells have kernels: LSTM with the usual activations and nothing else
	straight bool // the rows of X are those of the direction
	all, ld  int  // elements of a row of gates, and from row to row

	d    int // the direction
	lens []int32
	in   [recurrentY + 1][]T // inputs
	out  [7][]T              // gradients; nil where nobody wants them

	rows, drows         []T // inputs, and their gradients
	pre, gate, da       []T // gates before and behind their activations; gradients of those before
	dr                  []T // of the products with R: da, but for GRU that resets behind R
	h, c                []T // states before each step; of c also that behind the last
	side                []T // GRU: what stands for the state in the third gate, or for its product with R
	bias, dh, dc, tmp   []T // gradients of the states behind the step, and room for one more
	packed, packedThird []T // R as kernels read it, and the part of the third gate when that goes by itself
}

func recurrentGradOf[T float32 | float64](c *graph.Ctx, gemm gemmFunc[T]) error {
	r, _ := c.Memo.(*recurrentBack[T])
	if r == nil {
		cell, err := recurrentCellOf(c.Node)
		if err != nil {
			return err
		}
		p, err := cell.read(c, c.In[recurrentR].Dim(2))
		if err != nil {
			return err
		}
		r = &recurrentBack[T]{recurrentPlan: p, gemm: gemm}
		r.plan(c)
		c.Memo = r
	}
	err := r.run(c)
	r.forget()
	return err
}

// vector reports whether the kernels for packed matrices serve the element type.
func (r *recurrentBack[T]) vector() bool {
	_, ok := any(r).(*recurrentBack[float32])
	return ok && kernel.Active() > kernel.Go
}

func (r *recurrentBack[T]) plan(c *graph.Ctx) {
	r.all = r.gates * r.hidden
	if r.ld = r.all; r.ld%1024 == 0 { // rows at a distance of 4 KB fall on the same places of the cache
		r.ld += 16
	}
	r.fused = r.gates == lstmCell.gates && !c.Has(recurrentP) && !r.inputForget && r.vector()
	for d := range r.dirs {
		for i, name := range r.activations {
			usual, _, _, _ := kernel.FindActivation(name, nil, nil)
			r.fused = r.fused && r.acts[d][i] == usual
		}
	}
}

func (r *recurrentBack[T]) run(c *graph.Ctx) error {
	r.exec, r.next = c.Exec(), 0
	for i := range r.in {
		if t := c.Input(i); t != nil && i != recurrentLens {
			r.in[i] = tensor.Data[T](t)
		}
	}
	if t := c.Input(recurrentLens); t != nil {
		r.lens = tensor.Data[int32](t)
		if err := r.checkLens(r.lens); err != nil {
			return err
		}
	}
	for i, k := range recurrentGradInputs {
		if !c.Wants(i) || !c.Has(k) {
			continue
		}
		t, err := c.Alloc(i, c.In[k].DType(), c.In[k].Shape()...)
		if err != nil {
			return err
		}
		r.out[i] = tensor.Data[T](t)
		clear(r.out[i])
	}
	if err := r.allocate(c); err != nil {
		return err
	}
	for r.d = range r.dirs {
		if err := r.direction(c); err != nil {
			return err
		}
	}
	return nil
}

// forget lets go of the tensors and scratch of this run.
func (r *recurrentBack[T]) forget() {
	*r = recurrentBack[T]{recurrentPlan: r.recurrentPlan, gemm: r.gemm, products: r.products, fused: r.fused, all: r.all, ld: r.ld}
}

func (r *recurrentBack[T]) allocate(c *graph.Ctx) (err error) {
	take := func(extents ...int) []T {
		var s []T
		if err == nil {
			s, err = recurrentScratch[T](c, extents...)
		}
		return s
	}
	r.straight = r.lens == nil && !r.batchFirst
	for d := range r.dirs {
		r.straight = r.straight && !r.reverse[d]
	}
	if r.straight {
		r.rows, r.drows = r.in[recurrentX], r.out[0]
	} else if r.rows = take(r.steps, r.batch, r.input); r.out[0] != nil {
		r.drows = take(r.steps, r.batch, r.input)
	}
	r.pre, r.gate, r.da = take(r.steps, r.batch, r.ld), take(r.steps, r.batch, r.ld), take(r.steps, r.batch, r.ld)
	r.dr = r.da
	r.h, r.dh = take(r.steps, r.batch, r.hidden), take(r.batch, r.hidden)
	r.bias, r.tmp = take(r.all), take(r.batch, r.hidden)
	depth := r.all // rows of R that are multiplied at once
	switch r.gates {
	case lstmCell.gates:
		r.c, r.dc = take(r.steps+1, r.batch, r.hidden), take(r.batch, r.hidden)
	case gruCell.gates:
		r.side = take(r.steps, r.batch, r.hidden)
		if r.linearBeforeReset {
			r.dr = take(r.steps, r.batch, r.ld)
		} else {
			depth = 2 * r.hidden
		}
	}
	if r.vector() {
		r.packed = take(kernel.PackedLen(depth, r.hidden))
		if depth < r.all {
			r.packedThird = take(kernel.PackedLen(r.hidden, r.hidden))
		}
	}
	return err
}
