package runtime

import (
	"context"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// tiny is a chain of n nodes, each of which does next to nothing.
func tiny(t testing.TB, n int, dim graph.Dim) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder(ops.Registry(), nil)
	y := b.Input("x", graph.TensorType(tensor.Float32, dim))
	for i := range n {
		y = b.Op([]string{"Neg", "Relu"}[i%2], y)
	}
	b.Output(y)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	return b.Graph
}

// BenchmarkNode reports what the executor adds to a node.
func BenchmarkNode(b *testing.B) {
	const nodes = 100
	s, err := Compile(tiny(b, nodes, graph.Size(4)), WithPasses(pass.Inference...), WithThreads(1))
	if err != nil {
		b.Fatal(err)
	}
	in, out := []*tensor.Tensor{ramp(4, 4)}, make([]*tensor.Tensor, 1)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.RunInto(context.Background(), in, out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/nodes, "ns/node")
}

// BenchmarkNewSize reports what a size costs that was not seen before: a plan.
func BenchmarkNewSize(b *testing.B) {
	const nodes = 100
	s, err := Compile(tiny(b, nodes, graph.Sym("n")), WithPasses(pass.Inference...), WithThreads(1))
	if err != nil {
		b.Fatal(err)
	}
	data := make([]float32, 1<<10)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n := 1 + i%len(data)
		if err := s.RunInto(context.Background(), []*tensor.Tensor{tensor.Must(tensor.Of(data[:n]))}, make([]*tensor.Tensor, 1)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/nodes, "ns/node")
}
