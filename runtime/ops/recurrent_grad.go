package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// RecurrentGrad is the gradients of LSTM, GRU or RNN, which the attribute cell names, with respect to its inputs, given those of its outputs: backpropagation through
// time. It computes the states anew, so that the forward pass keeps nothing for it. Inputs after P and all outputs may be absent.
var recurrentGradients = family(&graph.Op{
	Domain: private, Name: "RecurrentGrad", Since: 1,
	Sig: `(X:T, W:T, R:T, B?:T, sequence_lens?:T1, initial_h?:T, initial_c?:T, P?:T, dY?:T, dY_h?:T, dY_c?:T) -> (dX?:T, dW?:T, dR?:T, dB?:T, dH?:T, dC?:T, dP?:T)
		T = float; T1 = i32
		cell string!; activation_alpha floats; activation_beta floats; activations strings; clip float
		direction string = forward; hidden_size int; input_forget int = 0; layout int = 0; linear_before_reset int = 0`,
	Infer: inferRecurrentGrad, Run: halves(runRecurrentGrad),
})

// recurrentGradInputs are the inputs whose gradients are the outputs.
var recurrentGradInputs = [7]int{recurrentX, recurrentW, recurrentR, recurrentB, recurrentH, recurrentC, recurrentP}

// recurrentDY is the first of the inputs that hold gradients of Y, Y_h and Y_c.
const recurrentDY = recurrentP + 1

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
	gemm gemmFunc[T]
	d    int // the direction
	lens []int32
	in   [recurrentDY + 3][]T // inputs
	out  [7][]T               // gradients; nil where nobody wants them

	rows, pre, gate, da []T // inputs; gates before and behind their activations; gradients of those before
	h, c                []T // states: those of step t before it, so that there is one more
	side, dside         []T // GRU: what stands for the product of the third gate, and its gradient where it is not that of the gate
	bias, dh, dc, tmp   []T // gradients of the states behind the step, and room for one more
}

func recurrentGradOf[T float32 | float64](c *graph.Ctx, gemm gemmFunc[T]) error {
	cell, err := recurrentCellOf(c.Node)
	if err != nil {
		return err
	}
	p, err := cell.read(c, c.In[recurrentR].Dim(2))
	if err != nil {
		return err
	}
	r := &recurrentBack[T]{recurrentPlan: p, gemm: gemm}
	for i := range r.in {
		if t := c.Input(i); t != nil && i != recurrentLens {
			r.in[i] = tensor.Data[T](t)
		}
	}
	if t := c.Input(recurrentLens); t != nil {
		r.lens = tensor.Data[int32](t)
		if err := p.checkLens(r.lens); err != nil {
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
	for r.d = range p.dirs {
		r.begin()
		for t := range p.steps {
			if err := c.Exec().Stopped(); err != nil {
				return err
			}
			r.forward(t)
		}
		for t := p.steps - 1; t >= 0; t-- {
			if err := c.Exec().Stopped(); err != nil {
				return err
			}
			r.backward(t)
		}
		r.finish()
	}
	return nil
}

func (r *recurrentBack[T]) allocate(c *graph.Ctx) (err error) {
	take := func(extents ...int) []T {
		var s []T
		if err == nil {
			s, err = recurrentScratch[T](c, extents...)
		}
		return s
	}
	all := r.gates * r.hidden
	r.rows = take(r.steps, r.batch, r.input)
	r.pre, r.gate, r.da = take(r.steps, r.batch, all), take(r.steps, r.batch, all), take(r.steps, r.batch, all)
	r.h, r.dh = take(r.steps+1, r.batch, r.hidden), take(r.batch, r.hidden)
	r.bias, r.tmp = take(all), take(r.batch, r.hidden)
	switch r.gates {
	case lstmCell.gates:
		r.c, r.dc = take(r.steps+1, r.batch, r.hidden), take(r.batch, r.hidden)
	case gruCell.gates:
		r.side, r.dside = take(r.steps, r.batch, r.hidden), take(r.steps, r.batch, r.hidden)
	}
	return err
}

// length, time and state are those of recurrent.
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

func (r *recurrentBack[T]) state(b int) int {
	if r.batchFirst {
		return (b*r.dirs + r.d) * r.hidden
	}
	return (r.d*r.batch + b) * r.hidden
}

// weights are the direction's part of W or R.
func (r *recurrentBack[T]) weights(of []T, width int) []T {
	n := r.gates * r.hidden * width
	return of[r.d*n:][:n]
}

// begin gathers the inputs of a direction, multiplies them by W and loads the first states.
func (r *recurrentBack[T]) begin() {
	all := r.gates * r.hidden
	clear(r.rows)
	for t := range r.steps {
		for b := range r.batch {
			if t < r.length(b) {
				x, _ := r.row(b, t)
				copy(r.rows[(t*r.batch+b)*r.input:][:r.input], r.in[recurrentX][x*r.input:])
			}
		}
	}
	clear(r.bias)
	if b := r.in[recurrentB]; b != nil {
		b = b[r.d*2*all:][:2*all]
		for i := range r.bias {
			if r.bias[i] = b[i]; !r.linearBeforeReset || i < 2*r.hidden {
				r.bias[i] += b[all+i]
			}
		}
	}
	for i := range r.steps * r.batch {
		copy(r.pre[i*all:][:all], r.bias)
	}
	r.gemm(r.steps*r.batch, all, r.input, r.rows, r.input, false, r.weights(r.in[recurrentW], r.input), r.input, true, r.pre, all, true)
	load := func(dst, src []T) {
		clear(dst)
		for b := range r.batch {
			if src != nil {
				copy(dst[b*r.hidden:][:r.hidden], src[r.state(b):])
			}
		}
	}
	load(r.h[:r.batch*r.hidden], r.in[recurrentH])
	load(r.dh, r.in[recurrentDY+1])
	if r.c != nil {
		load(r.c[:r.batch*r.hidden], r.in[recurrentC])
		load(r.dc, r.in[recurrentDY+2])
	}
	clear(r.da)
	clear(r.dside)
}

// finish adds the products over all steps: those of the gates' gradients with the weights, with the inputs and with the states.
func (r *recurrentBack[T]) finish() {
	all, n, h := r.gates*r.hidden, r.steps*r.batch, r.hidden
	if dw := r.out[1]; dw != nil {
		r.gemm(all, r.input, n, r.da, all, true, r.rows, r.input, false, r.weights(dw, r.input), r.input, false)
	}
	if dx := r.out[0]; dx != nil { // the inputs are needed no more, so their memory takes their gradients
		r.gemm(n, r.input, all, r.da, all, false, r.weights(r.in[recurrentW], r.input), r.input, false, r.rows, r.input, false)
		for i := range n {
			if t, b := i/r.batch, i%r.batch; t < r.length(b) {
				x, _ := r.row(b, t)
				addInto(dx[x*r.input:][:r.input], r.rows[i*r.input:])
			}
		}
	}
	if dr := r.out[2]; dr != nil {
		dr = r.weights(dr, h)
		gates := all
		if r.side != nil {
			gates = 2 * h
			if r.linearBeforeReset {
				r.gemm(h, h, n, r.dside, h, true, r.h, h, false, dr[gates*h:], h, false)
			} else if n > 0 && h > 0 {
				r.gemm(h, h, n, r.da[gates:], all, true, r.side, h, false, dr[gates*h:], h, false)
			}
		}
		r.gemm(gates, h, n, r.da, all, true, r.h, h, false, dr, h, false)
	}
	if db := r.out[3]; db != nil {
		db = db[r.d*2*all:][:2*all]
		for i := range n {
			addInto(db[:all], r.da[i*all:])
		}
		copy(db[all:], db[:all])
		if r.linearBeforeReset && r.side != nil {
			clear(db[all+2*h:])
			for i := range n {
				addInto(db[all+2*h:], r.dside[i*h:])
			}
		}
	}
	for i, src := range [][]T{r.dh, r.dc} {
		if dst := r.out[4+i]; dst != nil && src != nil {
			for b := range r.batch {
				copy(dst[r.state(b):][:h], src[b*h:])
			}
		}
	}
}

// addInto is y[i] += x[i].
func addInto[T float32 | float64](y, x []T) {
	for i := range y {
		y[i] += x[i]
	}
}
