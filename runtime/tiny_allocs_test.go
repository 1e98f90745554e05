package runtime_test

import (
	"context"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// TestNoAllocationsTiny: recurrent layers, trees and linear models take no memory in the steady state.
func TestNoAllocationsTiny(t *testing.T) {
	weights := func(b *graph.Builder, shape ...int) *graph.Value {
		x, err := tensor.New(tensor.Float32, shape...)
		if err != nil {
			t.Fatal(err)
		}
		return b.Const(x)
	}
	ints := func(name string, v ...int64) graph.Attr { return graph.Attr{Name: name, Value: v} }
	floats := func(name string, v ...float32) graph.Attr { return graph.Attr{Name: name, Value: v} }
	x := func(b *graph.Builder, shape ...int) *graph.Value {
		return b.Input("x", matrix(graph.Dims(shape...)...))
	}
	for name, build := range map[string]func(b *graph.Builder) []*graph.Value{
		"lstm": func(b *graph.Builder) []*graph.Value {
			return b.OpN(3, "LSTM", x(b, 9, 2, 5), weights(b, 2, 160, 5), weights(b, 2, 160, 40), weights(b, 2, 320), graph.Str("direction", "bidirectional"))
		},
		"lstm, units shared": func(b *graph.Builder) []*graph.Value {
			return b.OpN(1, "LSTM", x(b, 9, 1, 5), weights(b, 1, 1024, 5), weights(b, 1, 1024, 256))
		},
		"gru": func(b *graph.Builder) []*graph.Value {
			return b.OpN(2, "GRU", x(b, 9, 20, 5), weights(b, 1, 120, 5), weights(b, 1, 120, 40), weights(b, 1, 240))
		},
		"rnn": func(b *graph.Builder) []*graph.Value {
			return b.OpN(2, "RNN", x(b, 9, 1, 5), weights(b, 1, 40, 5), weights(b, 1, 40, 40), graph.Attr{Name: "activations", Value: []string{"Relu"}})
		},
		"trees": func(b *graph.Builder) []*graph.Value {
			return b.OpN(1, "ai.onnx.ml::TreeEnsembleRegressor", x(b, 300, 2), ints("nodes_treeids", 0, 0, 0), ints("nodes_nodeids", 0, 1, 2),
				graph.Attr{Name: "nodes_modes", Value: []string{"BRANCH_LEQ", "LEAF", "LEAF"}}, ints("nodes_featureids", 1, 0, 0), floats("nodes_values", 1, 0, 0),
				ints("nodes_truenodeids", 1, 0, 0), ints("nodes_falsenodeids", 2, 0, 0), ints("target_treeids", 0, 0), ints("target_nodeids", 1, 2),
				ints("target_ids", 0, 0), floats("target_weights", 3, 4))
		},
		"linear classifier": func(b *graph.Builder) []*graph.Value {
			y := b.OpN(2, "ai.onnx.ml::LinearClassifier", x(b, 300, 2), floats("coefficients", 1, 2, 3, 4, 5, 6), floats("intercepts", 1, 2, 3), ints("classlabels_ints", 7, 8, 9), graph.Str("post_transform", "SOFTMAX"))
			return []*graph.Value{y[0], b.Op("ai.onnx.ml::Normalizer", b.Op("ai.onnx.ml::Scaler", y[1]), graph.Str("norm", "L1"))}
		},
	} {
		b := graph.NewBuilder(ops.Registry(), nil)
		for _, v := range build(b) {
			b.Output(v)
		}
		if b.Err() != nil {
			t.Fatal(name, b.Err())
		}
		for threads := 1; threads <= 2; threads++ {
			s, err := runtime.Compile(b.Graph, runtime.WithThreads(threads))
			if err != nil {
				t.Fatal(name, err)
			}
			shape, _ := b.Graph.Inputs[0].Type.Static()
			in, err := tensor.New(tensor.Float32, shape...)
			if err != nil {
				t.Fatal(err)
			}
			out := make([]*tensor.Tensor, len(b.Graph.Outputs))
			feeds := []*tensor.Tensor{in}
			run := func() {
				if err := s.RunInto(context.Background(), feeds, out); err != nil {
					t.Fatal(name, err)
				}
			}
			run()
			if n := testing.AllocsPerRun(20, run); n > 0 {
				t.Errorf("%s on %d threads: %v allocations a run", name, threads, n)
			}
			s.Close()
		}
	}
}
