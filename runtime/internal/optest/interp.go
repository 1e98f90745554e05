// Package optest tests operators by table rows and holds a plain interpreter, the oracle of the executor: no plan, no arena,
// no fusion, one node after the other.
package optest

import (
	"fmt"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Interp runs operators one at a time on one goroutine.
type Interp struct {
	Reg     *graph.Registry
	Threads int // pieces of Parallel are dealt to so many workers, still one after the other
	env     map[*graph.Value]*tensor.Tensor
	seed    uint64
}

func (x *Interp) Alloc(d tensor.DType, shape []int) (*tensor.Tensor, error) {
	if n, ok := tensor.Shape(shape).Size(); !ok || n > 1<<28 {
		return nil, graph.Limitf("tensor of %s%v", d.Short(), tensor.Shape(shape))
	}
	t, err := tensor.New(d, shape...)
	if err == nil { // undefined contents: whatever a kernel does not write shows
		for i := range t.Bytes() {
			t.Bytes()[i] = 0xa5
		}
	}
	return t, err
}

func (x *Interp) Scratch(n int) ([]byte, error) {
	b := tensor.Align(n)
	for i := range b {
		b[i] = 0xa5
	}
	return b, nil
}

func (x *Interp) Charge(int) error { return nil }
func (x *Interp) Workers() int     { return max(x.Threads, 1) }
func (x *Interp) Stopped() error   { return nil }

func (x *Interp) Seed() uint64 {
	x.seed++
	return x.seed
}

func (x *Interp) Parallel(t graph.Task, n, grain int) {
	for i, w := 0, 0; i < n; i, w = i+grain, w+1 {
		t.Do(w%x.Workers(), i, min(n, i+grain))
	}
}

func (x *Interp) Call(_ *graph.Node, g *graph.Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	sub := &Interp{Reg: x.Reg, Threads: x.Threads, env: x.env}
	return sub.RunGraph(g, in)
}

// RunGraph computes the outputs of g. Values of outer graphs are found in the environment of the calls around it.
func (x *Interp) RunGraph(g *graph.Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	if len(in) != len(g.Inputs) {
		return nil, fmt.Errorf("%d inputs for a graph of %d", len(in), len(g.Inputs))
	}
	if x.env == nil {
		x.env = map[*graph.Value]*tensor.Tensor{}
	}
	for i, v := range g.Inputs {
		x.env[v] = in[i]
	}
	for _, n := range g.Nodes {
		args := make([]*tensor.Tensor, len(n.In))
		for i, v := range n.In {
			if v != nil {
				args[i] = x.value(v)
			}
		}
		out, err := x.RunNode(n, args)
		if err != nil {
			return nil, n.Wrap(err, nil)
		}
		for i, v := range n.Out {
			if v != nil {
				x.env[v] = out[i]
			}
		}
	}
	res := make([]*tensor.Tensor, len(g.Outputs))
	for i, v := range g.Outputs {
		res[i] = x.value(v)
	}
	return res, nil
}

func (x *Interp) value(v *graph.Value) *tensor.Tensor {
	if v.Const != nil {
		return v.Const
	}
	return x.env[v]
}

// RunNode computes the outputs of one node, by Run or else by Expand.
func (x *Interp) RunNode(n *graph.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	if n.Op.Run == nil {
		return x.ExpandNode(n, in)
	}
	infos := make([]graph.Info, len(in))
	for i, t := range in {
		infos[i] = graph.Info{Type: graph.TypeOf(t), Const: t}
	}
	outs, err := graph.InferOutputs(x.Reg, n, infos, nil)
	if err != nil {
		return nil, err
	}
	c := graph.NewCtx(n, x)
	copy(c.In, in)
	for i, v := range n.Out {
		if shape, ok := outs[i].Type.Static(); ok && v != nil && !outs[i].Type.DType.IsContainer() {
			if c.Out[i], err = x.Alloc(outs[i].Type.DType, shape); err != nil {
				return nil, err
			}
		}
	}
	if err := n.Op.Run(c); err != nil {
		return nil, err
	}
	for i, v := range n.Out {
		if v == nil {
			continue
		}
		if c.Out[i] == nil {
			return nil, fmt.Errorf("output %d of %s was not computed", i, n.Op)
		}
		if t := graph.TypeOf(c.Out[i]); !fits(t, outs[i].Type) {
			return nil, fmt.Errorf("output %d of %s is %s, inferred %s", i, n.Op, t, outs[i].Type)
		}
	}
	return c.Out, nil
}

// fits reports whether what inference said is true of the type of a result.
func fits(got, said graph.Type) bool {
	if said.IsZero() || got.DType.IsContainer() {
		return said.IsZero() || got.DType == said.DType
	}
	if said.DType != tensor.Invalid && got.DType != said.DType || said.Ranked && len(got.Shape) != len(said.Shape) {
		return false
	}
	for i, d := range said.Shape {
		if d.IsInt() && !d.Equal(got.Shape[i]) {
			return false
		}
	}
	return true
}

// ExpandNode computes the outputs of one node by its Expand.
func (x *Interp) ExpandNode(n *graph.Node, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	if n.Op.Expand == nil {
		return nil, graph.Unsupportedf("operator %s", n.Op)
	}
	b := graph.NewBuilder(x.Reg, nil)
	call := *n
	call.In = make([]*graph.Value, len(n.In))
	var feeds []*tensor.Tensor
	for i, t := range in {
		if t != nil {
			call.In[i] = b.Input(fmt.Sprintf("in_%d", i), graph.TypeOf(t))
			if n.In[i] != nil && n.In[i].Const != nil { // as the expansion pass sees it
				call.In[i].Const = t
			}
			feeds = append(feeds, t)
		}
	}
	res := n.Op.Expand(b, &call)
	if b.Err() != nil {
		return nil, b.Err()
	}
	out := make([]*tensor.Tensor, len(n.Out))
	at := make([]int, len(n.Out))
	for i, v := range n.Out {
		at[i] = -1
		if v != nil && i < len(res) && res[i] != nil {
			at[i] = len(b.Graph.Outputs)
			b.Output(res[i])
		}
	}
	sub := &Interp{Reg: x.Reg, Threads: x.Threads, env: x.env}
	vals, err := sub.RunGraph(b.Graph, feeds)
	if err != nil {
		return nil, err
	}
	for i, k := range at {
		if k >= 0 {
			out[i] = vals[k]
		}
	}
	return out, nil
}
