package compress

import (
	"context"
	"fmt"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Elastic is what a model knows of an old task: where its parameters were, and how much each of them mattered (elastic weight consolidation,
// https://arxiv.org/abs/1612.00796).
type Elastic struct {
	Anchor, Fisher map[string]*tensor.Tensor // by the parameter's name
}

// Fisher measures how much the parameters that train matter on the samples of data: the mean of the squared gradient of the loss of a single
// sample. Every batch must hold one sample, as gradients of several would cancel each other. It changes nothing in the model.
func Fisher(ctx context.Context, m *finetune.Model, cfg finetune.Config, data finetune.Source) (*Elastic, error) {
	cfg.Accumulate, cfg.Penalty, cfg.BatchNorm, cfg.NoDropout = 1, nil, finetune.BatchNormFrozen, true
	step, err := finetune.NewStep(m, cfg)
	if err != nil {
		return nil, err
	}
	sums := map[*finetune.Param][]float64{}
	n := 0
	for batch, err := range data.Batches(ctx, 0, 0) {
		if err == nil {
			err = step.Begin(1)
		}
		if err == nil {
			err = step.Add(ctx, batch)
		}
		if err != nil {
			return nil, fmt.Errorf("fisher information: %w", err)
		}
		n++
		for _, p := range m.Trained() {
			g := step.Gradient(p)
			if g == nil {
				continue
			}
			if sums[p] == nil {
				sums[p] = make([]float64, g.Len())
			}
			for i := range sums[p] {
				sums[p][i] += g.Float(i) * g.Float(i)
			}
		}
	}
	if n == 0 {
		return nil, fmt.Errorf("fisher information: the data is empty")
	}
	e := &Elastic{Anchor: map[string]*tensor.Tensor{}, Fisher: map[string]*tensor.Tensor{}}
	for p, s := range sums {
		f := make([]float32, len(s))
		for i, x := range s {
			f[i] = float32(x / float64(n))
		}
		e.Fisher[p.Name] = tensor.Must(tensor.Of(f, p.Value.Const.Shape()...))
		e.Anchor[p.Name] = p.Value.Const.Clone()
	}
	return e, nil
}

// Penalty is λ/2·Σ fisher·(p − anchor)² over all parameters of which something is known, for [finetune.Config].
func (e *Elastic) Penalty(lambda float64) func(*finetune.Penalized) *graph.Value {
	return func(p *finetune.Penalized) *graph.Value {
		var sum *graph.Value
		for _, name := range p.Names {
			f, a := e.Fisher[name], e.Anchor[name]
			if f == nil || a == nil {
				continue
			}
			d := p.Op("Sub", p.Value[name], p.Const(a))
			x := p.Op("ReduceSum", p.Op("Mul", p.Const(f), p.Op("Mul", d, d)), graph.Int("keepdims", 0))
			if sum != nil {
				x = p.Op("Add", sum, x)
			}
			sum = x
		}
		if sum == nil {
			return nil
		}
		return p.Op("Mul", sum, p.Scalar(sum.Type.DType, lambda/2))
	}
}
