package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// recurrent is one run of a recurrent operator, and the task that its pieces are. The steps go in chunks: the gates of a chunk's steps get
// their share of the inputs in one product, then step follows step. All directions go at the same time, each in its order of time,
// and every task computes some hidden units of all batch elements, so that results do not depend on how many tasks there are.
type recurrent[T float32 | float64] struct {
	*recurrentPlan
	cell  func(r *recurrent[T], d, lo, hi int) // computes the units lo to hi-1 of next
	cell2 func(r *recurrent[T], d, lo, hi int) // the second half of a step, for GRU where the reset gate comes before R
	mul   recurrentWeights[T]

	x, b, p    []T
	lens       []int32
	y          []T
	bias       []T // of all gates, W's and R's together
	rows       []T // the chunk's inputs by direction, step and batch element
	gate       []T // the chunk's gates, likewise
	h, next, c []T // states by direction and batch element
	side       []T // GRU: what stands for the product of the third gate

	phase recurrentPhase
	t0, t int // first step of the chunk, and the step
	count int // steps of the chunk
}

// recurrentPhase is what the items of a task stand for: columns of gates, or blocks of hidden units in the halves of a step.
type recurrentPhase uint8

const (
	recurrentProject recurrentPhase = iota
	recurrentFirst
	recurrentSecond
)

// Do computes items of the phase.
func (r *recurrent[T]) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		if r.phase == recurrentProject {
			r.project(i)
			continue
		}
		unit := i % r.blocks * recurrentBlock
		step := r.cell
		if r.phase == recurrentSecond {
			step = r.cell2
		}
		step(r, i/r.blocks, unit, min(unit+recurrentBlock, r.hidden))
	}
}

// length is the number of steps of a batch element.
func (r *recurrent[T]) length(b int) int {
	if r.lens == nil {
		return r.steps
	}
	return int(r.lens[b])
}

// time is the place in X and Y of step t of a direction, which must be below the length of the batch element.
func (r *recurrent[T]) time(d, b, t int) int {
	if r.reverse[d] {
		return r.length(b) - 1 - t
	}
	return t
}

// state is where the state of a direction and batch element lies in inputs and outputs.
func (r *recurrent[T]) state(d, b int) int {
	if r.batchFirst {
		return (b*r.dirs + d) * r.hidden
	}
	return (d*r.batch + b) * r.hidden
}

// runRecurrent computes all outputs. The memory of r stays with the node from run to run, what it points to does not.
func runRecurrent[T float32 | float64](c *graph.Ctx, r *recurrent[T]) error {
	defer r.forget()
	if t := c.Input(recurrentLens); t != nil {
		r.lens = tensor.Data[int32](t)
		if err := r.checkLens(r.lens); err != nil {
			return err
		}
	}
	if err := r.allocate(c); err != nil {
		return err
	}
	r.x = tensor.Data[T](c.In[recurrentX])
	if err := r.mul.begin(c); err != nil {
		return err
	}
	r.loadBias(c.Input(recurrentB))
	r.loadState(r.h, c.Input(recurrentH))
	if r.c != nil {
		r.loadState(r.c, c.Input(recurrentC))
	}
	if t := c.Input(recurrentP); t != nil {
		r.p = tensor.Data[T](t)
	}
	if c.Out[0] != nil {
		r.y = tensor.Data[T](c.Out[0])
		if r.lens != nil {
			clear(r.y)
		}
	}
	for r.t0 = 0; r.t0 < r.steps && r.batch > 0; r.t0 += r.count {
		r.count = min(r.chunk, r.steps-r.t0)
		if err := r.runChunk(c); err != nil {
			return err
		}
	}
	r.storeState(c, 1, r.h)
	if r.c != nil {
		r.storeState(c, 2, r.c)
	}
	return nil
}

func (r *recurrent[T]) runChunk(c *graph.Ctx) error {
	r.gather()
	const width = recurrentColumns
	r.phase = recurrentProject
	work := r.count * r.batch * width * (r.input + 1)
	c.Exec().Parallel(r, r.dirs*((r.gates*r.hidden+width-1)/width), 1+(1<<18)/max(work, 1))
	for r.t = r.t0; r.t < r.t0+r.count; r.t++ {
		if err := c.Exec().Stopped(); err != nil {
			return err
		}
		r.mul.state(r.h)
		r.phase = recurrentFirst
		c.Exec().Parallel(r, r.dirs*r.blocks, r.grain)
		if r.cell2 != nil {
			r.phase = recurrentSecond
			c.Exec().Parallel(r, r.dirs*r.blocks, r.grain)
		}
		r.h, r.next = r.next, r.h
	}
	return c.Exec().Stopped()
}

// allocate takes the scratch memory, and holds that all sizes fit an int.
func (r *recurrent[T]) allocate(c *graph.Ctx) (err error) {
	take := func(extents ...int) []T {
		if err != nil {
			return nil
		}
		var s []T
		s, err = recurrentScratch[T](c, extents...)
		return s
	}
	r.bias = take(r.dirs, r.gates*r.hidden)
	r.rows = take(r.dirs, r.chunk, r.batch, r.input)
	r.gate = take(r.dirs, r.chunk, r.batch, r.gates*r.hidden)
	r.h = take(r.dirs, r.batch, r.hidden)
	r.next = take(r.dirs, r.batch, r.hidden)
	switch r.gates {
	case lstmCell.gates:
		r.c = take(r.dirs, r.batch, r.hidden)
	case gruCell.gates:
		r.side = take(r.dirs, r.batch, r.hidden)
	}
	return err
}

// forget lets go of the tensors and scratch of this run.
func (r *recurrent[T]) forget() {
	r.mul.forget()
	r.x, r.b, r.p, r.lens, r.y = nil, nil, nil, nil, nil
	r.bias, r.rows, r.gate, r.h, r.next, r.c, r.side = nil, nil, nil, nil, nil, nil, nil
}

// loadBias adds the biases of W and R, but for the last gate of a GRU that resets behind R: its second one is inside the reset.
func (r *recurrent[T]) loadBias(t *tensor.Tensor) {
	if t == nil {
		clear(r.bias)
		return
	}
	r.b = tensor.Data[T](t)
	all := r.gates * r.hidden
	for d := range r.dirs {
		b := r.b[d*2*all:]
		for i := range all {
			r.bias[d*all+i] = b[i]
			if !r.linearBeforeReset || i < 2*r.hidden {
				r.bias[d*all+i] += b[all+i]
			}
		}
	}
}

func (r *recurrent[T]) loadState(dst []T, t *tensor.Tensor) {
	if t == nil {
		clear(dst)
		return
	}
	src := tensor.Data[T](t)
	for d := range r.dirs {
		for b := range r.batch {
			copy(dst[(d*r.batch+b)*r.hidden:][:r.hidden], src[r.state(d, b):])
		}
	}
}

func (r *recurrent[T]) storeState(c *graph.Ctx, i int, src []T) {
	if !c.Wants(i) {
		return
	}
	dst := tensor.Data[T](c.Out[i])
	for d := range r.dirs {
		for b := range r.batch {
			copy(dst[r.state(d, b):][:r.hidden], src[(d*r.batch+b)*r.hidden:])
		}
	}
}

// gather copies the chunk's inputs into the order in which each direction meets them; rows past the end of a batch element are zero.
func (r *recurrent[T]) gather() {
	for d := range r.dirs {
		for s := range r.count {
			for b := range r.batch {
				row := r.rows[((d*r.count+s)*r.batch+b)*r.input:][:r.input]
				if r.t0+s >= r.length(b) {
					clear(row)
					continue
				}
				at := r.time(d, b, r.t0+s)*r.batch + b
				if r.batchFirst {
					at = b*r.steps + r.time(d, b, r.t0+s)
				}
				copy(row, r.x[at*r.input:])
			}
		}
	}
	r.mul.input(r.rows[:r.dirs*r.count*r.batch*r.input])
}

// recurrentColumns is how many gate units a task of project computes.
const recurrentColumns = 64

// project gives gates of all steps of the chunk their bias and their share of the inputs.
func (r *recurrent[T]) project(item int) {
	all, rows := r.gates*r.hidden, r.count*r.batch
	tasks := (all + recurrentColumns - 1) / recurrentColumns
	d, lo := item/tasks, item%tasks*recurrentColumns
	n := min(recurrentColumns, all-lo)
	gate := r.gate[d*rows*all+lo:]
	for i := range rows {
		copy(gate[i*all:][:n], r.bias[d*all+lo:])
	}
	r.mul.project(d, d*rows, rows, lo, n, gate)
}

// gateRow is the row of all gates of batch element b at the current step.
func (r *recurrent[T]) gateRow(d, b int) []T {
	all := r.gates * r.hidden
	return r.gate[((d*r.count+r.t-r.t0)*r.batch+b)*all:][:all]
}

// unit is the part of a state that belongs to units lo to hi-1.
func (r *recurrent[T]) unit(state []T, d, b, lo, hi int) []T {
	at := (d*r.batch + b) * r.hidden
	return state[at+lo : at+hi]
}

// recurGates adds the product of the state with R to units of the first n gates.
func (r *recurrent[T]) recurGates(d, n, lo, hi int) {
	all := r.gates * r.hidden
	step := r.gate[(d*r.count+r.t-r.t0)*r.batch*all:]
	for g := range n {
		r.mul.recur(d, g*r.hidden+lo, hi-lo, r.h, step[g*r.hidden+lo:], all)
	}
}

// ended keeps the state of a batch element whose steps are over, and reports whether they are.
func (r *recurrent[T]) ended(d, b, lo, hi int) bool {
	if r.t < r.length(b) {
		return false
	}
	copy(r.unit(r.next, d, b, lo, hi), r.unit(r.h, d, b, lo, hi))
	return true
}

// emit writes units of the new state to Y.
func (r *recurrent[T]) emit(d, b, lo, hi int) {
	if r.y == nil {
		return
	}
	at := ((r.time(d, b, r.t)*r.dirs+d)*r.batch + b) * r.hidden
	if r.batchFirst {
		at = ((b*r.steps+r.time(d, b, r.t))*r.dirs + d) * r.hidden
	}
	copy(r.y[at+lo:at+hi], r.unit(r.next, d, b, lo, hi))
}
