package runtime_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// eachFullModel calls f with the models in the folder ONNXRUN_FULL, each a folder NAME with model.onnx and test_data_set_0/input_0.pb …
func eachFullModel(t *testing.T, f func(t *testing.T, path string)) {
	t.Helper()
	dir := os.Getenv("ONNXRUN_FULL")
	if dir == "" {
		t.Skip("ONNXRUN_FULL names no folder of models")
	}
	models, err := filepath.Glob(filepath.Join(dir, "*", "model.onnx"))
	if err != nil || models == nil {
		t.Fatalf("no models in %s: %v", dir, err)
	}
	for _, path := range models {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) { f(t, path) })
	}
}

// fullModel is the model in the file.
func fullModel(t *testing.T, path string) *graph.Graph {
	t.Helper()
	g, err := onnx.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := graph.Resolve(ops.Registry(), g); err != nil {
		t.Fatal(err)
	}
	return g
}

// fullInputs are the inputs of s in the folder set.
func fullInputs(t *testing.T, s *runtime.Session, set string) []*tensor.Tensor {
	t.Helper()
	in := make([]*tensor.Tensor, len(s.Inputs()))
	for i, v := range s.Inputs() {
		b, err := os.ReadFile(filepath.Join(set, fmt.Sprintf("input_%d.pb", i)))
		if err != nil {
			t.Skip(err)
		}
		if _, in[i], err = onnx.ReadTensor(b, v.Type); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

// TestFullModelsAllocateNothing runs the models again and again: with the same sizes, nothing is allocated but for outputs whose sizes depend on data.
func TestFullModelsAllocateNothing(t *testing.T) {
	eachFullModel(t, func(t *testing.T, path string) {
		s := compile(t, fullModel(t, path))
		in := fullInputs(t, s, filepath.Join(filepath.Dir(path), "test_data_set_0"))
		out := make([]*tensor.Tensor, len(s.Outputs()))
		run := func() {
			if err := s.RunInto(context.Background(), in, out); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			run()
		}
		if n := testing.AllocsPerRun(3, run); n > 0 {
			t.Errorf("%v allocations a run", n)
		}
	})
}
