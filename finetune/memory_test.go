package finetune_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/data"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/models"
)

// deepNet is a network of 24 layers with dropout, and a batch for it.
func deepNet(t *testing.T) (*finetune.Model, map[string]*tensor.Tensor) {
	t.Helper()
	sizes := []int{16}
	for range 24 {
		sizes = append(sizes, 32)
	}
	g, err := models.MLP(append(sizes, 4), "gelu", 0.1, 1)
	if err != nil {
		t.Fatal(err)
	}
	m, err := finetune.New(g)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	x, y := make([]float32, 256*16), make([]int64, 256)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	for i := range y {
		y[i] = int64(rng.IntN(4))
	}
	return m, map[string]*tensor.Tensor{"input": tensor.Must(tensor.Of(x, 256, 16)), "y": tensor.Must(tensor.Of(y, 256))}
}

// TestSegments: computing segments again gives the same bits as keeping everything, dropout included, in much less memory.
func TestSegments(t *testing.T) {
	var keep *finetune.Step
	for _, segments := range []int{0, 5} {
		m, batch := deepNet(t)
		s, err := finetune.NewStep(m, finetune.Config{Loss: loss.NewCrossEntropy(), Optimizer: optim.NewAdamW(1e-3), Segments: segments, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := s.Run(context.Background(), batch); err != nil {
				t.Fatal(err)
			}
		}
		if keep == nil {
			keep = s
			continue
		}
		sameState(t, keep, s)
		if a, b := keep.ArenaBytes(), s.ArenaBytes(); b > a*2/3 {
			t.Errorf("%d bytes where segments are computed again, %d where all is kept", b, a)
		}
	}
}

// TestFeatures: the part that does not train, run once per sample, and the rest trained on what came out, are the whole model trained.
func TestFeatures(t *testing.T) {
	ctx := context.Background()
	_, batch := deepNet(t)
	ds, err := data.Arrays(data.Array{Name: "input", Tensor: batch["input"]}, data.Array{Name: "y", Tensor: batch["y"]})
	if err != nil {
		t.Fatal(err)
	}
	cfg := finetune.Config{Loss: loss.NewCrossEntropy(), Optimizer: optim.NewSGD(0.1)}
	g, err := models.MLP([]int{16, 32, 32, 4}, "relu", 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	m, err := finetune.New(g)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := finetune.New(g)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []*finetune.Model{m, whole} {
		if err := x.TrainLast(2); err != nil {
			t.Fatal(err)
		}
	}
	first, rest, err := m.Split()
	if err != nil {
		t.Fatal(err)
	}
	features, err := finetune.Features(ctx, first, ds, 64, 0)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(features.Fields()); n != 2 || features.Len() != 256 {
		t.Fatalf("%d fields of %d samples", n, features.Len())
	}
	train := func(x *finetune.Model, ds data.Dataset) *finetune.Step {
		s, err := finetune.NewStep(x, cfg)
		if err != nil {
			t.Fatal(err)
		}
		l, err := data.NewLoader(ds, data.Options{Batch: 32, Shuffle: true, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (&finetune.Trainer{Step: s, Data: l, Epochs: 2}).Run(ctx); err != nil {
			t.Fatal(err)
		}
		return s
	}
	sameState(t, train(whole, ds), train(rest, features))
	for i, p := range m.Params { // and the model has what its rest learned
		if string(p.Value.Const.Bytes()) != string(whole.Params[i].Value.Const.Bytes()) {
			t.Errorf("%s differs", p.Name)
		}
	}
	if _, err := finetune.Features(ctx, first, ds, 64, 100); err == nil {
		t.Error("features took more memory than they may")
	}
}
