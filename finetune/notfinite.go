package finetune

import (
	"context"
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
)

// NotFinite is the error of an update whose loss is NaN or infinite. Nothing was changed by it.
type NotFinite struct {
	Update int // counted from 0
	Loss   float64
	Where  string // what was not finite first: an input, a parameter, or a node; "" if it was not found

	data bool // it is an input
}

func (e *NotFinite) Error() string {
	s := fmt.Sprintf("update %d: the loss is %v", e.Update, e.Loss)
	if e.Where != "" {
		s += "; first in " + e.Where
	}
	if e.data {
		return s + ": the data has numbers that are not finite"
	}
	return s + ": try a lower learning rate, or bound the gradient's norm"
}

// notFinite looks for the first value of the last batch that is not finite, by running its graph once more, node by node.
func (s *Step) notFinite(ctx context.Context, loss float64) error {
	e := &NotFinite{Update: s.done, Loss: loss}
	bad := func(t *tensor.Tensor) bool { return hasNaN(t) }
	if math.IsInf(loss, 0) {
		bad = func(t *tensor.Tensor) bool { return hasInf(t) || hasNaN(t) }
	}
	for i, v := range s.back.Inputs() {
		if i >= len(s.feeds)+len(s.params) {
			break
		}
		if bad(s.backIn[i]) {
			e.Where = fmt.Sprintf("input %q", v.Name)
			if e.data = i < len(s.feeds); !e.data {
				e.Where = fmt.Sprintf("parameter %q", s.params[i-len(s.feeds)].Name)
			}
			return e
		}
	}
	run, stop := context.WithCancel(ctx)
	defer stop()
	look := func(ev runtime.Event) {
		if e.Where != "" {
			return
		}
		for _, t := range ev.Out {
			if t != nil && bad(t) {
				types := make([]graph.Type, len(ev.In))
				for i, x := range ev.In {
					types[i] = graph.TypeOf(x)
				}
				e.Where = fmt.Sprintf("node %q (%s) on %v", ev.Node.Label(), ev.Node.Op, types)
				stop()
				return
			}
		}
	}
	// Without fusions, so that nodes are those of the model.
	probe, err := runtime.Compile(s.probe, runtime.WithProfile(look), runtime.WithPasses(pass.Inference...), runtime.WithSeed(mix(s.cfg.Seed, uint64(s.done), 0)))
	if err != nil {
		return e
	}
	defer probe.Close()
	_ = probe.RunInto(run, s.backIn, make([]*tensor.Tensor, len(s.backOut))) // stopped where it was found
	return e
}

func hasNaN(t *tensor.Tensor) bool { return anyElement(t, func(x float64) bool { return x != x }) }
func hasInf(t *tensor.Tensor) bool {
	return anyElement(t, func(x float64) bool { return math.IsInf(x, 0) })
}

// anyElement reports whether f holds for an element of a floating-point tensor.
func anyElement(t *tensor.Tensor, f func(float64) bool) bool {
	switch t.DType() {
	case tensor.Float32:
		for _, x := range tensor.Data[float32](t) {
			if f(float64(x)) {
				return true
			}
		}
	case tensor.Float64:
		for _, x := range tensor.Data[float64](t) {
			if f(x) {
				return true
			}
		}
	}
	return false
}
