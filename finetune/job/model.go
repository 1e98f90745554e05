package job

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/adapter"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/finetune/schedule"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/models"
	"github.com/onnxrun/onnxrun/onnx"
)

// load reads the model, or makes a new one. One for batches of a fixed size is changed to take any.
func (j *Job) load(w io.Writer) (*graph.Graph, error) {
	if j.New.Name != "" {
		return models.New(j.New.Name, j.New.Params, j.Seed)
	}
	g, err := onnx.Load(j.Model)
	if err != nil {
		return nil, err
	}
	n := finetune.FixedBatch(g)
	if n == 0 || n == j.Batch && n == 1 {
		return g, nil
	}
	free, err := finetune.FreeBatch(g)
	if err != nil && n == j.Batch {
		return g, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w; take batches of %d, of which accumulate makes larger updates", err, n)
	}
	fmt.Fprintf(w, "%s is for batches of %d: its batch axis was freed, in the tuned model too\n", j.Model, n)
	return free, nil
}

// prepare loads the model and makes of it what the job says: a new head, an adapter, parameters that do not train.
func (j *Job) prepare(w io.Writer) (*finetune.Model, *adapter.Adapter, error) {
	g, err := j.load(w)
	if err != nil {
		return nil, nil, err
	}
	m, err := finetune.New(g)
	if err != nil {
		return nil, nil, err
	}
	if j.Head > 0 {
		if j.Probe {
			m.TrainIf(func(*finetune.Param) bool { return false })
		}
		if err := m.NewHead(j.Cut, finetune.Head{Classes: j.Head, Pool: j.Pool, Seed: j.Seed, Name: headName}); err != nil {
			return nil, nil, fmt.Errorf("new head: %w", err)
		}
	} else if j.Probe {
		return nil, nil, fmt.Errorf("a probe is a new head that trains alone: say how many outputs it has")
	}
	var a *adapter.Adapter
	if j.Adapter != nil {
		if a, err = j.adapt(m); err != nil {
			return nil, nil, err
		}
	}
	if j.Last > 0 {
		if err := m.TrainLast(j.Last); err != nil {
			return nil, nil, err
		}
	}
	if j.Train != nil {
		m.TrainIf(func(*finetune.Param) bool { return false })
		if err := m.Unfreeze(j.Train...); err != nil {
			return nil, nil, err
		}
	}
	return m, a, m.Freeze(j.Freeze...)
}

const headName = "head"

// adapt adds the adapter. Parameters of the model are frozen by it; a new head is among the modules that train, and are kept, with it.
func (j *Job) adapt(m *finetune.Model) (*adapter.Adapter, error) {
	p := map[string]any{"peft_type": "LORA"}
	for k, v := range j.Adapter {
		p[k] = v
	}
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	c, err := adapter.ParseConfig(b)
	if err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	c.Seed = j.Seed
	if j.Head > 0 {
		c.SavedModules = append(c.SavedModules, headName)
	}
	set, err := adapter.New(m)
	if err != nil {
		return nil, err
	}
	a, err := set.Add("default", c)
	if err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	return a, set.Activate("default")
}

// config is the training as the job says, for updates in all.
func (j *Job) config(updates int) (finetune.Config, error) {
	cfg := finetune.Config{Accumulate: j.Accumulate, Clip: finetune.Clip{Norm: j.ClipNorm, Value: j.ClipValue}, EMA: j.EMA,
		Segments: j.Segments, Threads: j.Threads, Seed: j.Seed, ExactConv: j.Exact}
	var err error
	if cfg.Loss, err = j.loss(); err != nil {
		return cfg, err
	}
	p := map[string]any{}
	maps.Copy(p, j.Optimizer.Params)
	if j.LR != 0 {
		p["lr"] = j.LR
	}
	name := j.Optimizer.Name
	if name == "" {
		name = "AdamW"
	}
	if cfg.Optimizer, err = optim.New(name, p); err != nil {
		return cfg, err
	}
	if j.Schedule.Name != "" {
		if cfg.Schedule, err = schedule.New(j.Schedule.Name, j.Schedule.Params, updates); err != nil {
			return cfg, err
		}
	}
	switch j.BatchNorm {
	case "", "auto":
	case "train":
		cfg.BatchNorm = finetune.BatchNormTrain
	case "frozen":
		cfg.BatchNorm = finetune.BatchNormFrozen
	default:
		return cfg, fmt.Errorf("no batch_norm %q; there are auto, train and frozen", j.BatchNorm)
	}
	if j.L1 > 0 {
		cfg.Penalty = finetune.L1(j.L1)
	}
	return cfg, nil
}

func (j *Job) loss() (loss.Loss, error) {
	name := j.Loss.Name
	if name == "" {
		name = "cross_entropy"
	}
	l, err := loss.New(name, j.Loss.Params)
	if err == nil && j.logits {
		l = loss.OnLogits(l)
	}
	return l, err
}

// ofClasses reports whether the targets of the loss of that name are numbers of classes along axis 1 of the output.
func ofClasses(name string) bool {
	switch name {
	case "", "cross_entropy", "nll", "multi_margin":
		return true
	}
	return false
}

// wantsLogits reports whether the loss of that name is of logits.
func wantsLogits(name string) bool {
	switch name {
	case "", "cross_entropy", "bce_with_logits", "bce_logits", "focal":
		return true
	}
	return false
}

// outputTypes are the types of the model's outputs.
func outputTypes(m *finetune.Model) []graph.Type {
	types := make([]graph.Type, len(m.Graph.Outputs))
	for i, v := range m.Graph.Outputs {
		types[i] = v.Type
	}
	return types
}
