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

// TestFullModelsAllocateNothing runs the models in the folder ONNXRUN_FULL, each a folder NAME with model.onnx and test_data_set_0/input_0.pb …
// again and again: with the same sizes, nothing is allocated but for outputs whose sizes depend on data.
func TestFullModelsAllocateNothing(t *testing.T) {
	dir := os.Getenv("ONNXRUN_FULL")
	if dir == "" {
		t.Skip("ONNXRUN_FULL names no folder of models")
	}
	models, err := filepath.Glob(filepath.Join(dir, "*", "model.onnx"))
	if err != nil || models == nil {
		t.Fatalf("no models in %s: %v", dir, err)
	}
	for _, path := range models {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			g, err := onnx.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := graph.Resolve(ops.Registry(), g); err != nil {
				t.Fatal(err)
			}
			s, err := runtime.Compile(g)
			if err != nil {
				t.Fatal(err)
			}
			in := make([]*tensor.Tensor, len(s.Inputs()))
			for i, v := range s.Inputs() {
				b, err := os.ReadFile(filepath.Join(filepath.Dir(path), "test_data_set_0", fmt.Sprintf("input_%d.pb", i)))
				if err != nil {
					t.Skip(err)
				}
				if _, in[i], err = onnx.ReadTensor(b, v.Type); err != nil {
					t.Fatal(err)
				}
			}
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
}
