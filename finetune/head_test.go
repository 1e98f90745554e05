package finetune_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx"
)

func lenet(t *testing.T) *finetune.Model {
	t.Helper()
	g, err := onnx.Load("../testdata/lenet5/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	m, err := finetune.New(g)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestNewHead gives LeNet-5 three classes, trains the head alone on a batch, and loads what is saved.
func TestNewHead(t *testing.T) {
	m := lenet(t)
	if err := m.NewHead("", finetune.Head{Classes: 3, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	if err := m.Freeze("*"); err != nil {
		t.Fatal(err)
	}
	if err := m.Unfreeze("head.*"); err != nil {
		t.Fatal(err)
	}
	if n := len(m.Trained()); n != 2 {
		t.Fatal(n, " parameters train, want weight and bias of the head")
	}
	s, err := finetune.NewStep(m, finetune.Config{Loss: loss.NewCrossEntropy(), Optimizer: optim.NewAdam(1e-2)})
	if err != nil {
		t.Fatal(err)
	}
	x := tensor.Must(tensor.New(tensor.Float32, 3, 1, 28, 28))
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(i%13) / 13 * float32(1+i/784)
	}
	batch := map[string]*tensor.Tensor{m.Graph.Inputs[0].Name: x, "y": tensor.Ints(0, 1, 2)}
	before := m.Param("head.weight").Value.Const.Clone()
	first, last := 0.0, 0.0
	for i := range 200 {
		r, err := s.Run(context.Background(), batch)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = r.Loss
		}
		last = r.Loss
	}
	if !(last < first/4) {
		t.Errorf("the loss went from %v to %v", first, last)
	}
	if before.Float(0) == m.Param("head.weight").Value.Const.Float(0) {
		t.Error("the head did not move")
	}
	m.Graph.Consts = append(m.Graph.Consts, &graph.Value{Name: "left.over", Const: before, Type: graph.TypeOf(before)})
	path := filepath.Join(t.TempDir(), "tuned.onnx")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	g, err := onnx.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range g.Consts {
		if v.Name == "left.over" {
			t.Error("a constant that nobody reads was saved")
		}
	}
	again, err := finetune.New(g)
	if err != nil {
		t.Fatal(err)
	}
	feeds := map[string]*tensor.Tensor{m.Graph.Inputs[0].Name: x}
	want, err := m.Run(context.Background(), feeds)
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Run(context.Background(), feeds)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !got["logits"].Shape().Equal(tensor.Shape{3, 3}) {
		t.Fatalf("outputs are %v", got)
	}
	for i := range 9 {
		if got["logits"].Float(i) != want["logits"].Float(i) {
			t.Fatal("the saved model computes something else")
		}
	}
}

// TestHeadRefused: where no head can be put, the error says why.
func TestHeadRefused(t *testing.T) {
	for cut, want := range map[string]string{"nowhere": `no value "nowhere"`} {
		if err := lenet(t).NewHead(cut, finetune.Head{Classes: 3}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("cut at %q: %v, want %q", cut, err, want)
		}
	}
	if err := lenet(t).NewHead("", finetune.Head{}); err == nil {
		t.Error("a head without classes was built")
	}
	if err := lenet(t).Freeze("nothing.*"); err == nil || !strings.Contains(err.Error(), "there are") {
		t.Errorf("a pattern that matches nothing: %v", err)
	}
}
