package finetune

import (
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// update is the graph that changes parameters.
//
//	inputs:  parameters, gradients, then slots, averages and scalars as they were asked for
//	outputs: parameters, slots and averages, all carried, and the norm of the gradient where it is bounded
type update struct {
	g       *graph.Graph
	slots   []*optim.Slot
	ema     []*optim.Slot
	scalars []*optim.Scalar
	norm    bool
}

func (m *Model) update(cfg *Config, params []*Param) (*update, error) {
	b := graph.NewBuilder(m.reg, nil)
	u := optim.NewUpdate(b)
	g := b.Graph
	p, grad := make([]*graph.Value, len(params)), make([]*graph.Value, len(params))
	for i, q := range params {
		p[i] = b.Input("param/"+q.Name, graph.TypeOf(q.Value.Const))
	}
	for i, q := range params {
		grad[i] = b.Input("grad/"+q.Name, graph.TypeOf(q.Value.Const))
	}
	w := &update{g: g}
	norm := clip(b, cfg.Clip, grad)
	carry := func(in, next *graph.Value) {
		out := named(b, "next/"+in.Name, next)
		g.Outputs = append(g.Outputs, out)
		g.Carry = append(g.Carry, graph.Carry{In: in, Out: out})
	}
	next := make([]*graph.Value, len(params))
	for i, q := range params {
		group, o := cfg.optimizer(q.Name)
		u.Transposed = q.Transform == Transpose
		next[i] = u.Param(group, o, q.Name, p[i], grad[i])
		if q.Mask != nil {
			next[i] = b.Op("Mul", next[i], b.Const(q.Mask))
		}
	}
	for i := range params {
		carry(p[i], next[i])
	}
	for _, s := range u.Slots {
		carry(s.In, s.Out)
	}
	w.slots, w.scalars = u.Slots, u.Scalars
	if cfg.EMA > 0 {
		for i, q := range params {
			d := q.Value.Const.DType()
			s := &optim.Slot{Name: "ema/" + q.Name, In: b.Input("ema/"+q.Name, p[i].Type), Init: q.Value.Const}
			carry(s.In, b.Op("Add", b.Op("Mul", s.In, b.Scalar(d, cfg.EMA)), b.Op("Mul", next[i], b.Scalar(d, 1-cfg.EMA))))
			w.ema = append(w.ema, s)
		}
	}
	if norm != nil {
		g.Outputs = append(g.Outputs, named(b, "grad_norm", norm))
		w.norm = true
	}
	return w, b.Err()
}

// optimizer is the one for a parameter, with the number of its group.
func (c *Config) optimizer(name string) (int, optim.Optimizer) {
	for i, g := range c.Groups {
		if g.Match(name) {
			return i, g.Optimizer
		}
	}
	return len(c.Groups), c.Optimizer
}

// clip bounds the gradients in place. The norm is over all of them, before it is bounded; nil when nothing bounds it.
func clip(b *graph.Builder, c Clip, grad []*graph.Value) (norm *graph.Value) {
	if c.Norm > 0 {
		var squares []graph.Arg
		for _, g := range grad {
			s := b.Op("ReduceSumSquare", g, graph.Int("keepdims", 0))
			squares = append(squares, b.Op("Cast", s, graph.Int("to", int(tensor.Float32))))
		}
		norm = b.Op("Sqrt", b.Op("Sum", squares...))
		f := b.Op("Min", b.Op("Div", b.Scalar(tensor.Float32, c.Norm), b.Op("Add", norm, b.Scalar(tensor.Float32, clipEps))), b.Scalar(tensor.Float32, 1))
		for i, g := range grad {
			grad[i] = b.Op("Mul", g, b.Op("Cast", f, graph.Int("to", int(g.Type.DType))))
		}
	}
	if c.Value > 0 {
		for i, g := range grad {
			grad[i] = b.Op("Clip", g, b.Scalar(g.Type.DType, -c.Value), b.Scalar(g.Type.DType, c.Value))
		}
	}
	return norm
}
