package adapter

import (
	"errors"
	"slices"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// edit changes the graph of a model so that the changes can be taken back.
type edit struct {
	m    *finetune.Model
	b    *graph.Builder
	undo []func() // in the order in which things were done
}

func newEdit(m *finetune.Model) *edit {
	b := graph.NewBuilder(ops.Registry(), m.Graph)
	b.Reserve()
	return &edit{m: m, b: b}
}

func (e *edit) err() error { return e.b.Err() }

// takeBack makes the graph what it was.
func (e *edit) takeBack() {
	if e == nil {
		return
	}
	for _, f := range slices.Backward(e.undo) {
		f()
	}
	e.undo = nil
}

// op appends a node; see [edit.wrap] for where it goes.
func (e *edit) op(name string, args ...graph.Arg) *graph.Value { return e.m.Op(e.b, name, args...) }

// mul is v times a number.
func (e *edit) mul(v *graph.Value, by float64) *graph.Value {
	if by == 1 || e.err() != nil {
		return v
	}
	return e.op("Mul", v, e.b.Scalar(v.Type.DType, by))
}

func (e *edit) transpose(v *graph.Value) *graph.Value {
	return e.op("Transpose", v, graph.Ints("perm", 1, 0))
}

// dropout is v with elements dropped in training.
func (e *edit) dropout(v *graph.Value, ratio float64) *graph.Value {
	switch {
	case ratio == 0 || e.err() != nil:
		return v
	case e.m.Graph.Opsets[""] < 12:
		return e.op("Dropout", v, graph.Float("ratio", float32(ratio)))
	}
	return e.op("Dropout", v, e.b.Scalar(v.Type.DType, ratio))
}

// param adds a parameter with its constant to the model.
func (e *edit) param(p *finetune.Param) {
	g := e.m.Graph
	g.Consts = append(g.Consts, p.Value)
	e.m.Params = append(e.m.Params, p)
	e.undo = append(e.undo, func() {
		g.Consts = slices.DeleteFunc(g.Consts, func(v *graph.Value) bool { return v == p.Value })
		e.m.Params = slices.DeleteFunc(e.m.Params, func(q *finetune.Param) bool { return q == p })
	})
}

// setIn lets a node read something else.
func (e *edit) setIn(n *graph.Node, i int, v *graph.Value) {
	was := n.In[i]
	n.In[i] = v
	e.undo = append(e.undo, func() { n.In[i] = was })
}

// setConst gives a constant another tensor.
func (e *edit) setConst(v *graph.Value, t *tensor.Tensor) {
	was := v.Const
	v.Const = t
	e.undo = append(e.undo, func() { v.Const = was })
}

// build runs f and puts the nodes that it appends before node n, or behind it.
func (e *edit) build(n *graph.Node, behind bool, f func() *graph.Value) *graph.Value {
	g := e.m.Graph
	nodes, consts := len(g.Nodes), len(g.Consts)
	r := f()
	made, fixed := slices.Clone(g.Nodes[nodes:]), slices.Clone(g.Consts[consts:])
	g.Nodes = g.Nodes[:nodes]
	at := 0
	if n != nil {
		if at = slices.Index(g.Nodes, n); at < 0 {
			e.b.Fail(errors.New("a layer is no longer in the model's graph, which was changed since its adapters were set up"))
			at = len(g.Nodes)
		} else if behind {
			at++
		}
	}
	g.Nodes = slices.Insert(g.Nodes, at, made...)
	e.undo = append(e.undo, func() {
		g.Nodes = without(g.Nodes, made)
		g.Consts = without(g.Consts, fixed)
	})
	return r
}

func without[T comparable](list, out []T) []T {
	drop := map[T]bool{}
	for _, x := range out {
		drop[x] = true
	}
	return slices.DeleteFunc(list, func(x T) bool { return drop[x] })
}

// wrap lets v be from now on what f makes of what it was. Nodes that f appends go behind the one that computes v.
func (e *edit) wrap(v *graph.Value, f func(was *graph.Value) *graph.Value) {
	if e.err() != nil {
		return
	}
	n, typ := v.Def, v.Type
	k := slices.Index(n.Out, v)
	was := e.b.Name(n)
	was.Type, n.Out[k] = typ, was
	e.undo = append(e.undo, func() { n.Out[k], v.Def, v.Type = v, n, typ })
	r := e.build(n, true, func() *graph.Value { return f(was) })
	if e.err() != nil {
		return
	}
	r.Def.Out[slices.Index(r.Def.Out, r)] = v
	v.Def, v.Type = r.Def, r.Type
}

// wrapIn lets node n read, in place of its input i, what f makes of it.
func (e *edit) wrapIn(n *graph.Node, i int, f func(x *graph.Value) *graph.Value) {
	if e.err() != nil {
		return
	}
	if r := e.build(n, false, func() *graph.Value { return f(n.In[i]) }); e.err() == nil {
		e.setIn(n, i, r)
	}
}
