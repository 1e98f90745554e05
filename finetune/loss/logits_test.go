package loss_test

import (
	"testing"

	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// TestLogits: what a Softmax over classes or a Sigmoid was computed from is found, and nothing else is taken for it.
func TestLogits(t *testing.T) {
	b := graph.NewBuilder(ops.Registry(), nil)
	x := b.Input("x", graph.TensorType(tensor.Float32, graph.Sym("n"), graph.Size(5)))
	for name, c := range map[string]struct{ v, want *graph.Value }{
		"softmax":           {b.Op("Softmax", x), x},
		"softmax of axis 1": {b.Op("Identity", b.Op("Softmax", x, graph.Int("axis", 1))), x},
		"softmax of axis 0": {b.Op("Softmax", x, graph.Int("axis", 0)), nil},
		"sigmoid":           {b.Op("Sigmoid", x), x},
		"relu":              {b.Op("Relu", x), nil},
		"input":             {x, nil},
	} {
		if got := loss.Logits(c.v); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	y := b.Input("y", graph.TensorType(tensor.Int64, graph.Sym("n")))
	n := len(b.Graph.Nodes)
	loss.OnLogits(loss.NewCrossEntropy()).Of(b, []*graph.Value{b.Op("Softmax", x)}, []*graph.Value{y})
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	found := false
	for _, k := range b.Graph.Nodes[n+1:] {
		for _, v := range k.In {
			found = found || v == x
		}
	}
	if !found {
		t.Error("the loss does not read the logits")
	}
}
