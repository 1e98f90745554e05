package finetune

import (
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/finetune/autodiff"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// backward is the graph that computes loss and gradients.
//
//	inputs:  those of the model, targets, parameters, running statistics, sums of gradients with the share of one batch
//	outputs: the loss, those of the model, gradients, running statistics
//
// Statistics are carried; so are the gradients, in the sums, when several batches make one update.
type backward struct {
	g      *graph.Graph
	params []*Param
	stats  []*Param
	idle   []*Param // parameters on which the loss does not depend
}

func (m *Model) backward(cfg *Config) (*backward, error) {
	trained := m.Trained()
	if len(trained) == 0 {
		return nil, m.noneTrain()
	}
	lifted := append(trained, m.followed(cfg.BatchNorm)...)
	g, in, _ := m.lift(lifted)
	b := graph.NewBuilder(m.reg, g)
	w := &backward{g: g}
	m.dropout(b, cfg)
	// Rules of gradients are written for the newest operators. One that has no kernel, but a rule of its own, stays until it is differentiated.
	old := func(o *graph.Op) bool { return o.Run == nil && o.Grad == nil }
	if err := pass.Apply(m.reg, g, []pass.Pass{pass.ExpandIf(old), {Name: "fold", Run: pass.Fold}, {Name: "sequence", Run: pass.Sequences}}); err != nil {
		return nil, err
	}
	inputs := g.Inputs[: len(g.Inputs)-len(lifted) : len(g.Inputs)-len(lifted)]
	stats := batchStatistics(b, in[len(trained):])
	in = in[:len(trained)]
	loss, targets, err := m.loss(b, cfg, trained, in)
	if err != nil {
		return nil, err
	}
	grads, err := autodiff.Gradients(m.reg, g, loss, in)
	if err != nil {
		return nil, err
	}
	if err := autodiff.Recompute(m.reg, g, loss, cfg.Segments); err != nil {
		return nil, err
	}
	g.Inputs = append(inputs, targets...)
	outs := append([]*graph.Value{named(b, "loss", loss)}, g.Outputs...)
	var sums []*graph.Value
	share := &graph.Value{Name: "share", Type: graph.Type{DType: tensor.Float32, Ranked: true}}
	for i, p := range trained {
		if grads[i] == nil {
			w.idle = append(w.idle, p) // it may be read all the same, for another output
			in[i].Const = p.Value.Const
			g.Consts = append(g.Consts, in[i])
			continue
		}
		grad := grads[i]
		if p.FrozenRows != nil {
			grad = b.Op("Mul", grad, b.Const(rowMask(p)))
		}
		if cfg.Accumulate > 1 {
			sum := &graph.Value{Name: "sum/" + p.Name, Type: in[i].Type}
			sums = append(sums, sum)
			grad = b.Op("Add", sum, b.Op("Mul", grad, b.Op("Cast", share, graph.Int("to", int(sum.Type.DType)))))
		}
		grad = named(b, "grad/"+p.Name, grad)
		if cfg.Accumulate > 1 {
			g.Carry = append(g.Carry, graph.Carry{In: sums[len(sums)-1], Out: grad})
		}
		w.params = append(w.params, p)
		g.Inputs, outs = append(g.Inputs, in[i]), append(outs, grad)
	}
	for i, s := range stats {
		next := named(b, "next/"+s.In.Name, s.Out)
		w.stats = append(w.stats, lifted[len(trained)+i])
		g.Inputs, outs = append(g.Inputs, s.In), append(outs, next)
		g.Carry = append(g.Carry, graph.Carry{In: s.In, Out: next})
	}
	if sums != nil {
		g.Inputs = append(append(g.Inputs, sums...), share)
	}
	g.Outputs = outs
	return w, b.Err()
}

// noneTrain says why no parameter trains.
func (m *Model) noneTrain() error {
	if slices.ContainsFunc(m.Params, func(p *Param) bool { return !p.Stat }) {
		return fmt.Errorf("no parameter trains: all are frozen")
	}
	sizes := map[tensor.DType]int{}
	m.Graph.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		for _, v := range n.In {
			if v != nil && v.Const != nil {
				sizes[v.Const.DType()] = max(sizes[v.Const.DType()], v.Const.Len())
			}
		}
		return true
	})
	for _, d := range []tensor.DType{tensor.Int8, tensor.Uint8, tensor.Int4, tensor.Uint4} {
		if sizes[d] > 1 {
			return graph.Unsupportedf("the weights are quantized, %s, and do not train: take the model before it was quantized", d)
		}
	}
	return graph.Unsupportedf("the model has no weights of floating-point numbers that an operator takes as an input: nothing can train")
}

// loss appends the loss with its penalty, and the targets that it reads.
func (m *Model) loss(b *graph.Builder, cfg *Config, trained []*Param, in []*graph.Value) (loss *graph.Value, targets []*graph.Value, err error) {
	types := make([]graph.Type, len(b.Graph.Outputs))
	for i, v := range b.Graph.Outputs {
		types[i] = v.Type
	}
	for _, t := range cfg.Loss.Targets(types) {
		targets = append(targets, &graph.Value{Name: t.Name, Type: t.Type})
	}
	b.Prefix("loss")
	loss = cfg.Loss.Of(b, b.Graph.Outputs, targets)
	if err := b.Err(); err != nil {
		return nil, nil, fmt.Errorf("loss: %w", err)
	}
	if cfg.Penalty == nil {
		return loss, targets, nil
	}
	p := &Penalized{Builder: b, Value: map[string]*graph.Value{}}
	for i, q := range trained {
		p.Names, p.Value[q.Name] = append(p.Names, q.Name), in[i]
	}
	b.Prefix("penalty")
	if x := cfg.Penalty(p); x != nil {
		loss = b.Op("Add", loss, x)
	}
	if err := b.Err(); err != nil {
		return nil, nil, fmt.Errorf("penalty: %w", err)
	}
	return loss, targets, nil
}

// named is v under a name of its own, to be an output.
func named(b *graph.Builder, name string, v *graph.Value) *graph.Value {
	out := &graph.Value{Name: name}
	if b.Err() == nil {
		b.Append(&graph.Node{Op: b.Registry().Lookup("", "Identity", 0), In: []*graph.Value{v}}, out)
	}
	return out
}

// rowMask is 0 in the rows whose gradient is dropped, else 1.
func rowMask(p *Param) *tensor.Tensor {
	shape := make([]int, p.Value.Const.Rank())
	for i := range shape {
		shape[i] = 1
	}
	shape[0] = p.Value.Const.Dim(0)
	keep := make([]float32, shape[0])
	for i := range keep {
		keep[i] = 1
	}
	for _, r := range p.FrozenRows {
		keep[r] = 0
	}
	return tensor.Must(tensor.Of(keep, shape...))
}
