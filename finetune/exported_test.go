package finetune_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/adapter"
	"github.com/onnxrun/onnxrun/finetune/compress"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/npy"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime"
)

// tuning is a way to fine-tune a model. It prepares the model, and returns what is left to do when the training is over, or nil. It returns an error for
// a model that the way is not for.
type tuning func(m *finetune.Model, feeds map[string]*tensor.Tensor) (finish func() error, err error)

var (
	lora       = adapter.Config{Type: adapter.LoRA, R: 4, Alpha: 8, Init: adapter.RandomInit, Dropout: 0.1, Targets: []string{adapter.AllLinear}}
	everywhere = adapter.Config{Type: adapter.LoRA, R: 4, Alpha: 8, Init: adapter.RandomInit, TargetPattern: ".*"}
	dora       = adapter.Config{Type: adapter.LoRA, R: 4, Alpha: 8, Init: adapter.RandomInit, Dropout: 0.1, Targets: []string{adapter.AllLinear}, DoRA: true}
	ia3        = adapter.Config{Type: adapter.IA3, Targets: []string{adapter.AllLinear}}
)

var tunings = []struct {
	name string
	tuning
}{
	{"whole", func(*finetune.Model, map[string]*tensor.Tensor) (func() error, error) { return nil, nil }},
	{"head", newHead},
	{"lora", adapted(false, lora)},
	{"lora-merged", adapted(true, lora)},
	{"lora-everywhere", adapted(false, everywhere)}, // in convolutions and embeddings, too
	{"lora-everywhere-merged", adapted(true, everywhere)},
	{"dora", adapted(false, dora)},
	{"dora-merged", adapted(true, dora)},
	{"ia3", adapted(false, ia3)},
	{"ia3-merged", adapted(true, ia3)},
	{"three", adapted(false, lora, ia3, dora)},
	{"three-merged", adapted(true, lora, ia3, dora)},
	{"prompt", adapted(false, adapter.Config{Type: adapter.PromptTuning, VirtualTokens: 3})},
	{"prefix", adapted(false, adapter.Config{Type: adapter.PrefixTuning, VirtualTokens: 3})},
	{"pruned", prune},
	{"int8", quantize},
}

// TestTrainedExports fine-tunes every model of the folder ONNXRUN_MODELS in every way for a few steps, and leaves in ONNXRUN_EXPORT what is saved, with inputs
// and outputs, for scripts/trained_ort.py to compare with ONNX Runtime. Models that do not train are skipped with the reason.
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
			t.Run("untrained", func(t *testing.T) { untrained(t, file, filepath.Join(to, name+"+untrained"), feeds) })
			for _, w := range tunings {
				left := false
				t.Run(w.name, func(t *testing.T) {
					left = true
					tuneAndExport(t, file, filepath.Join(to, name+"+"+w.name), feeds, w.tuning)
					left = false
				})
				if left && w.name == "whole" {
					return
				}
			}
		})
	}
}

// untrained saves a model of float32 as it is.
func untrained(t *testing.T, file, to string, feeds map[string]*tensor.Tensor) {
	g, err := onnx.Load(file)
	if err != nil {
		leaveOut(t, err)
	}
	g.Walk(func(g *graph.Graph, _ *graph.Node) bool {
		for _, v := range slices.Concat(g.Inputs, g.Outputs, g.Consts) {
			switch v.Type.DType {
			case tensor.Float16, tensor.BFloat16, tensor.Int8, tensor.Uint8, tensor.Int4, tensor.Uint4:
				t.Skip("computes in another type: ", v.Type)
			}
		}
		return true
	})
	m, err := finetune.New(g)
	if err != nil {
		leaveOut(t, err)
	}
	export(t, m, to, feeds)
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
	if bad := (*finetune.NotFinite)(nil); errors.As(err, &bad) {
		t.Skip("has no finite loss: ", err) // as of logarithms of weights that are pruned
	}
	if errors.Is(err, graph.ErrUnsupported) {
		t.Skip("is not supported: ", err)
	}
	t.Fatal(err)
}

// adapted adds adapters, all of them active.
func adapted(merge bool, configs ...adapter.Config) tuning {
	return func(m *finetune.Model, _ map[string]*tensor.Tensor) (func() error, error) {
		set, err := adapter.New(m)
		if err != nil {
			return nil, err
		}
		var names []string
		for i, c := range configs {
			names = append(names, string(rune('a'+i)))
			if _, err := set.Add(names[i], c); err != nil {
				return nil, err
			}
		}
		if err := set.Activate(names...); err != nil || !merge {
			return nil, err
		}
		return set.Merge, nil
	}
}

// newHead replaces what follows the input of the last linear layer by a layer of three classes.
func newHead(m *finetune.Model, _ map[string]*tensor.Tensor) (func() error, error) {
	if m.NewHead("", finetune.Head{Classes: 3}) == nil {
		return nil, nil
	}
	return nil, m.NewHead("", finetune.Head{Classes: 3, Pool: true})
}

// matrices are the parameters of linear layers, convolutions and embeddings.
func matrices(m *finetune.Model) []*finetune.Param {
	return slices.DeleteFunc(m.Trained(), func(p *finetune.Param) bool { return p.Value.Const.Rank() < 2 })
}

func prune(m *finetune.Model, _ map[string]*tensor.Tensor) (func() error, error) {
	return nil, compress.Magnitude(matrices(m), 0.5, false)
}

// quantize trains for int8: weights, and what linear layers and convolutions read, in the range that they have for feeds.
func quantize(m *finetune.Model, feeds map[string]*tensor.Tensor) (func() error, error) {
	observed, outs := m.Graph.Clone(), map[string]bool{}
	for _, v := range observed.Outputs {
		outs[v.Name] = true
	}
	read := map[string]bool{}
	for _, n := range observed.Nodes {
		if n.Op.Domain != "" || !slices.Contains([]string{"MatMul", "Gemm", "Conv"}, n.Op.Name) {
			continue
		}
		for _, v := range n.In[:2] {
			if v.Const == nil && !outs[v.Name] && !slices.Contains(observed.Inputs, v) {
				observed.Outputs, outs[v.Name] = append(observed.Outputs, v), true
			}
			read[v.Name] = v.Const == nil
		}
	}
	watch, err := finetune.New(observed)
	if err != nil {
		return nil, err
	}
	values, err := watch.Run(context.Background(), feeds)
	if err != nil {
		return nil, err
	}
	ranges := map[string]compress.Range{}
	for name, activation := range read {
		x := values[name]
		if x == nil {
			x = feeds[name]
		}
		if !activation || x == nil || x.DType() != tensor.Float32 {
			continue
		}
		lo, hi := math.Inf(1), math.Inf(-1)
		for i := range x.Len() {
			lo, hi = min(lo, x.Float(i)), max(hi, x.Float(i))
		}
		ranges[name] = compress.RangeOf(lo, hi)
	}
	if err := compress.FakeQuantize(m, matrices(m), ranges); err != nil {
		return nil, err
	}
	return func() error { return compress.Finish(m) }, nil
}

// tuneAndExport trains the first output that is floating point towards zeros.
func tuneAndExport(t *testing.T, file, to string, feeds map[string]*tensor.Tensor, how tuning) {
	g, err := onnx.Load(file)
	if err != nil {
		leaveOut(t, err)
	}
	m, err := finetune.New(g)
	if err != nil {
		leaveOut(t, err)
	}
	finish, err := how(m, feeds)
	if err != nil {
		t.Skip("is not a model for this: ", err)
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
	if finish != nil {
		if err := finish(); err != nil {
			leaveOut(t, err)
		}
	}
	export(t, m, to, feeds)
}

// export saves the model, and what the session of the file computes.
func export(t *testing.T, m *finetune.Model, to string, feeds map[string]*tensor.Tensor) {
	if err := m.Save(to + ".onnx"); err != nil {
		t.Fatal(err)
	}
	again, err := onnx.Load(to + ".onnx")
	if err != nil {
		t.Fatal(err)
	}
	session, err := runtime.Compile(again)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	out, err := session.Run(context.Background(), feeds)
	if err != nil {
		leaveOut(t, err)
	}
	before, err := m.Run(context.Background(), feeds)
	if err != nil {
		t.Fatal(err)
	}
	half := slices.ContainsFunc(again.Consts, func(v *graph.Value) bool { return v.Type.DType == tensor.Float16 }) // float32 while they train
	var arrays []npy.Named
	for _, v := range again.Inputs { // a new head may need fewer of them
		arrays = append(arrays, npy.Named{Name: "in/" + v.Name, Tensor: feeds[v.Name]})
	}
	for k, v := range out {
		if v.DType().IsContainer() {
			t.Skip("has an output that is no array: ", k)
		}
		if b := before[k]; !half && v.DType() != tensor.String && !bytes.Equal(v.Bytes(), b.Bytes()) {
			t.Errorf("%s of the file is not that of the model", k)
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
