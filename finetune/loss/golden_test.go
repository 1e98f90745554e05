package loss_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/onnxrun/onnxrun/finetune/autodiff"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/npy"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// goldenCase is a loss with its value and gradients, computed by PyTorch in float64.
type goldenCase struct {
	Name           string         `json:"name"`
	Loss           string         `json:"loss"`
	Parameters     map[string]any `json:"parameters"`
	Inputs         []string       `json:"inputs"`
	Differentiable []string       `json:"differentiable"`
	NotFinite      bool           `json:"not_finite"`
	Tolerance      float64        `json:"tolerance"`
}

func trainingRoot(t *testing.T) string {
	root := os.Getenv("ONNXRUN_TRAINING")
	if root == "" {
		t.Skip("ONNXRUN_TRAINING does not name the folder of training goldens")
	}
	return root
}

// TestGoldenLosses holds losses to every case of losses.json.
func TestGoldenLosses(t *testing.T) {
	root := trainingRoot(t)
	raw, err := os.ReadFile(filepath.Join(root, "losses.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct{ Cases []goldenCase }
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatal(err)
	}
	if raw, err = os.ReadFile(filepath.Join(root, "losses.npz")); err != nil {
		t.Fatal(err)
	}
	list, err := npy.ReadZip(bytes.NewReader(raw), int64(len(raw)), 1<<26)
	if err != nil {
		t.Fatal(err)
	}
	arrays := map[string]*tensor.Tensor{}
	for _, a := range list {
		arrays[a.Name] = a.Tensor
	}
	for _, c := range index.Cases {
		t.Run(c.Name, func(t *testing.T) { goldenLoss(t, c, arrays) })
	}
}

// constants are inputs of PyTorch's functions that are parameters here, of the losses that are not weighed by element.
func (c *goldenCase) constant(input string) bool {
	return input == "pos_weight" || input == "weight" && c.Loss != "bce" && c.Loss != "bce_with_logits"
}

// target reports whether an input is a target; the others are outputs.
func target(input string) bool {
	switch input {
	case "target", "targets", "weight", "input_lengths", "target_lengths":
		return true
	}
	return false
}

func goldenLoss(t *testing.T, c goldenCase, arrays map[string]*tensor.Tensor) {
	params := c.Parameters
	b := graph.NewBuilder(ops.Registry(), nil)
	var out, targets []*graph.Value
	var feeds []*tensor.Tensor
	values := map[string]*graph.Value{}
	for _, name := range c.Inputs {
		x := arrays[c.Name+"/"+name]
		if x == nil {
			t.Fatalf("no array %s/%s", c.Name, name)
		}
		if c.constant(name) {
			params[name] = list(x)
			continue
		}
		v := b.Input(name, graph.TypeOf(x))
		values[name] = v
		feeds = append(feeds, x)
		if target(name) {
			targets = append(targets, v)
		} else {
			out = append(out, v)
		}
	}
	l, err := loss.New(c.Loss, params)
	if err != nil {
		t.Fatal(err)
	}
	types := make([]graph.Type, len(out))
	for i, v := range out {
		types[i] = v.Type
	}
	for i, w := range l.Targets(types) {
		if i >= len(targets) {
			t.Fatalf("wants a target %q", w.Name)
		}
		if n := targets[i].Type; w.Type.Ranked && n.DType == w.Type.DType && len(n.Shape) != len(w.Type.Shape) && c.Loss != "ctc" {
			t.Errorf("declares its target as %s, gets %s", w.Type, n)
		}
	}
	y := l.Of(b, out, targets)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	value := y
	if y.Type.Rank() != 0 {
		y = b.Op("ReduceSum", y, graph.Int("keepdims", 0))
	}
	var wrt []*graph.Value
	for _, name := range c.Differentiable {
		wrt = append(wrt, values[name])
	}
	grads, err := autodiff.Gradients(ops.Registry(), b.Graph, y, wrt)
	if err != nil {
		t.Fatal(err)
	}
	b.Output(value)
	for _, g := range grads {
		if g == nil {
			t.Fatal("an output has no gradient")
		}
		b.Output(g)
	}
	got := run(t, b.Graph, feeds)
	want := []*tensor.Tensor{arrays[c.Name+"/value"]}
	for _, name := range c.Differentiable {
		want = append(want, arrays[c.Name+"/grad_"+name])
	}
	for i, w := range want {
		if d := far(got[i], w, c.Tolerance); d != "" {
			t.Errorf("result %d: %s", i, d)
		}
	}
}

func list(x *tensor.Tensor) any {
	v := make([]any, x.Len())
	for i := range v {
		v[i] = x.Float(i)
	}
	if x.Rank() == 0 {
		return v[0]
	}
	return v
}

func run(t *testing.T, g *graph.Graph, feeds []*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	s, err := runtime.Compile(g)
	if err != nil {
		t.Fatalf("%v\n%s", err, g)
	}
	got := make([]*tensor.Tensor, len(g.Outputs))
	if err := s.RunInto(context.Background(), feeds, got); err != nil {
		t.Fatalf("%v\n%s", err, g)
	}
	return got
}

// far says how got differs from want, whose largest magnitude the tolerance refers to, or "". What is not finite must be the same.
func far(got, want *tensor.Tensor, tolerance float64) string {
	if !got.Shape().Equal(want.Shape()) {
		return fmt.Sprintf("%s, want shape %v", got, want.Shape())
	}
	top := 1e-6
	for i := range want.Len() {
		if w := math.Abs(want.Float(i)); !math.IsInf(w, 0) && w > top {
			top = w
		}
	}
	for i := range want.Len() {
		g, w := got.Float(i), want.Float(i)
		if g == w || math.IsNaN(g) && math.IsNaN(w) {
			continue
		}
		if d := math.Abs(g-w) / top; !(d <= tolerance) {
			return fmt.Sprintf("element %d is %v, want %v; %.2g of the largest, allowed %.2g", i, g, w, d, tolerance)
		}
	}
	return ""
}
