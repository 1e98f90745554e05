package runtime_test

import (
	"context"
	"slices"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// TestCarryInPlace hands the tensors of the state in and out: every kind of next state must come out as with buffers that are apart.
func TestCarryInPlace(t *testing.T) {
	f32 := func(n ...int) graph.Type {
		return graph.TypeOf(tensor.Must(tensor.Full(tensor.Float32, 0, n...)))
	}
	// some are the rows of x whose sum is not 100: all, but only a run can tell.
	some := func(b *graph.Builder, x *graph.Value) *graph.Value {
		sum := b.Op("ReduceSum", x, b.Ints(1), graph.Int("keepdims", 0))
		return b.Op("Compress", x, b.Op("Not", b.Op("Equal", sum, b.Scalar(tensor.Float32, 100))), graph.Int("axis", 0))
	}
	type build func(b *graph.Builder, p, q *graph.Value) (p1, q1 *graph.Value)
	mm := func(b *graph.Builder, x, y *graph.Value) *graph.Value { return b.Op("MatMul", x, y) }
	cases := map[string]build{
		"element by element": func(b *graph.Builder, p, q *graph.Value) (*graph.Value, *graph.Value) {
			return b.Op("Sub", p, b.Op("Mul", q, q)), b.Op("Relu", q)
		},
		"read after it is written": func(b *graph.Builder, p, q *graph.Value) (*graph.Value, *graph.Value) {
			p1 := b.Op("Add", p, q)
			return p1, mm(b, p, q)
		},
		"each from the other": func(b *graph.Builder, p, q *graph.Value) (*graph.Value, *graph.Value) {
			return b.Op("Add", q, q), b.Op("Add", p, p)
		},
		"one from the next of the other": func(b *graph.Builder, p, q *graph.Value) (*graph.Value, *graph.Value) {
			q1 := b.Op("Add", b.Op("Mul", q, b.Scalar(tensor.Float32, 0.5)), b.Op("Mul", p, p))
			return b.Op("Sub", b.Op("Div", p, b.Op("Exp", q1)), b.Op("Max", q, q1)), q1
		},
		"by a copy": func(b *graph.Builder, p, q *graph.Value) (*graph.Value, *graph.Value) {
			q1 := b.Op("Add", q, b.Op("Mul", p, p))
			return b.Op("Identity", b.Op("Sub", p, q1)), b.Op("Identity", q1)
		},
		"not element by element": func(b *graph.Builder, p, q *graph.Value) (*graph.Value, *graph.Value) {
			return mm(b, p, p), b.Op("Transpose", q, graph.Ints("perm", 1, 0))
		},
		"exchanged": func(b *graph.Builder, p, q *graph.Value) (*graph.Value, *graph.Value) {
			return b.Op("Identity", q), b.Op("Identity", p)
		},
		"unchanged": func(b *graph.Builder, p, q *graph.Value) (*graph.Value, *graph.Value) { return p, b.Op("Neg", q) },
		"read once it is next": func(b *graph.Builder, p, q *graph.Value) (*graph.Value, *graph.Value) {
			p1 := b.Op("Sub", p, q)
			return p1, b.Op("Mul", p1, q)
		},
		"broadcast of a part": func(b *graph.Builder, p, q *graph.Value) (*graph.Value, *graph.Value) {
			row := b.Op("Slice", p, b.Ints(1), b.Ints(2), b.Ints(0))
			return b.Op("Add", p, row), b.Op("Softmax", q)
		},
		"of a size that depends on data": func(b *graph.Builder, p, q *graph.Value) (*graph.Value, *graph.Value) {
			return b.Op("Neg", some(b, p)), b.Op("Identity", some(b, q))
		},
		"exchanged, of a size that depends on data": func(b *graph.Builder, p, q *graph.Value) (*graph.Value, *graph.Value) {
			return some(b, q), some(b, p)
		},
		"one twice, of a size that depends on data": func(b *graph.Builder, p, q *graph.Value) (*graph.Value, *graph.Value) {
			p1 := some(b, q)
			return p1, p1
		},
		"by a condition": func(b *graph.Builder, p, q *graph.Value) (*graph.Value, *graph.Value) {
			branch := func(p1, q1 *graph.Value) *graph.Graph { return &graph.Graph{Outputs: []*graph.Value{p1, q1}} }
			positive := b.Op("Greater", b.Op("ReduceSum", p, graph.Int("keepdims", 0)), b.Scalar(tensor.Float32, 0))
			next := b.OpN(2, "If", positive, graph.GraphAttr("then_branch", branch(some(b, q), p)), graph.GraphAttr("else_branch", branch(p, some(b, q))))
			return next[0], next[1]
		},
	}
	for name, f := range cases {
		t.Run(name, func(t *testing.T) {
			b := graph.NewBuilder(ops.Registry(), nil)
			p, q := b.Input("p", f32(3, 3)), b.Input("q", f32(3, 3))
			p1, q1 := f(b, p, q)
			b.Output(p1)
			b.Output(q1)
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
			start := func() []*tensor.Tensor {
				x, y := make([]float32, 9), make([]float32, 9)
				for i := range x {
					x[i], y[i] = float32(i)-3.5, 0.25*float32(9-i)
				}
				return []*tensor.Tensor{tensor.Must(tensor.Of(x, 3, 3)), tensor.Must(tensor.Of(y, 3, 3))}
			}
			apart, err := runtime.Compile(b.Graph)
			if err != nil {
				t.Fatal(err)
			}
			b.Graph.Carry = []graph.Carry{{In: p, Out: p1}, {In: q, Out: q1}}
			within, err := runtime.Compile(b.Graph)
			if err != nil {
				t.Fatal(err)
			}
			want, state := start(), start()
			same := slices.Clone(state)
			for range 3 {
				next := make([]*tensor.Tensor, 2)
				if err := apart.RunInto(context.Background(), want, next); err != nil {
					t.Fatal(err)
				}
				want = next
				if err := within.RunInto(context.Background(), state, state); err != nil {
					t.Fatal(err)
				}
				for i := range state {
					if state[i] != same[i] {
						t.Error("the state moved to another tensor")
					}
					if got, want := tensor.Data[float32](state[i]), tensor.Data[float32](want[i]); !slices.Equal(got, want) {
						t.Errorf("state %d is %v, want %v", i, got, want)
					}
				}
			}
		})
	}
}
