package runtime_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// BenchmarkConv runs chains of equal convolutions, so that the layout changes at their ends only. GFLOP/s counts two operations for each product of a weight and
// an input, whichever way it is computed.
func BenchmarkConv(b *testing.B) {
	for _, c := range []struct {
		name                          string
		in, out, size, k, stride, len int
		group                         int
	}{
		{"1x1_64-256@56", 64, 256, 56, 1, 1, 8, 1},
		{"1x1_128-512@28", 128, 512, 28, 1, 1, 8, 1},
		{"1x1_256-1024@14", 256, 1024, 14, 1, 1, 8, 1},
		{"1x1_512-2048@7", 512, 2048, 7, 1, 1, 8, 1},
		{"3x3_64@56", 64, 64, 56, 3, 1, 8, 1},
		{"3x3_128@28", 128, 128, 28, 3, 1, 8, 1},
		{"3x3_256@14", 256, 256, 14, 3, 1, 8, 1},
		{"3x3_512@7", 512, 512, 7, 3, 1, 4, 1},
		{"3x3s2_128@56", 128, 128, 56, 3, 2, 1, 1},
		{"3x3s2_256@28", 256, 256, 28, 3, 2, 1, 1},
		{"3x3s2_512@14", 512, 512, 14, 3, 2, 1, 1},
		{"1x1s2_256-512@56", 256, 512, 56, 1, 2, 1, 1},
		{"1x1s2_1024-2048@14", 1024, 2048, 14, 1, 2, 1, 1},
		{"7x7s2_3-64@224", 3, 64, 224, 7, 2, 1, 1},
		{"3x3s2_3-32@224", 3, 32, 224, 3, 2, 1, 1},
		{"3x3_16@160", 16, 16, 160, 3, 1, 4, 1},
		{"3x3_32@80", 32, 32, 80, 3, 1, 4, 1},
		{"1x1_24-144@56", 24, 144, 56, 1, 1, 8, 1},
		{"1x1_96-576@14", 96, 576, 14, 1, 1, 8, 1},
		{"1x1_48-16@55", 48, 16, 55, 1, 1, 8, 1},
		{"5x5_64@28", 64, 64, 28, 5, 1, 4, 1},
		{"groups32_128@56", 128, 128, 56, 3, 1, 4, 32},
		{"groups2_128@28", 128, 128, 28, 3, 1, 4, 2},
		{"transposed2x2s2_128-64@32", 128, 64, 32, -2, 2, 1, 1},
		{"transposed4x4s2_64-32@32", 64, 32, 32, -4, 2, 1, 1},
	} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/%d", c.name, threads), func(b *testing.B) {
				bench := formBuilder{Builder: graph.NewBuilder(ops.Registry(), nil)}
				y := bench.Input("x", matrix(graph.Dims(1, c.in, c.size, c.size)...))
				flops, size, in, out := 0, c.size, c.in, c.out
				for i := range c.len {
					stride := graph.Ints("strides", int64(c.stride), int64(c.stride))
					if c.k < 0 {
						k := -c.k
						p := int64(k-2) / 2
						y = bench.Op("ConvTranspose", y, bench.weights(0, in, out, k, k), stride, graph.Ints("pads", p, p, p, p))
						flops += 2 * in * out * k * k * size * size
						size *= c.stride
						continue
					}
					if i > 0 {
						in, out = out, in
					}
					p := int64(c.k / 2)
					y = bench.Op("Relu", bench.Op("Conv", y, bench.weights(0, out, in/c.group, c.k, c.k), stride, graph.Ints("pads", p, p, p, p), graph.Int("group", c.group)))
					size = (size + c.stride - 1) / c.stride
					flops += 2 * in / c.group * out * c.k * c.k * size * size
				}
				bench.Output(y)
				if bench.Err() != nil {
					b.Fatal(bench.Err())
				}
				s, err := runtime.Compile(bench.Graph, runtime.WithThreads(threads))
				if err != nil {
					b.Fatal(err)
				}
				x := []*tensor.Tensor{noise(1, 1, c.in, c.size, c.size)}
				res := make([]*tensor.Tensor, 1)
				if err := s.RunInto(context.Background(), x, res); err != nil {
					b.Fatal(err)
				}
				var took []time.Duration
				for b.Loop() {
					start := time.Now()
					if err := s.RunInto(context.Background(), x, res); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(start))
				}
				slices.Sort(took)
				b.ReportMetric(float64(flops)/float64(took[len(took)/2]), "GFLOP/s")
				b.ReportMetric(float64(flops)/float64(took[0]), "best-GFLOP/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
