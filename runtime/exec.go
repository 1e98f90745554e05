package runtime

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/pool"
)

// Alloc, Scratch and the other methods of graph.Exec serve the node that runs.
func (r *run) Alloc(d tensor.DType, shape []int) (*tensor.Tensor, error) {
	size, ok := tensorBytes(d, shape)
	if !ok {
		return nil, graph.Limitf("tensor of %s%v", d.Short(), tensor.Shape(shape))
	}
	if err := r.Charge(size); err != nil {
		return nil, err
	}
	return tensor.New(d, shape...)
}

func (r *run) Charge(n int) error {
	if err := r.budget.take(n); err != nil {
		return err
	}
	r.charge += n
	return nil
}

func (r *run) Scratch(n int) ([]byte, error) {
	need := (n + arenaAlign - 1) &^ (arenaAlign - 1)
	if n < 0 || need < n {
		return nil, graph.Limitf("scratch of %d bytes", n)
	}
	all := r.used + need
	if all > r.scratch {
		if err := r.budget.take(all - r.scratch); err != nil {
			return nil, err
		}
		r.scratch = all
	}
	if all > len(r.mem.scratch) {
		r.mem.scratch = tensor.Align(all) // pieces handed out before keep the old one
	}
	b := r.mem.scratch[r.used : r.used+n : r.used+n]
	r.used = all
	return b, nil
}

func (r *run) Workers() int { return r.s.opts.threads }

func (r *run) Stopped() error {
	if r.stop() {
		return r.stopError(r.ctx.Err())
	}
	return nil
}

func (r *run) Seed() uint64 { return r.s.seed.Add(0x9e3779b97f4a7c15) }

func (r *run) Parallel(t graph.Task, n, grain int) {
	pool.Run(t, n, grain, r.s.opts.threads, r.stop)
}
