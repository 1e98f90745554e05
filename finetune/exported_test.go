package finetune_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/adapter"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/npy"
	"github.com/onnxrun/onnxrun/onnx"
)

// TestTrainedExports trains every model of the folder ONNXRUN_MODELS for a few steps, as a whole and by adapters that are then merged, and leaves in ONNXRUN_EXPORT what is
// saved, with inputs and outputs, for scripts/trained_ort.py to compare with ONNX Runtime. Models that do not train are listed.
func TestTrainedExports(t *testing.T) {
	from, to := os.Getenv("ONNXRUN_MODELS"), os.Getenv("ONNXRUN_EXPORT")
	if from == "" || to == "" {
		t.Skip("ONNXRUN_MODELS and ONNXRUN_EXPORT name no folders")
	}
	files, err := filepath.Glob(filepath.Join(from, "*.onnx"))
	if err != nil || files == nil {
		t.Fatal("no models: ", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".onnx")
		t.Run(name, func(t *testing.T) {
			feeds := readInputs(t, strings.TrimSuffix(file, ".onnx")+".npz")
			trainAndExport(t, file, filepath.Join(to, name), feeds, false)
			trainAndExport(t, file, filepath.Join(to, name+"+lora"), feeds, true)
		})
	}
}

// leaveOut ends the test of a model that cannot train: for operators that are not supported, for lack of weights, or since the
// number of boxes that it gives changes. Any other error is a failure.
func leaveOut(t *testing.T, err error) {
	t.Helper()
	for _, known := range []string{"no parameter trains", "depends on none"} {
		if strings.Contains(err.Error(), known) {
			t.Skip("does not train: ", err)
		}
	}
	if errors.Is(err, graph.ErrShape) {
		t.Skip("gives outputs of another size after a step, which the target does not follow: ", err)
	}
	if errors.Is(err, graph.ErrUnsupported) {
		t.Skip("is not supported: ", err)
	}
	t.Fatal(err)
}

// trainAndExport trains the first output that is floating point towards zeros.
func trainAndExport(t *testing.T, file, to string, feeds map[string]*tensor.Tensor, lora bool) {
	g, err := onnx.Load(file)
	if err != nil {
		leaveOut(t, err)
	}
	m, err := finetune.New(g)
	if err != nil {
		leaveOut(t, err)
	}
	out, err := m.Run(context.Background(), feeds)
	if err != nil {
		leaveOut(t, err)
	}
	at := -1
	for i, v := range m.Graph.Outputs {
		if d := out[v.Name].DType(); at < 0 && (d == tensor.Float32 || d == tensor.Float64) {
			at = i
		}
	}
	if at < 0 {
		t.Skip("does not train: no output is floating point")
	}
	target := out[m.Graph.Outputs[at].Name].Clone()
	clear(target.Bytes())
	batch := map[string]*tensor.Tensor{"y": target}
	for k, v := range feeds {
		batch[k] = v
	}
	var set *adapter.Set
	if lora {
		if set, err = adapter.New(m); err == nil {
			_, err = set.Add("default", adapter.LoRAConfig(4, "all-linear"))
		}
		if err != nil {
			t.Log("no adapters: ", err)
			return
		}
	}
	l, err := loss.New("mse", map[string]any{"output": at})
	if err != nil {
		t.Fatal(err)
	}
	s, err := finetune.NewStep(m, finetune.Config{Loss: l, Optimizer: optim.NewAdam(1e-4), Clip: finetune.Clip{Norm: 1}})
	if err != nil {
		leaveOut(t, err)
	}
	for range 3 {
		if _, err := s.Run(context.Background(), batch); err != nil {
			leaveOut(t, err)
		}
	}
	if set != nil {
		if err := set.Merge(); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Save(to + ".onnx"); err != nil {
		t.Fatal(err)
	}
	again, err := onnx.Load(to + ".onnx")
	if err != nil {
		t.Fatal(err)
	}
	saved, err := finetune.New(again)
	if err != nil {
		t.Fatal(err)
	}
	if out, err = saved.Run(context.Background(), feeds); err != nil {
		t.Fatal(err)
	}
	var arrays []npy.Named
	for k, v := range feeds {
		arrays = append(arrays, npy.Named{Name: "in/" + k, Tensor: v})
	}
	for k, v := range out {
		if v.DType().IsContainer() {
			t.Skip("has an output that is no array: ", k)
		}
		arrays = append(arrays, npy.Named{Name: "out/" + k, Tensor: v})
	}
	f, err := os.Create(to + ".npz")
	if err == nil {
		err = npy.WriteZip(f, arrays)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func readInputs(t *testing.T, file string) map[string]*tensor.Tensor {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := npy.ReadZip(f, info.Size(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	feeds := map[string]*tensor.Tensor{}
	for _, a := range arrays {
		if name, ok := strings.CutPrefix(strings.TrimSuffix(a.Name, ".npy"), "in/"); ok {
			feeds[name] = a.Tensor
		}
	}
	return feeds
}
