// Package metric judges what a model gives against what it should: accuracy, precision, recall, F1, ROC AUC and the confusion matrix for classes, MAE, MSE, RMSE
// and R² for numbers.
//
// A [Metric] takes batch after batch and then tells one number, which does not depend on how samples were put into batches. Definitions are those of scikit-learn,
// edge cases included; where it refuses, the comments here say what happens.
//
// # Classes
//
// Scores have the classes along axis 1, [N,C] or [N,C,…] with a class for each place; targets have the number of the class, [N] or [N,…], or as many elements as the
// scores, of which the largest along axis 1 marks the class. Scores of one element per sample, [N] or [N,1], are of two classes: class 1 where the score is above 0 for logits
// and above one half for probabilities; targets are then 0 and 1 of any numeric type. A target of -100 is left out, as in the loss. A NaN among the scores of a sample is
// no class: the sample counts as wrong.
//
// # Numbers
//
// Predictions and targets have the same number of elements and of samples. NaN anywhere makes the metric NaN.
//
// Every metric of no samples is NaN.
package metric

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Metric adds up batches. It is used by one goroutine at a time.
type Metric interface {
	// Add judges a batch of predictions against its targets. After an error the metric must be reset.
	Add(pred, target *tensor.Tensor) error
	// Value is the metric of all that was added since the last Reset.
	Value() float64
	Reset()
	// Maximize tells whether larger values are better.
	Maximize() bool
}

// Options say what predictions are.
type Options struct {
	Probabilities bool // scores are probabilities, not logits
	Negative      bool // binary precision, recall and F1 are about class 0, not class 1
}

var plain = map[string]func(o Options) Metric{
	"accuracy":  func(o Options) Metric { return NewAccuracy(1, o) },
	"confusion": func(o Options) Metric { return NewConfusion(o) },
	"auc":       func(o Options) Metric { return NewAUC(o) },
	"mae":       func(Options) Metric { return newRegression(mae) },
	"mse":       func(Options) Metric { return newRegression(mse) },
	"rmse":      func(Options) Metric { return newRegression(rmse) },
	"r2":        func(Options) Metric { return newRegression(r2) },
}

func init() {
	for name, k := range kinds {
		plain[name] = func(o Options) Metric { return NewRate(k, Binary, o) }
		for suffix, a := range averages {
			plain[name+"-"+suffix] = func(o Options) Metric { return NewRate(k, a, o) }
		}
	}
}

// Names are the metrics that [New] knows, sorted; "topK" stands for top1, top2 and so on.
func Names() []string {
	names := []string{"topK"}
	for n := range plain {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// New is a metric by its name.
func New(name string, o Options) (Metric, error) {
	if f := plain[name]; f != nil {
		return f(o), nil
	}
	if digits, ok := strings.CutPrefix(name, "top"); ok {
		if k, err := strconv.Atoi(digits); err == nil && k > 0 {
			return NewAccuracy(k, o), nil
		}
	}
	return nil, fmt.Errorf("no metric is called %q; there are %s", name, strings.Join(Names(), ", "))
}

// On judges one output of a model against one target of the batches, under a name.
type On struct {
	Metric
	Label  string
	Output int    // among the outputs of the model
	Target string // among the tensors of a batch
}

// Name is the label.
func (o *On) Name() string { return o.Label }

// Add judges the outputs for a batch.
func (o *On) Add(out []*tensor.Tensor, batch map[string]*tensor.Tensor) error {
	target := batch[o.Target]
	if o.Output < 0 || o.Output >= len(out) || target == nil {
		return fmt.Errorf("output %d of %d and target %q: there is no such", o.Output, len(out), o.Target)
	}
	return o.Metric.Add(out[o.Output], target)
}
