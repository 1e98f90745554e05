package finetune

import (
	"fmt"

	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/finetune/schedule"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/runtime"
)

// Config says how a model trains. Loss and Optimizer are required.
type Config struct {
	Loss       loss.Loss
	Optimizer  optim.Optimizer
	Groups     []Group                         // parameters with an optimizer of their own; the first that matches counts
	Schedule   schedule.Schedule               // learning rate of each update; nil keeps the base rate
	Clip       Clip                            // of the gradient of all parameters
	Accumulate int                             // batches for one update, whose losses are averaged; 0 is 1
	EMA        float64                         // decay of a moving average of the parameters; 0 keeps none
	Penalty    func(p *Penalized) *graph.Value // added to the loss
	BatchNorm  BatchNorm
	NoDropout  bool // leaves Dropout off
	// Segments saves memory by computing the forward pass of each of so many parts of the model again when its gradients are due; 0 keeps all values.
	Segments int
	Threads  int    // 0: one per processor
	Seed     uint64 // of dropout
	// ExactConv computes convolutions and their gradients as sums of products only, see [runtime.WithExactConv].
	ExactConv bool
	// Profile is called after every node, as by [runtime.WithProfile]. nil costs nothing.
	Profile func(runtime.Event)
}

func (c *Config) check() error {
	list := []optim.Optimizer{c.Optimizer}
	for _, g := range c.Groups {
		list = append(list, g.Optimizer)
	}
	for _, o := range list {
		if err := optim.Check(o); err != nil {
			return fmt.Errorf("optimizer: %w", err)
		}
	}
	switch {
	case !(c.EMA >= 0 && c.EMA < 1):
		return fmt.Errorf("a moving average that keeps %v of the old, want a part from 0 to below 1", c.EMA)
	case !(c.Clip.Norm >= 0 && c.Clip.Value >= 0):
		return fmt.Errorf("gradients cannot be clipped to %v or %v", c.Clip.Norm, c.Clip.Value)
	case c.Accumulate < 0 || c.Segments < 0 || c.Threads < 0:
		return fmt.Errorf("%d batches for an update, %d segments, %d threads: none can be negative", c.Accumulate, c.Segments, c.Threads)
	}
	return nil
}

// Group gives parameters an optimizer of their own.
type Group struct {
	Match     func(name string) bool
	Optimizer optim.Optimizer
}

// Clip bounds gradients: all of them together by their 2-norm, which is scaled down to Norm, or each element to ±Value. 0 does not bound.
type Clip struct {
	Norm, Value float64
}

// clipEps is added to the norm before the division, as PyTorch does.
const clipEps = 1e-6

// Penalized is what a penalty sees: a builder and the parameters that train.
type Penalized struct {
	*graph.Builder
	Names []string
	Value map[string]*graph.Value
}

// BatchNorm is how BatchNormalization behaves during training.
type BatchNorm int

const (
	// BatchNormAuto takes the statistics of the batch where the layer's scale or bias trains, and the running ones elsewhere.
	BatchNormAuto BatchNorm = iota
	// BatchNormTrain takes the statistics of the batch everywhere, and lets the running ones follow.
	BatchNormTrain
	// BatchNormFrozen takes the running statistics everywhere, which stay as they are.
	BatchNormFrozen
)
