package runtime_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// BenchmarkAttention runs attention as encoders and steps of decoding do, on one thread.
func BenchmarkAttention(b *testing.B) {
	for _, s := range []struct{ batch, heads, seq, keys, size int }{
		{1, 12, 16, 16, 32}, {1, 12, 128, 128, 64}, {1, 12, 197, 197, 64}, {64, 3, 49, 49, 32}, {1, 6, 1500, 1500, 64}, {1, 8, 4096, 4096, 64}, {1, 12, 1, 129, 64}, {1, 6, 1, 1500, 64},
	} {
		b.Run(fmt.Sprintf("%dx%dx%dx%dx%d", s.batch, s.heads, s.seq, s.keys, s.size), func(b *testing.B) {
			bd := graph.NewBuilder(ops.Registry(), nil)
			in := []*tensor.Tensor{}
			input := func(name string, seq int) *graph.Value {
				shape := []int{s.batch, seq, s.heads, s.size}
				x := make([]float32, s.batch*seq*s.heads*s.size)
				for i := range x {
					x[i] = float32(i%7) - 3
				}
				in = append(in, tensor.Must(tensor.Of(x, shape...)))
				return bd.Input(name, matrix(graph.Dims(shape...)...))
			}
			q, k, v := input("q", s.seq), input("k", s.keys), input("v", s.keys)
			bd.Output(bd.Op("ai.onnxrun::FusedAttention", q, k, v, graph.Str("q", "bshd"), graph.Str("k", "bshd"), graph.Str("v", "bshd"), graph.Str("out", "bshd"), graph.Float("scale", 0.125)))
			r, err := runtime.Compile(bd.Graph, runtime.WithThreads(1))
			if err != nil {
				b.Fatal(err)
			}
			out := make([]*tensor.Tensor, 1)
			for b.Loop() {
				if err := r.RunInto(context.Background(), in, out); err != nil {
					b.Fatal(err)
				}
			}
			flops := 4 * float64(s.batch*s.heads*s.seq*s.keys*s.size) * float64(b.N)
			b.ReportMetric(flops/1e9/b.Elapsed().Seconds(), "GFLOP/s")
		})
	}
}
