package finetune_test

import (
	"context"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// TestLossAfterBranch: a loss of what an If chooses, whose type is known only once it has chosen.
func TestLossAfterBranch(t *testing.T) {
	b := graph.NewBuilder(ops.Registry(), nil)
	b.Graph.Opsets[""] = 18
	x := b.Input("x", graph.TensorType(tensor.Float32, graph.Sym("batch"), graph.Size(6)))
	w := b.Const(filled(6, 3))
	w.Name = "fc.weight"
	h := b.Op("MatMul", x, w)
	branch := func(name, op string) graph.Attr {
		in := b.Sub(&graph.Graph{})
		in.Output(in.Op(op, h))
		return graph.GraphAttr(name, in.Graph)
	}
	positive := b.Op("Greater", b.Op("ReduceSum", x, graph.Int("keepdims", 0)), b.Const(tensor.Scalar(float32(0))))
	y := b.Op("If", positive, branch("then_branch", "Tanh"), branch("else_branch", "Neg"))
	y.Name = "logits"
	b.Output(y)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	m, err := finetune.New(b.Graph)
	if err != nil {
		t.Fatal(err)
	}
	step, err := finetune.NewStep(m, finetune.Config{Loss: loss.NewCrossEntropy(), Optimizer: optim.NewAdam(0.05)})
	if err != nil {
		t.Fatal(err)
	}
	batch := map[string]*tensor.Tensor{"x": filled(4, 6), "y": tensor.Ints(0, 1, 2, 1)}
	first, err := step.Run(context.Background(), batch)
	if err != nil {
		t.Fatal(err)
	}
	run(t, step, batch, 20)
	if last, err := step.Run(context.Background(), batch); err != nil || !(last.Loss < first.Loss) {
		t.Errorf("loss %v, then %v, %v", first.Loss, last.Loss, err)
	}
}
