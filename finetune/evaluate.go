package finetune

import (
	"context"
	"fmt"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
)

// Evaluator runs the model of a step as it is now: for inference, with the loss that it trains by.
type Evaluator struct {
	step    *Step
	session *runtime.Session
	feeds   []string
	in, out []*tensor.Tensor
	params  []*Param // fed after feeds
	Average bool     // take the moving averages of the parameters, where they are kept
}

// Evaluator compiles the model for evaluation. Parameters that train are inputs of what it runs, those that do not are constants.
func (s *Step) Evaluator() (*Evaluator, error) {
	m := s.model
	params := append(append([]*Param{}, s.params...), s.stats...)
	g, in, _ := m.lift(params)
	b := graph.NewBuilder(m.reg, g)
	inputs := g.Inputs[:len(g.Inputs)-len(params)]
	for _, n := range g.Nodes {
		b.Reinfer(n)
	}
	loss, targets, err := m.loss(b, &s.cfg, s.params, in[:len(s.params)])
	if err != nil {
		return nil, err
	}
	g.Inputs = append(append(append([]*graph.Value{}, inputs...), targets...), in...)
	g.Outputs = append([]*graph.Value{named(b, "loss", loss)}, g.Outputs...)
	if err := b.Err(); err != nil {
		return nil, err
	}
	e := &Evaluator{step: s, feeds: s.feeds, params: params, in: make([]*tensor.Tensor, len(g.Inputs)), out: make([]*tensor.Tensor, len(g.Outputs))}
	var opts []runtime.Option
	if s.cfg.Threads > 0 {
		opts = append(opts, runtime.WithThreads(s.cfg.Threads))
	}
	e.session, err = runtime.Compile(g, opts...)
	return e, err
}

// Run computes loss and outputs of a batch. The outputs are valid until the next run.
func (e *Evaluator) Run(ctx context.Context, batch map[string]*tensor.Tensor) (loss float64, out []*tensor.Tensor, err error) {
	for i, name := range e.feeds {
		x, ok := batch[name]
		if !ok {
			return 0, nil, fmt.Errorf("the batch has no %q", name)
		}
		if e.in[i], err = e.step.model.feed(x); err != nil {
			return 0, nil, err
		}
	}
	for i, p := range e.params {
		x := p.Value.Const
		if avg := e.step.Average(p); e.Average && avg != nil {
			x = avg
		}
		e.in[len(e.feeds)+i] = x
	}
	if err := e.session.RunInto(ctx, e.in, e.out); err != nil {
		return 0, nil, err
	}
	return e.out[0].Float(0), e.out[1:], nil
}

// Evaluate is the loss, averaged over the samples of all batches, under "loss", and the value of each metric under its name. The number of samples of a batch is
// the first extent of its first tensor.
func (e *Evaluator) Evaluate(ctx context.Context, data Source, metrics []Metric) (map[string]float64, error) {
	for _, m := range metrics {
		m.Reset()
	}
	sum, samples := 0.0, 0
	for batch, err := range data.Batches(ctx, 0, 0) {
		if err != nil {
			return nil, err
		}
		loss, out, err := e.Run(ctx, batch)
		if err != nil {
			return nil, err
		}
		n := 1
		if x := batch[e.feeds[0]]; x.Rank() > 0 {
			n = x.Dim(0)
		}
		sum += loss * float64(n)
		samples += n
		for _, m := range metrics {
			if err := m.Add(out, batch); err != nil {
				return nil, fmt.Errorf("%s: %w", m.Name(), err)
			}
		}
	}
	if samples == 0 {
		return nil, fmt.Errorf("the data is empty")
	}
	values := map[string]float64{"loss": sum / float64(samples)}
	for _, m := range metrics {
		values[m.Name()] = m.Value()
	}
	return values, nil
}
