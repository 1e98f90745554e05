package adapter_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/adapter"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/models"
)

// LoRA on a transformer: the base is frozen, the adapter and a new head train; both are kept in a folder that PEFT reads, and merged into the weights they are a model of the
// old size.
func Example() {
	fail := func(err error) bool {
		if err != nil {
			fmt.Println(err)
		}
		return err != nil
	}
	// In place of onnx.Load: a small one, untrained.
	g, err := models.New("transformer_classifier", map[string]any{"vocabulary": 50, "positions": 8, "hidden": 16, "heads": 2, "inner": 32, "layers": 2, "classes": 4}, 1)
	if fail(err) {
		return
	}
	m, err := finetune.New(g)
	if fail(err) {
		return
	}
	if fail(m.NewHead("", finetune.Head{Classes: 2})) { // before the adapter, which then trains and keeps it
		return
	}
	set, err := adapter.New(m)
	if fail(err) {
		return
	}
	for _, l := range set.Layers()[:3] {
		fmt.Println(l.Name, l.Kind)
	}
	cfg := adapter.LoRAConfig(4, adapter.AllLinear)
	cfg.SavedModules = []string{"head"}
	a, err := set.Add("words", cfg)
	if fail(err) || fail(set.Activate("words")) {
		return
	}
	step, err := finetune.NewStep(m, finetune.Config{Loss: loss.NewCrossEntropy(), Optimizer: optim.NewAdamW(1e-2)})
	if fail(err) {
		return
	}
	batch := map[string]*tensor.Tensor{
		"tokens":  tensor.Must(tensor.Of([]int64{7, 1, 2, 3, 9, 1, 2, 3}, 2, 4)),
		"padding": tensor.Must(tensor.New(tensor.Bool, 2, 4)), // true where there is no token
		"y":       tensor.Ints(0, 1),
	}
	var first, last finetune.Result
	for i := range 20 {
		if last, err = step.Run(context.Background(), batch); fail(err) {
			return
		}
		if i == 0 {
			first = last
		}
	}
	fmt.Println("learns:", last.Loss < first.Loss/2)
	dir, err := os.MkdirTemp("", "words")
	if fail(err) {
		return
	}
	defer os.RemoveAll(dir)
	if fail(a.Save(dir)) || fail(set.Merge()) || fail(m.Save(filepath.Join(dir, "merged.onnx"))) {
		return
	}
	// Output:
	// token_embedding embedding
	// position_embedding embedding
	// encoder.layers.0.self_attn.in_proj_weight linear
	// learns: true
}
