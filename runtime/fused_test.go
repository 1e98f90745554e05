package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// coarse are the models whose values are rounded to few bits on the way, so that another order of rounding shows: what may differ, of the largest.
// Fused operators round less often.
var coarse = map[string]float64{
	"bert_bfloat16.dy": 2e-2, "bert_bfloat16.ts": 2e-2, "mlp_bfloat16.dy": 2e-2, "mlp_bfloat16.ts": 2e-2, "bert_float16": 5e-3, "gpt2_float16_io": 5e-3,
	"mobilenet_v2_13_float16_io": 0.1, "resnet18_13_float16": 1e-2, // plain operators round each result to float16
	"bert_dynamic_int8": 2e-2, // a step of the quantization
	"yolov8_float16":    0.2,  // its golden, of ONNX Runtime, is 17 away from the model in float32; the largest value is about 400
}

// TestFusedZoo holds every model of the zoo as it runs here against itself without private operators.
func TestFusedZoo(t *testing.T) {
	zoo := os.Getenv("ONNXRUN_ZOO")
	if zoo == "" {
		t.Skip("ONNXRUN_ZOO does not name the folder of small models")
	}
	models, err := filepath.Glob(filepath.Join(zoo, "small", "*", "model.onnx"))
	if err != nil || len(models) == 0 {
		t.Fatal("no models in ", zoo)
	}
	ran := 0
	for _, path := range models {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			g, err := onnx.Load(path)
			if err != nil {
				t.Skip(err)
			}
			plain, err := runtime.Compile(g, runtime.WithPasses(pass.Inference...))
			if err != nil {
				if !errors.Is(err, graph.ErrUnsupported) {
					t.Fatal(err)
				}
				t.Skip("operators that are not there, of com.microsoft for the most part: ", err)
			}
			in := zooInputs(t, filepath.Dir(path), g)
			if in == nil {
				t.Skip("inputs are no tensors")
			}
			fused, err := runtime.Compile(g)
			if err != nil {
				t.Fatal(err)
			}
			want, got := make([]*tensor.Tensor, len(g.Outputs)), make([]*tensor.Tensor, len(g.Outputs))
			if err := plain.RunInto(context.Background(), in, want); err != nil {
				t.Fatal(err)
			}
			if err := fused.RunInto(context.Background(), in, got); err != nil {
				t.Fatal(err)
			}
			for i := range want {
				abs := 1e-5
				if d := want[i].DType(); d.IsFloat() {
					abs = 1e-4 * largest(want[i])
				}
				if k := coarse[filepath.Base(filepath.Dir(path))]; k > 0 {
					abs = k * largest(want[i])
				}
				if d := optest.Diff(got[i], want[i], 1e-3, abs); d != "" {
					t.Errorf("output %d: %s", i, d)
				}
			}
			ran++
		})
	}
	t.Logf("%d of %d models compared", ran, len(models))
}

// zooInputs are the inputs of a model's first data set, nil when they are not all tensors.
func zooInputs(t *testing.T, dir string, g *graph.Graph) []*tensor.Tensor {
	in := make([]*tensor.Tensor, len(g.Inputs))
	for i := range in {
		raw, err := os.ReadFile(filepath.Join(dir, "test_data_set_0", fmt.Sprintf("input_%d.pb", i)))
		if err != nil || g.Inputs[i].Type.DType.IsContainer() {
			return nil
		}
		if _, in[i], err = onnx.ReadTensor(raw, g.Inputs[i].Type); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

// largest is the largest finite magnitude in x.
func largest(x *tensor.Tensor) float64 {
	top := 0.0
	for i := range x.Len() {
		if v := math.Abs(x.Float(i)); v > top && !math.IsInf(v, 0) {
			top = v
		}
	}
	return top
}
