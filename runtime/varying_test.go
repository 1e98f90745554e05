package runtime_test

import (
	"context"
	"errors"
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

// TestVaryingSizesMismatch: a value whose size depends on data meets one of a fixed size. What is planned for the size that fits is refused for any other, be
// it less, which a kernel cannot read, or more, of which it would leave out the rest.
func TestVaryingSizesMismatch(t *testing.T) {
	b := graph.NewBuilder(ops.Registry(), nil)
	x := b.Input("x", graph.TensorType(tensor.Float32, graph.Size(8)))
	y := b.Input("y", graph.TensorType(tensor.Float32, graph.Size(4), graph.Size(3)))
	rows := b.Op("Unsqueeze", b.Op("Compress", x, b.Op("Greater", x, b.Scalar(tensor.Float32, 0))), b.Ints(1))
	b.Output(b.Op("ReduceSum", b.Op("Mul", rows, y), graph.Int("keepdims", 0)))
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	s, err := runtime.Compile(b.Graph)
	if err != nil {
		t.Fatal(err)
	}
	ones := tensor.Must(tensor.Of([]float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 4, 3))
	for n := range 9 {
		data := make([]float32, 8)
		for i := range n {
			data[i] = float32(i + 1)
		}
		out, err := s.Run(context.Background(), map[string]*tensor.Tensor{"x": tensor.Must(tensor.Of(data, 8)), "y": ones})
		switch {
		case n == 4 || n == 1:
			if want := float32(map[int]int{4: 30, 1: 12}[n]); err != nil || tensor.Data[float32](out[b.Graph.Outputs[0].Name])[0] != want {
				t.Errorf("%d rows: %v, %v, want %v", n, out, err, want)
			}
		case !errors.Is(err, graph.ErrShape):
			t.Errorf("%d rows of 4: %v, %v, want an error of shapes", n, out, err)
		}
	}
}
