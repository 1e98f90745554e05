package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// packed is the k × n matrix 0, 1, 2, … as PackMatMul lays it out.
func packed(k, n int) *tensor.Tensor {
	p := make([]float32, kernel.PackedLen(k, n))
	panels, _ := kernel.Panels(n)
	kernel.PackB(p, tensor.Data[float32](count(k, n)), k, n, n, false, 0, panels)
	return f32(p, len(p))
}

func TestPackMatMul(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	rows := f32([]float32{0, 3, 1, 4, 2, 5}, 3, 2) // the transpose of count(2, 3)
	optest.Run(t, Registry(), private+"::PackMatMul", []optest.Case{
		{Name: "rows", In: ts(count(2, 3)), Want: ts(packed(2, 3))},
		{Name: "columns", In: ts(rows), Attrs: []graph.Attr{graph.Int("trans", 1)}, Want: ts(packed(2, 3))},
		{Name: "several blocks and panels", In: ts(count(1030, 45)), Want: ts(packed(1030, 45))},
		{Name: "empty", In: ts(f32(nil, 0, 3)), Want: ts(f32(nil, 0))},
		{Name: "stack", In: ts(count(1, 2, 3)), Err: graph.ErrShape, Text: "want a matrix"},
	})
	optest.Run(t, Registry(), private+"::UnpackMatMul", []optest.Case{
		{Name: "back", In: ts(packed(600, 33)), Attrs: []graph.Attr{graph.Int("k", 600), graph.Int("n", 33)}, Want: ts(count(600, 33))},
		{Name: "another size", In: ts(packed(3, 3)), Attrs: []graph.Attr{graph.Int("k", 4), graph.Int("n", 3)}, Err: graph.ErrShape, Text: "no packed 4 × 3"},
	})
}

// TestPackedMatMul: products of small integers are exact in any order; what differs from Expand would show.
func TestPackedMatMul(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	kn := func(k, n int, more ...graph.Attr) []graph.Attr {
		return append([]graph.Attr{graph.Int("k", k), graph.Int("n", n)}, more...)
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	ones := make([]float32, 1030*4)
	for i := range ones {
		ones[i] = 1
	}
	sums := make([]float32, 4*33) // a row of ones times count(1030, 33): Σ_p (33p + j)
	for i := range sums {
		sums[i] = 33*1030*1029/2 + 1030*float32(i%33)
	}
	optest.Run(t, Registry(), private+"::PackedMatMul", []optest.Case{
		{Name: "plain", In: ts(count(2, 3), packed(3, 2)), Attrs: kn(3, 2), Want: ts(f32([]float32{10, 13, 28, 40}, 2, 2))}, // numpy.matmul of aranges
		{Name: "bias", In: ts(count(2, 3), packed(3, 2), f32([]float32{1, 2}, 2)), Attrs: kn(3, 2), Want: ts(f32([]float32{11, 15, 29, 42}, 2, 2))},
		{Name: "residual of a stack", In: ts(count(2, 1, 3), packed(3, 2), nil, f32([]float32{1, 1, 2, 2}, 2, 1, 2)), Attrs: kn(3, 2),
			Want: ts(f32([]float32{11, 14, 30, 42}, 2, 1, 2))},
		{Name: "relu", In: ts(count(2, 3), packed(3, 2), f32([]float32{-20, 2}, 2)), Attrs: kn(3, 2, graph.Str("activation", "Relu")),
			Want: ts(f32([]float32{0, 15, 8, 42}, 2, 2))},
		{Name: "clip", In: ts(count(2, 3), packed(3, 2)), Attrs: kn(3, 2, graph.Str("activation", "Clip"), graph.Float("alpha", 12), graph.Float("beta", 30)),
			Want: ts(f32([]float32{12, 13, 28, 30}, 2, 2))},
		{Name: "leaky", In: ts(count(2, 3), packed(3, 2), f32([]float32{-20, 2}, 2)), Attrs: kn(3, 2, graph.Str("activation", "LeakyRelu"), graph.Float("alpha", 0.5)),
			Want: ts(f32([]float32{-5, 15, 8, 42}, 2, 2))},
		{Name: "several blocks", In: ts(f32(ones, 4, 1030), packed(1030, 33)), Attrs: kn(1030, 33), Want: ts(f32(sums, 4, 33)), Tol: 1e-6},
		{Name: "extreme", In: ts(f32([]float32{inf, 0, nan, 0}, 2, 2), packed(2, 2)), Attrs: kn(2, 2, graph.Str("activation", "Relu")),
			Want: ts(f32([]float32{nan, inf, nan, nan}, 2, 2))}, // ∞·0 is NaN, and Relu keeps it
		{Name: "no rows", In: ts(f32(nil, 0, 3), packed(3, 2)), Attrs: kn(3, 2), Want: ts(f32(nil, 0, 2))},
		{Name: "inner", In: ts(count(2, 4), packed(3, 2)), Attrs: kn(3, 2), Err: graph.ErrShape},
		{Name: "bias of another size", In: ts(count(2, 3), packed(3, 2), count(3)), Attrs: kn(3, 2), Err: graph.ErrShape},
		{Name: "residual of another shape", In: ts(count(2, 3), packed(3, 2), nil, count(3, 2)), Attrs: kn(3, 2), Err: graph.ErrShape},
	})
}
