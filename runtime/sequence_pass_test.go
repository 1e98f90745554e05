package runtime_test

import (
	"context"
	"slices"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// TestSequencesPass: pieces taken at known positions come from one Split; what is not known, or leaves the graph as a sequence, stays.
func TestSequencesPass(t *testing.T) {
	x := tensor.Must(tensor.Of([]float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, 2, 7))
	type build func(b *graph.Builder, x, k *graph.Value)
	piece := func(b *graph.Builder, seq *graph.Value, at *graph.Value) {
		b.Output(b.Op("Neg", b.Op("SequenceAt", seq, at)))
	}
	number := func(b *graph.Builder, n int64) *graph.Value { return b.Const(tensor.Scalar(n)) }
	axis := graph.Int("axis", 1)
	for name, c := range map[string]struct {
		f     build
		split bool
	}{
		"chunks": {func(b *graph.Builder, x, _ *graph.Value) {
			seq := b.Op("SplitToSequence", x, number(b, 3), axis)
			piece(b, seq, number(b, 0))
			piece(b, seq, number(b, -1))
		}, true},
		"extents": {func(b *graph.Builder, x, _ *graph.Value) {
			seq := b.Op("SplitToSequence", x, b.Ints(2, 0, 5), axis)
			piece(b, seq, number(b, 2))
			piece(b, seq, number(b, 2))
			piece(b, seq, number(b, 1))
		}, true},
		"position is an input": {func(b *graph.Builder, x, k *graph.Value) {
			piece(b, b.Op("SplitToSequence", x, number(b, 3), axis), k)
		}, false},
		"axis dropped": {func(b *graph.Builder, x, _ *graph.Value) {
			piece(b, b.Op("SplitToSequence", x, axis, graph.Int("keepdims", 0)), number(b, 1))
		}, true},
		"slices of an axis that is open": {func(b *graph.Builder, x, k *graph.Value) {
			y := b.Op("Slice", x, b.Ints(0), b.Op("Reshape", k, b.Ints(1)), b.Ints(1)) // as many columns as k
			seq := b.Op("SplitToSequence", y, axis, graph.Int("keepdims", 0))
			piece(b, seq, number(b, 0))
			piece(b, seq, number(b, -1))
		}, false},
		"length is asked": {func(b *graph.Builder, x, _ *graph.Value) {
			seq := b.Op("SplitToSequence", x, number(b, 3), axis)
			b.Output(b.Op("SequenceLength", seq))
			piece(b, seq, number(b, 1))
		}, true},
		"a list": {func(b *graph.Builder, x, _ *graph.Value) {
			seq := b.Op("SequenceInsert", b.Op("SequenceConstruct", x, b.Op("Neg", x)), b.Op("Abs", x), number(b, -2))
			seq = b.Op("SequenceInsert", seq, b.Op("Exp", x))
			seq = b.Op("SequenceErase", seq, number(b, 0))
			b.Output(b.Op("ConcatFromSequence", seq, graph.Int("axis", 0)))
			b.Output(b.Op("ConcatFromSequence", seq, graph.Int("axis", -1), graph.Int("new_axis", 1)))
			b.Output(b.Op("SequenceAt", seq, number(b, 0)))
		}, false},
		"list, position is an input": {func(b *graph.Builder, x, k *graph.Value) {
			seq := b.Op("SequenceConstruct", x, b.Op("Neg", x))
			b.Output(b.Op("Neg", b.Op("SequenceAt", seq, k)))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := graph.NewBuilder(ops.Registry(), nil)
			c.f(b, b.Input("x", graph.TypeOf(x)), b.Input("k", graph.TypeOf(tensor.Scalar(int64(1)))))
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
			feeds := map[string]*tensor.Tensor{"x": x, "k": tensor.Scalar(int64(1))}
			s, err := runtime.Compile(b.Graph)
			if err != nil {
				t.Fatal(err)
			}
			has := slices.ContainsFunc(s.Graph().Nodes, func(n *graph.Node) bool { return n.Op.Name == "Split" })
			if has != c.split {
				t.Errorf("a Split is there: %v, want %v", has, c.split)
			}
			got, err := s.Run(context.Background(), feeds)
			if err != nil {
				t.Fatal(err)
			}
			want, err := (&optest.Interp{Reg: ops.Registry()}).RunGraph(b.Graph, []*tensor.Tensor{x, feeds["k"]})
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range b.Graph.Outputs {
				if d := optest.Diff(got[v.Name], want[i], 0, 0); d != "" {
					t.Errorf("output %d: %s", i, d)
				}
			}
		})
	}
}
