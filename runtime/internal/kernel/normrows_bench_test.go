package kernel

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkRows reports nanoseconds per element of 128 rows of 768 or 3072, and of the short rows of window attention.
func BenchmarkRows(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	run := func(name string, rows, n int, f func(y, x, z, w []float32)) {
		b.Run(name, func(b *testing.B) {
			x, z, w, y := normals(rng, rows*n, 0, 1), normals(rng, rows*n, 0, 1), normals(rng, n, 0, 1), make([]float32, rows*n)
			for b.Loop() {
				f(y, x, z, w)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows*n), "ns/element")
		})
	}
	sum := make([]float32, 128*768)
	for _, c := range []struct {
		name    string
		rows, n int
	}{{"768", 128, 768}, {"96", 1024, 96}} {
		run("LayerNorm/"+c.name, c.rows, c.n, func(y, x, _, w []float32) {
			r := NormRows{Y: y, X: x, Scale: w, Bias: w, N: c.n, Epsilon: 1e-5}
			r.Run(0, c.rows)
		})
		run("SkipLayerNorm/"+c.name, c.rows, c.n, func(y, x, z, w []float32) {
			r := NormRows{Y: y, X: x, Skip: z, Sum: sum[:len(x)], Scale: w, Bias: w, N: c.n, Epsilon: 1e-5}
			r.Run(0, c.rows)
		})
		run("RMSNorm/"+c.name, c.rows, c.n, func(y, x, _, w []float32) {
			r := NormRows{Y: y, X: x, Scale: w, N: c.n, Epsilon: 1e-5, RMS: true}
			r.Run(0, c.rows)
		})
	}
	run("Softmax/3072", 128, 3072, func(y, x, _, _ []float32) { SoftmaxRows(y, x, 3072) })
	run("Softmax/128", 12*128, 128, func(y, x, _, _ []float32) { SoftmaxRows(y, x, 128) })
	run("Softmax/49", 3*49, 49, func(y, x, _, _ []float32) { SoftmaxRows(y, x, 49) })
	run("LogSoftmax/3072", 128, 3072, func(y, x, _, _ []float32) { LogSoftmaxRows(y, x, 3072) })
	run("SoftmaxCols/64x768", 64, 768, func(y, x, _, _ []float32) { SoftmaxCols(y, x, 64, 768, 768) })
	run("Sum/3072", 128, 3072, func(_, x, _, _ []float32) { Sum32(x) })
	run("Max/3072", 128, 3072, func(_, x, _, _ []float32) { Max32(x) })
	run("Affine/3072", 128, 3072, func(y, x, _, _ []float32) { Affine32(y, x, 1, 2, 3) })
}
