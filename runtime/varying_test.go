package runtime_test

import (
	"context"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// TestVaryingSizes: a value whose size depends on data, read by a node whose result has a fixed size, is as large as it is in each run.
func TestVaryingSizes(t *testing.T) {
	b := graph.NewBuilder(ops.Registry(), nil)
	x := b.Input("x", graph.TensorType(tensor.Float32, graph.Size(64), graph.Size(3)))
	keep := b.Op("ReduceMax", x, b.Ints(1), graph.Int("keepdims", 0))
	chosen := b.Op("Compress", x, b.Op("Greater", keep, b.Scalar(tensor.Float32, 0)), graph.Int("axis", 0))
	b.Output(b.Op("ReduceSum", b.Op("Mul", chosen, chosen), graph.Int("keepdims", 0)))
	b.Output(b.Op("ReduceMean", chosen, b.Ints(0), graph.Int("keepdims", 0)))
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	s, err := runtime.Compile(b.Graph)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{5, 60, 1, 64, 7, 63} {
		data := make([]float32, 64*3)
		for i := range data {
			if data[i] = -1; i/3 < n {
				data[i] = 2
			}
		}
		out, err := s.Run(context.Background(), map[string]*tensor.Tensor{"x": tensor.Must(tensor.Of(data, 64, 3))})
		if err != nil {
			t.Fatal(n, err)
		}
		for _, v := range b.Graph.Outputs {
			want := float32(12 * n)
			if v != b.Graph.Outputs[0] {
				want = 2
			}
			if got := tensor.Data[float32](out[v.Name])[0]; got != want {
				t.Errorf("%d rows: %s is %v, want %v", n, v.Name, got, want)
			}
		}
	}
}
