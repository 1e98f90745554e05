package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// packedRecurrent is a run of a recurrent operator with packed weights. Steps go in chunks. The inputs of the gates from X are one product for a chunk;
// then come the steps, each a product of the states with R and the cells. Elements of the batch and directions do not depend on each other: where there
// are enough of them, each thread takes its own through the whole chunk; else the threads share the units of every step, if these are many.
type packedRecurrent struct {
	*recurrentPlan
	fused bool // the cells have kernels: the usual activations and nothing else
	cols  int  // inputs of the gates of a direction
	units int  // of a state, with those that fill the last block
	ld    int  // from state to state
	chunk int  // steps

	gemm                 [2]kernel.PackedGemm // X·W, by direction
	groups, blocks       int                  // of panels of a direction, of rows
	group                int                  // panels
	rowGroups, groupRows int                  // elements of the batch that go together
	split                bool                 // threads share the units

	x, w, r, b, rb, p, y []float32
	lens                 []int32
	gate                 []float32    // X·W + B: a row for each element and step of the chunk, directions side by side
	sums                 []float32    // the same of the states, for a step
	h                    [2][]float32 // states before even and odd steps: (direction, batch, ld)
	c, side              []float32    // (direction, batch, units): of LSTM; of GRU, what stands for the state in the third gate
	exec                 graph.Exec
	phase                packedPhase
	t0, t, count         int // the chunk and the step
}

// packedPhase is what the items of a task stand for.
type packedPhase uint8

const (
	packedRows    packedPhase = iota // blocks of rows of X, which are packed
	packedProject                    // pieces of X·W
	packedSteps                      // groups of the batch, for all steps of the chunk
	packedFirst                      // blocks of units, for one step
	packedSecond                     // and its second half
)

const (
	packedChunkRows = 256     // rows of X that are multiplied at once
	packedSplitWork = 1 << 16 // multiplications of a step from which it is worth while to share it
	packedMinRows   = 8       // elements of the batch that are worth a pass over R
)

func (k packedCell) run(c *graph.Ctx) error {
	r, _ := c.Memo.(*packedRecurrent)
	if r == nil {
		p, err := k.read(c, c.Node.Int("hidden_size"))
		if err != nil {
			return err
		}
		r = &packedRecurrent{recurrentPlan: p}
		r.plan(c)
		c.Memo = r
	}
	err := r.run(c)
	r.forget()
	return err
}

func (r *packedRecurrent) plan(c *graph.Ctx) {
	r.cols, r.units = kernel.GateColumns(r.gates, r.hidden), kernel.GateColumns(1, r.hidden)
	if r.ld = r.units; r.ld%1024 == 0 { // rows at a distance of 4 KB fall on the same places of the cache
		r.ld += 16
	}
	r.fused = !c.Has(recurrentP) || r.gates != lstmCell.gates
	for d := range r.dirs {
		for i, name := range r.activations {
			usual, _, _, _ := kernel.FindActivation(name, nil, nil)
			r.fused = r.fused && r.acts[d][i] == usual
		}
	}
	r.fused = r.fused && !r.inputForget
	r.chunk = r.steps
	if !r.batchFirst && !c.Has(recurrentLens) { // the rows of a chunk lie together
		r.chunk = min(r.steps, 1+(packedChunkRows-1)/max(r.batch, 1))
	}
	r.split, r.rowGroups, r.groupRows = false, 1, r.batch
	workers := c.Exec().Workers()
	if most := r.batch / packedMinRows; most > 1 {
		r.groupRows = (r.batch + min(most, workers) - 1) / min(most, workers)
		r.rowGroups = (r.batch + r.groupRows - 1) / r.groupRows
	}
	if r.dirs*r.rowGroups < workers && r.units > kernel.GateBlock && float64(r.batch)*float64(r.hidden)*float64(r.cols) >= packedSplitWork {
		r.split = true
	}
}

// run computes all outputs. The memory of r stays with the node from run to run, what it points to does not.
func (r *packedRecurrent) run(c *graph.Ctx) error {
	if t := c.Input(recurrentLens); t != nil {
		r.lens = tensor.Data[int32](t)
		if err := r.checkLens(r.lens); err != nil {
			return err
		}
	}
	if err := r.allocate(c); err != nil {
		return err
	}
	r.exec = c.Exec()
	data := func(i int) []float32 {
		if t := c.Input(i); t != nil {
			return tensor.Data[float32](t)
		}
		return nil
	}
	r.x, r.w, r.r, r.b = data(recurrentX), data(recurrentW), data(recurrentR), data(recurrentB)
	r.loadState(r.h[0], r.ld, data(recurrentH))
	switch r.gates {
	case lstmCell.gates:
		r.loadState(r.c, r.units, data(recurrentC))
		r.p = data(recurrentP)
	case gruCell.gates:
		if r.linearBeforeReset {
			if rb := data(packedGRUBias); rb != nil {
				copy(r.rb, rb)
			} else {
				clear(r.rb)
			}
		}
	}
	if c.Out[0] != nil {
		if r.y = tensor.Data[float32](c.Out[0]); r.lens != nil {
			clear(r.y)
		}
	}
	for r.t0 = 0; r.t0 < r.steps && r.batch > 0 && r.hidden > 0; r.t0 += r.count {
		r.count = min(r.chunk, r.steps-r.t0)
		if err := r.runChunk(c); err != nil {
			return err
		}
	}
	if len(c.Out) > 1 {
		r.storeState(c.Out[1], r.h[r.steps&1], r.ld)
	}
	if r.gates == lstmCell.gates && len(c.Out) > 2 {
		r.storeState(c.Out[2], r.c, r.units)
	}
	return nil
}

func (r *packedRecurrent) allocate(c *graph.Ctx) (err error) {
	take := func(extents ...int) []float32 {
		if err != nil {
			return nil
		}
		var s []float32
		s, err = recurrentScratch[float32](c, extents...)
		return s
	}
	r.gate = take(r.chunk, r.batch, r.dirs, r.cols)
	r.sums = take(r.batch, r.dirs, r.cols)
	r.h[0], r.h[1] = take(r.dirs, r.batch, r.ld), take(r.dirs, r.batch, r.ld)
	switch r.gates {
	case lstmCell.gates:
		r.c = take(r.dirs, r.batch, r.units)
	case gruCell.gates:
		r.side = take(r.dirs, r.batch, r.ld)
		r.rb = take(r.dirs, r.units)
		clear(r.side) // products have it even of elements that have no step
	}
	return err
}

// forget lets go of the tensors and scratch of this run.
func (r *packedRecurrent) forget() {
	r.x, r.w, r.r, r.b, r.rb, r.p, r.y, r.lens, r.exec = nil, nil, nil, nil, nil, nil, nil, nil, nil
	r.gate, r.sums, r.c, r.side, r.h = nil, nil, nil, nil, [2][]float32{}
	for d := range r.gemm {
		r.gemm[d] = kernel.PackedGemm{}
	}
}

// loadState brings a state from the layout of the standard to ours, nil as zeros. The units that fill the last block are 0.
func (r *packedRecurrent) loadState(dst []float32, ld int, src []float32) {
	clear(dst)
	for d := range r.dirs {
		for b := range r.batch {
			if src != nil {
				copy(dst[(d*r.batch+b)*ld:][:r.hidden], src[r.stateAt(d, b):])
			}
		}
	}
}

func (r *packedRecurrent) storeState(t *tensor.Tensor, src []float32, ld int) {
	if t == nil {
		return
	}
	dst := tensor.Data[float32](t)
	for d := range r.dirs {
		for b := range r.batch {
			copy(dst[r.stateAt(d, b):][:r.hidden], src[(d*r.batch+b)*ld:])
		}
	}
}

// stateAt is where the state of a direction and batch element lies in inputs and outputs.
func (r *packedRecurrent) stateAt(d, b int) int {
	if r.batchFirst {
		return (b*r.dirs + d) * r.hidden
	}
	return (d*r.batch + b) * r.hidden
}

// length is the number of steps of a batch element.
func (r *packedRecurrent) length(b int) int {
	if r.lens == nil {
		return r.steps
	}
	return int(r.lens[b])
}

// time is the place in X and Y of step t, which must be below the length of the batch element.
func (r *packedRecurrent) time(d, b, t int) int {
	if r.reverse[d] {
		return r.length(b) - 1 - t
	}
	return t
}

// first is the first place in X of the chunk, for elements of full length.
func (r *packedRecurrent) first(d int) int {
	if r.reverse[d] {
		return r.steps - r.t0 - r.count
	}
	return r.t0
}

func (r *packedRecurrent) runChunk(c *graph.Ctx) error {
	if err := r.project(c); err != nil {
		return err
	}
	if !r.split {
		r.phase = packedSteps
		c.Exec().Parallel(r, r.dirs*r.rowGroups, 1)
		return c.Exec().Stopped()
	}
	items := r.dirs * r.units / kernel.GateBlock
	grain := (items + c.Exec().Workers() - 1) / c.Exec().Workers()
	for r.t = r.t0; r.t < r.t0+r.count; r.t++ {
		r.phase = packedFirst
		c.Exec().Parallel(r, items, grain)
		if r.gates == gruCell.gates && !r.linearBeforeReset {
			r.phase = packedSecond
			c.Exec().Parallel(r, items, grain)
		}
		if r.t%64 == 0 {
			if err := c.Exec().Stopped(); err != nil {
				return err
			}
		}
	}
	return c.Exec().Stopped()
}

// packedWork is about how many multiplications a piece of X·W has.
const packedWork = 1 << 21

// project computes the inputs of the gates from X for a chunk.
func (r *packedRecurrent) project(c *graph.Ctx) error {
	scratch := 0
	for d := range r.dirs {
		g := &r.gemm[d]
		at := 0
		if r.chunk < r.steps {
			at = r.first(d) * r.batch * r.input
		}
		*g = kernel.PackedGemm{M: r.count * r.batch, N: r.dirs * r.cols, K: r.input, A: r.x[at:], B: r.w, C: r.gate, Lda: r.input, Ldc: r.dirs * r.cols, Bias: r.b}
		scratch = g.Plan()
		if scratch > 0 {
			s, err := graph.Scratch[float32](c, scratch)
			if err != nil {
				return err
			}
			g.SetScratch(s)
		}
	}
	r.blocks, _ = r.gemm[0].Grid()
	if scratch > 0 {
		r.phase = packedRows
		c.Exec().Parallel(r, r.dirs*r.blocks, 1)
	}
	_, width := kernel.Panels(1)
	panels := r.cols / width
	r.group = min(max(1, packedWork/max(1, r.input*width*min(r.gemm[0].RowsOfBlock(), r.count*r.batch))), panels)
	r.groups = (panels + r.group - 1) / r.group
	r.phase = packedProject
	c.Exec().Parallel(r, r.dirs*r.groups*r.blocks, 1)
	return nil
}

// Do computes items of the phase.
func (r *packedRecurrent) Do(_, lo, hi int) {
	blocks := r.units / kernel.GateBlock
	for i := lo; i < hi; i++ {
		switch r.phase {
		case packedRows:
			r.gemm[i/r.blocks].PackA(i % r.blocks)
		case packedProject:
			_, width := kernel.Panels(1)
			panels := r.cols / width
			block, j := i%r.blocks, i/r.blocks
			d, from := j/r.groups, j%r.groups*r.group
			r.gemm[d].Run(block, d*panels+from, d*panels+min(panels, from+r.group))
		case packedSteps:
			d, from := i/r.rowGroups, i%r.rowGroups*r.groupRows
			s := packedStep{packedRecurrent: r, d: d, from: from, to: min(r.batch, from+r.groupRows), hi: blocks}
			for t := r.t0; t < r.t0+r.count; t++ {
				s.t = t
				s.first()
				s.second()
				if t%64 == 63 && r.exec.Stopped() != nil {
					return
				}
			}
		}
	}
	if r.phase < packedFirst {
		return
	}
	for lo < hi { // blocks of one direction at a time
		d := lo / blocks
		end := min(hi, (d+1)*blocks)
		s := packedStep{packedRecurrent: r, d: d, to: r.batch, lo: lo - d*blocks, hi: end - d*blocks, t: r.t}
		if r.phase == packedFirst {
			s.first()
		} else {
			s.second()
		}
		lo = end
	}
}
