package finetune_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/finetune/schedule"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// config is the training that case.json describes.
func (c *trainingCase) config(t *testing.T) finetune.Config {
	cfg := finetune.Config{Accumulate: c.Acc, EMA: c.EMA.Decay, NoDropout: true, Segments: c.Checkpoint.Segments}
	switch c.BatchNorm {
	case "train":
		cfg.BatchNorm = finetune.BatchNormTrain
	default:
		cfg.BatchNorm = finetune.BatchNormFrozen
	}
	switch c.Clip.Kind {
	case "norm":
		cfg.Clip.Norm = c.Clip.Max
	case "value":
		cfg.Clip.Value = c.Clip.Max
	}
	if c.Penalty.L1 != 0 {
		cfg.Penalty = func(p *finetune.Penalized) *graph.Value {
			var sum *graph.Value
			for _, n := range c.Penalty.Parameters {
				x := p.Op("ReduceL1", p.Value[n], graph.Int("keepdims", 0))
				if sum != nil {
					x = p.Op("Add", sum, x)
				}
				sum = x
			}
			return p.Op("Mul", sum, p.Scalar(tensor.Float32, c.Penalty.L1))
		}
	}
	c.optimizer(t, &cfg, c.Optimizer)
	c.loss(t, &cfg)
	c.schedule(t, &cfg)
	return cfg
}

func (c *trainingCase) optimizer(t *testing.T, cfg *finetune.Config, raw json.RawMessage) {
	var spec map[string]json.RawMessage
	if err := json.Unmarshal(raw, &spec); err != nil {
		t.Fatal(err)
	}
	var groups []map[string]json.RawMessage
	if spec["groups"] != nil {
		if err := json.Unmarshal(spec["groups"], &groups); err != nil {
			t.Fatal(err)
		}
	}
	rest := spec["rest"]
	delete(spec, "groups")
	delete(spec, "rest")
	for _, g := range groups {
		var names []string
		if err := json.Unmarshal(g["parameters"], &names); err != nil {
			t.Fatal(err)
		}
		own := map[string]json.RawMessage{}
		for k, v := range spec {
			own[k] = v
		}
		for k, v := range g {
			if k != "parameters" {
				own[k] = v
			}
		}
		cfg.Groups = append(cfg.Groups, finetune.Group{
			Match:     func(name string) bool { return slices.Contains(names, name) },
			Optimizer: newOptimizer(t, own),
		})
	}
	if rest != nil {
		c.optimizer(t, cfg, rest)
		return
	}
	cfg.Optimizer = newOptimizer(t, spec)
}

func newOptimizer(t *testing.T, spec map[string]json.RawMessage) optim.Optimizer {
	var name string
	if err := json.Unmarshal(spec["name"], &name); err != nil {
		t.Fatal(err)
	}
	params := map[string]any{}
	for k, v := range spec {
		var x any
		if err := json.Unmarshal(v, &x); err != nil {
			t.Fatal(err)
		}
		if k != "name" {
			params[k] = x
		}
	}
	o, err := optim.New(name, params)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (c *trainingCase) loss(t *testing.T, cfg *finetune.Config) {
	params := maps.Clone(c.Loss)
	kind, _ := params["kind"].(string)
	delete(params, "kind")
	var err error
	if cfg.Loss, err = loss.New(kind, params); err != nil {
		t.Fatal(err)
	}
}

func (c *trainingCase) schedule(t *testing.T, cfg *finetune.Config) {
	if c.Schedule == nil {
		return
	}
	params := maps.Clone(c.Schedule)
	name, _ := params["name"].(string)
	delete(params, "name")
	var err error
	if cfg.Schedule, err = schedule.New(name, params, c.Steps); err != nil {
		t.Fatal(err)
	}
}
