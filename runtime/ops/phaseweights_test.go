package ops

import (
	"slices"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestPhaseWeights: wanted numbers are the indices into W, by hand.
func TestPhaseWeights(t *testing.T) {
	count := func(shape ...int) *tensor.Tensor {
		v := make([]float32, tensor.Shape(shape).Elems())
		for i := range v {
			v[i] = float32(i)
		}
		return f32(v, shape...)
	}
	all := func(taps ...int64) []graph.Attr {
		return []graph.Attr{graph.Ints("first", 0, 0), graph.Ints("taps", taps...)}
	}
	long := make([]float32, 40*2) // of 2 × 40 single weights
	for i := range long {
		long[i] = float32(i%2*40 + i/2)
	}
	optest.Run(t, Registry(), "ai.onnxrun::PhaseWeights", []optest.Case{
		{Name: "reversed", In: []*tensor.Tensor{count(2, 1, 2, 3)}, Attrs: all(2, 3), Want: []*tensor.Tensor{f32([]float32{5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6}, 1, 2, 2, 3)}},
		{Name: "every second", In: []*tensor.Tensor{count(1, 2, 3, 3)}, Attrs: []graph.Attr{graph.Ints("first", 0, 1), graph.Ints("taps", 2, 1), graph.Int("stride", 2)},
			Want: []*tensor.Tensor{f32([]float32{7, 1, 16, 10}, 2, 1, 2, 1)}},
		{Name: "groups", In: []*tensor.Tensor{count(4, 1, 1, 2)}, Attrs: append(all(1, 2), graph.Int("group", 2)), Want: []*tensor.Tensor{f32([]float32{1, 0, 3, 2, 5, 4, 7, 6}, 2, 2, 1, 2)}},
		{Name: "blocks of rows", In: []*tensor.Tensor{count(2, 40, 1, 1)}, Attrs: all(1, 1), Want: []*tensor.Tensor{f32(long, 40, 2, 1, 1)}},
		{Name: "beyond", In: []*tensor.Tensor{count(1, 1, 3, 3)}, Attrs: []graph.Attr{graph.Ints("first", 2, 0), graph.Ints("taps", 2, 1)}, Err: graph.ErrShape},
	})
}

// TestPackTransposed: packing a phase of the weights of a transposed convolution is packing what PhaseWeights makes of them.
func TestPackTransposed(t *testing.T) {
	for _, c := range []struct {
		shape       []int
		first, taps []int64
		stride      int
	}{
		{[]int{3, 5, 2, 3}, []int64{0, 0}, []int64{2, 3}, 1},
		{[]int{16, 32, 3, 3}, []int64{0, 0}, []int64{3, 3}, 1},
		{[]int{20, 40, 1, 1}, []int64{0, 0}, []int64{1, 1}, 1},
		{[]int{33, 17, 3, 2}, []int64{0, 0}, []int64{3, 2}, 1},
		{[]int{17, 50, 3, 3}, []int64{0, 1}, []int64{2, 1}, 2},
		{[]int{40, 33, 5, 6}, []int64{1, 0}, []int64{2, 2}, 3},
		{[]int{16, 16, 3, 3}, []int64{2, 1}, []int64{1, 1}, 2},
	} {
		shape := c.shape
		v := make([]float32, tensor.Shape(shape).Elems())
		for i := range v {
			v[i] = float32(i)
		}
		b := graph.NewBuilder(Registry(), nil)
		w := b.Const(f32(v, shape...))
		phase := []graph.Arg{w, graph.Ints("first", c.first...), graph.Ints("taps", c.taps...), graph.Int("stride", c.stride)}
		turned := b.Op("ai.onnxrun::PhaseWeights", phase...)
		b.Output(b.Op("ai.onnxrun::PackConvDirect", turned))
		b.Output(b.Op("ai.onnxrun::PackConvDirect", append(phase, graph.Int("transposed", 1))...))
		if b.Err() != nil {
			t.Fatal(b.Err())
		}
		out, err := (&optest.Interp{Reg: Registry(), Threads: 2}).RunGraph(b.Graph, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(tensor.Data[float32](out[0]), tensor.Data[float32](out[1])) {
			t.Errorf("%v from %v on, %d apart, of %v: packed in another order", c.taps, c.first, c.stride, shape)
		}
	}
}
