package pass

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// evaluator runs single nodes on constants, within a budget.
type evaluator struct {
	Threads
	left       int // bytes
	leftPacked int // bytes for the results of private operators
	limit      int // of the node at hand
	budget     *int
	hugePages  bool
}

// node is the outputs of n when its inputs are constants and computing it is worth it, else nil. A node that fails is left alone: it may
// stand in a branch that is never taken, and if not, the run reports it.
func (e *evaluator) node(reg *graph.Registry, n *graph.Node) []*tensor.Tensor {
	if n.Op.Run == nil || n.Op.Random || n.HasSubgraphs() {
		return nil
	}
	in := make([]graph.Info, len(n.In))
	args := make([]*tensor.Tensor, len(n.In))
	size := 0
	for i, v := range n.In {
		if v == nil {
			continue
		}
		if v.Const == nil {
			return nil
		}
		in[i] = graph.Info{Type: graph.TypeOf(v.Const), Const: v.Const}
		args[i] = v.Const
		size += v.Const.MemBytes()
	}
	e.budget, e.limit = &e.left, max(foldSmall, foldGrowth*size)
	if n.Op.Domain == private {
		e.budget, e.limit = &e.leftPacked, max(foldSmall, packGrowth*size)
	}
	e.hugePages = n.Op.HugePages != nil && n.Op.HugePages(n)
	out, err := graph.InferOutputs(reg, n, in, nil)
	if err != nil {
		return nil
	}
	vals, err := Eval(n, args, out, e)
	if err != nil {
		return nil
	}
	for _, t := range args { // most likely nobody reads it again: weights and what is made of them need not be in memory together
		if t != nil {
			t.Forget()
		}
	}
	return vals
}

// Eval runs one node whose outputs have the given inferred types.
func Eval(n *graph.Node, args []*tensor.Tensor, out []graph.Info, exec graph.Exec) (vals []*tensor.Tensor, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = graph.Invalidf("%s on constants: %v", n.Op, r)
		}
	}()
	c := graph.NewCtx(n, exec)
	copy(c.In, args)
	for i, v := range n.Out {
		if shape, ok := out[i].Type.Static(); ok && v != nil && !out[i].Type.DType.IsContainer() {
			if c.Out[i], err = exec.Alloc(out[i].Type.DType, shape); err != nil {
				return nil, err
			}
		}
	}
	if err = n.Op.Run(c); err != nil {
		return nil, err
	}
	for i, v := range n.Out {
		if v != nil && c.Out[i] == nil {
			return nil, graph.Invalidf("output %d was not computed", i)
		}
	}
	return c.Out, nil
}

func (e *evaluator) Alloc(d tensor.DType, shape []int) (*tensor.Tensor, error) {
	n, ok := tensor.Shape(shape).Size()
	size, fits := d.Bytes(n)
	if d == tensor.String {
		size = 16 * n
	}
	if !ok || !fits {
		return nil, graph.Limitf("constant of %s%v", d.Short(), tensor.Shape(shape))
	}
	if err := e.Charge(size); err != nil {
		return nil, err
	}
	if e.hugePages {
		return tensor.New(d, shape...)
	}
	return tensor.NewSmallPages(d, shape...)
}

func (e *evaluator) Scratch(n int) ([]byte, error) {
	if n > 1<<28 {
		return nil, graph.Limitf("scratch of %d bytes for a constant", n)
	}
	return tensor.Align(n), nil
}

func (e *evaluator) Charge(n int) error {
	if n > e.limit || n > *e.budget {
		return graph.Limitf("constant of %d bytes", n)
	}
	e.limit -= n
	*e.budget -= n
	return nil
}

func (e *evaluator) Stopped() error { return nil }
func (e *evaluator) Seed() uint64   { return 0 }

// oneThread is that of the caller.
type oneThread struct{}

func (oneThread) Workers() int { return 1 }

func (oneThread) Parallel(t graph.Task, n, grain int) {
	for i := 0; i < n; i += grain {
		t.Do(0, i, min(n, i+grain))
	}
}

func (e *evaluator) Call(*graph.Node, *graph.Graph, []*tensor.Tensor) ([]*tensor.Tensor, error) {
	return nil, graph.Unsupportedf("graph inside a constant")
}
