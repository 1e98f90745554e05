package finetune

import (
	"context"
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/safetensors"
	"github.com/onnxrun/onnxrun/runtime"
)

// Step is one update of a model's parameters, compiled: two sessions that share tensors, one for loss and gradients, one for the optimizer. The
// model's constants are the parameters themselves, so that it is always up to date.
type Step struct {
	model  *Model
	cfg    Config
	params []*Param
	stats  []*Param
	idle   []*Param

	back, update *runtime.Session
	feeds        []string // of the first inputs of back: the model's, then the targets
	backIn       []*tensor.Tensor
	backOut      []*tensor.Tensor
	updateIn     []*tensor.Tensor
	updateOut    []*tensor.Tensor
	scalars      []*optim.Scalar
	scalarIn     []*tensor.Tensor
	state        []safetensors.Named // slots, averages, statistics
	pending      []*tensor.Tensor
	norm         *tensor.Tensor
	share        *tensor.Tensor // of a batch in an update of several

	done           int // updates made
	batches, micro int // of the update that is begun: all, and those added
	loss           float64
	probe          *graph.Graph // the backward graph, to look for what is not finite
}

// Result is what one update tells.
type Result struct {
	Loss     float64          // before the update, the mean over the batches accumulated
	LR       float64          // of the first group
	GradNorm float64          // before clipping; NaN where the norm is not bounded
	Outputs  []*tensor.Tensor // of the model for the last batch; valid until the next step
}

// NewStep compiles the training of m as cfg says.
func NewStep(m *Model, cfg Config) (*Step, error) {
	if cfg.Loss == nil || cfg.Optimizer == nil {
		return nil, fmt.Errorf("training wants a loss and an optimizer")
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Accumulate = max(cfg.Accumulate, 1)
	own(m.Params)
	for _, p := range m.Params {
		p.applyMask()
	}
	w, err := m.backward(&cfg)
	if err != nil {
		return nil, err
	}
	if len(w.params) == 0 {
		return nil, fmt.Errorf("the loss depends on none of the %d parameters that train", len(w.idle))
	}
	u, err := m.update(&cfg, w.params)
	if err != nil {
		return nil, fmt.Errorf("optimizer: %w", err)
	}
	opts := []runtime.Option{runtime.WithSeed(cfg.Seed)}
	if cfg.Threads > 0 {
		opts = append(opts, runtime.WithThreads(cfg.Threads))
	}
	if cfg.ExactConv {
		opts = append(opts, runtime.WithExactConv())
	}
	if cfg.Profile != nil {
		opts = append(opts, runtime.WithProfile(cfg.Profile))
	}
	s := &Step{model: m, cfg: cfg, params: w.params, stats: w.stats, idle: w.idle, scalars: u.scalars, probe: w.g}
	if s.back, err = runtime.Compile(w.g, opts...); err != nil {
		return nil, err
	}
	if s.update, err = runtime.Compile(u.g, opts...); err != nil {
		return nil, fmt.Errorf("optimizer: %w", err)
	}
	return s, s.bind(w, u)
}

// bind connects the inputs and outputs of both sessions to their tensors.
func (s *Step) bind(w *backward, u *update) error {
	s.backIn, s.backOut = make([]*tensor.Tensor, len(w.g.Inputs)), make([]*tensor.Tensor, len(w.g.Outputs))
	n := len(w.g.Inputs) - len(w.params) - len(w.stats)
	if s.cfg.Accumulate > 1 {
		n -= len(w.params) + 1
		s.share = tensor.Scalar(float32(1))
		s.backIn[len(s.backIn)-1] = s.share
	}
	for _, v := range w.g.Inputs[:n] {
		s.feeds = append(s.feeds, v.Name)
	}
	s.updateIn, s.updateOut = make([]*tensor.Tensor, len(u.g.Inputs)), make([]*tensor.Tensor, len(u.g.Outputs))
	outs := len(w.g.Outputs) - len(w.params) - len(w.stats)
	for i, p := range s.params {
		x := p.Value.Const
		grad, err := tensor.New(x.DType(), x.Shape()...)
		if err != nil {
			return err
		}
		s.backIn[n+i], s.backOut[outs+i] = x, grad
		s.updateIn[i], s.updateIn[len(s.params)+i] = x, grad
		if s.cfg.Accumulate > 1 {
			s.backIn[n+len(s.params)+len(s.stats)+i] = grad
		}
	}
	for i, p := range s.stats {
		s.state = append(s.state, safetensors.Named{Name: "stat/" + p.Name, Value: p.Value.Const})
		next := p.Value.Const.Clone()
		s.pending = append(s.pending, next)
		s.backIn[n+len(s.params)+i], s.backOut[outs+len(s.params)+i] = next, next
	}
	at := map[*graph.Value]int{}
	for i, v := range u.g.Inputs {
		at[v] = i
	}
	for _, slot := range append(append([]*optim.Slot{}, u.slots...), u.ema...) {
		x, err := slot.Tensor()
		if err != nil {
			return err
		}
		s.updateIn[at[slot.In]] = x
		s.state = append(s.state, safetensors.Named{Name: slot.Name, Value: x})
	}
	for _, c := range s.scalars {
		x, err := tensor.New(c.Value.Type.DType, []int{}...)
		if err != nil {
			return err
		}
		s.updateIn[at[c.Value]] = x
		s.scalarIn = append(s.scalarIn, x)
	}
	for i, c := range u.g.Carry {
		s.updateOut[i] = s.updateIn[at[c.In]]
	}
	if u.norm {
		s.norm = tensor.Scalar(float32(0))
		s.updateOut[len(s.updateOut)-1] = s.norm
	}
	return nil
}

// Batches is the number of batches that one update takes, at most.
func (s *Step) Batches() int { return s.cfg.Accumulate }

// Done is the number of updates made.
func (s *Step) Done() int { return s.done }

// Idle are parameters on which the loss does not depend; they stay as they are.
func (s *Step) Idle() []*Param { return s.idle }

// Run makes one update from one batch, or up to [Step.Batches], each with a tensor for every input of the model and every target. An update whose
// loss is not finite, or that fails, changes nothing.
func (s *Step) Run(ctx context.Context, batches ...map[string]*tensor.Tensor) (Result, error) {
	if err := s.Begin(len(batches)); err != nil {
		return Result{}, err
	}
	for _, b := range batches {
		if err := s.Add(ctx, b); err != nil {
			return Result{}, err
		}
	}
	return s.Update()
}

// Begin starts an update of n batches, whose losses are averaged.
func (s *Step) Begin(n int) error {
	if n < 1 || n > s.cfg.Accumulate {
		return fmt.Errorf("%d batches for an update that takes up to %d", n, s.cfg.Accumulate)
	}
	s.batches, s.micro, s.loss = n, 0, 0
	for i, p := range s.stats {
		copy(s.pending[i].Bytes(), p.Value.Const.Bytes())
	}
	if s.share != nil {
		tensor.Data[float32](s.share)[0] = 1 / float32(n)
		for i := range s.params {
			clear(s.updateIn[len(s.params)+i].Bytes())
		}
	}
	return nil
}

// Add computes the gradients of one batch of the update. After an error, the update must begin anew.
func (s *Step) Add(ctx context.Context, batch map[string]*tensor.Tensor) error {
	if s.micro >= s.batches {
		return fmt.Errorf("the update has its %d batches", s.batches)
	}
	for i, name := range s.feeds {
		x, ok := batch[name]
		if !ok {
			return fmt.Errorf("the batch has no %q", name)
		}
		var err error
		if s.backIn[i], err = s.model.feed(x); err != nil {
			return err
		}
	}
	s.back.Reseed(mix(s.cfg.Seed, uint64(s.done), uint64(s.micro)))
	n := s.batches
	s.batches = 0 // an error ends the update
	if err := s.back.RunInto(ctx, s.backIn, s.backOut); err != nil {
		return err
	}
	loss := s.backOut[0].Float(0)
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return s.notFinite(ctx, loss)
	}
	s.loss += loss / float64(n)
	s.batches = n
	s.micro++
	return nil
}

// Outputs are those of the model for the last batch, in training mode; valid until the next one.
func (s *Step) Outputs() []*tensor.Tensor {
	return s.backOut[1 : len(s.backOut)-len(s.params)-len(s.stats)]
}

// Update changes the parameters by the gradients of the batches added.
func (s *Step) Update() (Result, error) {
	if s.batches == 0 || s.micro != s.batches {
		return Result{}, fmt.Errorf("the update has %d of its %d batches", s.micro, s.batches)
	}
	s.batches = 0
	r := Result{Loss: s.loss, GradNorm: math.NaN(), Outputs: s.Outputs()}
	err := s.apply(&r)
	return r, err
}

// apply runs the optimizer. It is not stopped half-way, when some parameters are new and others old.
func (s *Step) apply(r *Result) error {
	for i, c := range s.scalars {
		x := c.At(optim.Step{T: s.done + 1, LR: s.lr(c.Rate)})
		switch t := s.scalarIn[i]; t.DType() {
		case tensor.Float64:
			tensor.Data[float64](t)[0] = x
		default:
			tensor.Data[float32](t)[0] = float32(x)
		}
	}
	first := s.cfg.Optimizer
	if len(s.cfg.Groups) > 0 {
		first = s.cfg.Groups[0].Optimizer
	}
	r.LR = s.lr(first.Rate())
	if err := s.update.RunInto(context.Background(), s.updateIn, s.updateOut); err != nil {
		return err
	}
	for i, p := range s.stats {
		copy(p.Value.Const.Bytes(), s.pending[i].Bytes())
	}
	if s.norm != nil {
		r.GradNorm = s.norm.Float(0)
	}
	s.done++
	return nil
}

// lr is the learning rate of the next update from a base rate.
func (s *Step) lr(base float64) float64 {
	if s.cfg.Schedule == nil {
		return base
	}
	return s.cfg.Schedule.LR(s.done, base)
}

// mix makes one seed of three numbers, by the finalizer of SplitMix64 (https://doi.org/10.1145/2714064.2660195).
func mix(xs ...uint64) uint64 {
	var h uint64
	for _, x := range xs {
		h = (h ^ x) + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// Gradient is the gradient of a parameter at the last step, before clipping; nil where it has none. It is valid until the next step.
func (s *Step) Gradient(p *Param) *tensor.Tensor {
	for i, q := range s.params {
		if p == q {
			return s.updateIn[len(s.params)+i]
		}
	}
	return nil
}

// Average is the moving average of a parameter, nil where none is kept. It is valid until the next step.
func (s *Step) Average(p *Param) *tensor.Tensor {
	for _, x := range s.state {
		if x.Name == "ema/"+p.Name {
			return x.Value
		}
	}
	return nil
}

// TakeAverages gives the parameters the values of their moving averages, where those are kept: they often do better than the last weights.
func (s *Step) TakeAverages() {
	for _, p := range s.params {
		if a := s.Average(p); a != nil {
			copy(p.Value.Const.Bytes(), a.Bytes())
		}
	}
}

// ArenaBytes is the memory for the values of one batch and its gradients, beside parameters and state; 0 before the first step.
func (s *Step) ArenaBytes() int {
	n, _ := s.back.ArenaBytes()
	return n
}
