package autodiff_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune/autodiff"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// derivative is the network that computes the gradients of Σ y² over the outputs y of another, with respect to its first n inputs.
func derivative(t *testing.T, net network, n int) network {
	return func(b *graph.Builder, in []*graph.Value) []*graph.Value {
		var loss *graph.Value
		for _, y := range net(b, in) {
			sum := b.Op("ReduceSum", b.Op("Mul", y, y), graph.Int("keepdims", 0))
			if loss != nil {
				sum = b.Op("Add", loss, sum)
			}
			loss = sum
		}
		if b.Err() != nil {
			t.Fatal(b.Err())
		}
		grads, err := autodiff.Gradients(ops.Registry(), b.Graph, loss, in[:n])
		if err != nil {
			t.Fatal(err)
		}
		return grads
	}
}

// Gradients of loops and branches are loops and branches, which have gradients.
func TestSecondOrder(t *testing.T) {
	x, w := numbers(1, 3), numbers(2, 3)
	t.Run("scan", func(t *testing.T) { differences(t, derivative(t, scanRNN(), 5), 5, rnnFeeds(3)...) })
	t.Run("loop", func(t *testing.T) { differences(t, derivative(t, while, 2), 2, x, w) })
	t.Run("if", func(t *testing.T) {
		net := func(b *graph.Builder, in []*graph.Value) []*graph.Value {
			return conditional(b, 1, in[2],
				func(b *graph.Builder) { b.Output(b.Op("Sin", b.Op("Mul", in[0], in[1]))) },
				func(b *graph.Builder) { b.Output(in[0]) })
		}
		differences(t, derivative(t, net, 2), 2, x, w, tensor.Scalar(true))
	})
}

// Loops of float32, whose number of iterations has rank 1 as exporters write it, in a graph that computes its values again.
func TestRecomputedLoop(t *testing.T) {
	build := func(segments int) []*tensor.Tensor {
		b := graph.NewBuilder(ops.Registry(), nil)
		x := b.Input("x", graph.TensorType(tensor.Float32, graph.Sym("N"), graph.Size(3)))
		w := b.Input("w", graph.TensorType(tensor.Float32, graph.Size(3), graph.Size(3)))
		h := b.Op("Tanh", b.Op("MatMul", x, w))
		g := inside(b, func(b *graph.Builder) {
			k := b.Input("k", graph.TensorType(tensor.Int64, graph.Size(1)))
			more := b.Input("more", graph.TensorType(tensor.Bool, graph.Size(1)))
			s := b.Input("s", graph.Unranked(tensor.Float32))
			b.Output(b.Op("Identity", more))
			b.Output(b.Op("Tanh", b.Op("Add", b.Op("MatMul", s, w), b.Op("Mul", h, b.Op("Cast", k, graph.Int("to", int(tensor.Float32)))))))
		})
		y := b.Op("Loop", b.Ints(4), b.Const(tensor.Must(tensor.Of([]bool{true}))), b.Op("Sigmoid", h), body(g))
		loss := b.Op("ReduceMean", b.Op("Exp", b.Op("Sin", y)), graph.Int("keepdims", 0))
		if b.Err() != nil {
			t.Fatal(b.Err())
		}
		grads, err := autodiff.Gradients(ops.Registry(), b.Graph, loss, []*graph.Value{x, w})
		if err != nil {
			t.Fatal(err)
		}
		if err := autodiff.Recompute(ops.Registry(), b.Graph, loss, segments); err != nil {
			t.Fatal(err)
		}
		for _, v := range grads {
			b.Output(v)
		}
		s, err := runtime.Compile(b.Graph)
		if err != nil {
			t.Fatalf("%v\n%s", err, b.Graph)
		}
		defer s.Close()
		out := make([]*tensor.Tensor, 2)
		if err := s.RunInto(context.Background(), []*tensor.Tensor{asType(t, numbers(1, 5, 3), tensor.Float32), asType(t, numbers(2, 3, 3), tensor.Float32)}, out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := build(0)
	for _, segments := range []int{2, 3} {
		for i, got := range build(segments) {
			same(t, got, want[i], 0)
		}
	}
}

// What a loop appends to a carried value, as scripts collect their outputs, has a gradient.
func TestAppended(t *testing.T) {
	net := func(b *graph.Builder, in []*graph.Value) []*graph.Value {
		w := in[1]
		g := inside(b, func(b *graph.Builder) {
			b.Input("k", graph.TensorType(tensor.Int64))
			b.Output(b.Input("more", graph.TensorType(tensor.Bool)))
			h, all := b.Input("h", anyFloat), b.Input("all", anyFloat)
			h = b.Op("Tanh", b.Op("MatMul", h, w))
			b.Output(h)
			b.Output(b.Op("Concat", all, b.Op("Unsqueeze", h, b.Ints(0)), graph.Int("axis", 0)))
		})
		return b.OpN(2, "Loop", in[2], none, in[0], b.Op("Unsqueeze", in[0], b.Ints(0)), body(g))
	}
	for _, steps := range []int64{0, 1, 4} {
		differences(t, net, 2, numbers(1, 3), numbers(2, 3, 3), tensor.Scalar(steps))
	}
}

// A carried value that grows cannot be collected: where its gradient needs it in every iteration, the run says so.
func TestGrowing(t *testing.T) {
	b, in, loss := objective(t, func(b *graph.Builder, in []*graph.Value) []*graph.Value {
		g := inside(b, func(b *graph.Builder) {
			b.Input("k", graph.TensorType(tensor.Int64))
			b.Output(b.Input("more", graph.TensorType(tensor.Bool)))
			s := b.Input("s", anyFloat)
			b.Output(b.Op("Sin", b.Op("Concat", s, in[1], graph.Int("axis", 0))))
		})
		return b.OpN(1, "Loop", b.Scalar(tensor.Int64, 3), none, in[0], body(g))
	}, []graph.Type{graph.TypeOf(numbers(1, 2)), graph.TypeOf(numbers(1, 1))})
	grads, err := autodiff.Gradients(ops.Registry(), b.Graph, loss, in)
	if err != nil {
		t.Fatal(err)
	}
	b.Output(grads[1])
	s, err := runtime.Compile(b.Graph)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.RunInto(context.Background(), []*tensor.Tensor{numbers(1, 2), numbers(2, 1)}, make([]*tensor.Tensor, 1))
	if !errors.Is(err, graph.ErrShape) || !strings.Contains(err.Error(), "Loop") {
		t.Errorf("%v, want a shape error of the loop", err)
	}
}

// What a body draws at random is the same when its gradient computes it again.
func TestRandomBody(t *testing.T) {
	drop := func(b *graph.Builder, x *graph.Value) *graph.Value {
		return b.Op("Dropout", x, b.Scalar(tensor.Float64, 0.5), b.Scalar(tensor.Bool, 1))
	}
	nets := map[string]network{
		"scan": func(b *graph.Builder, in []*graph.Value) []*graph.Value {
			g := inside(b, func(b *graph.Builder) {
				x := b.Input("x", anyFloat)
				b.Output(b.Op("Mul", drop(b, b.Op("Mul", x, x)), in[1]))
			})
			return b.OpN(1, "Scan", in[0], body(g), graph.Int("num_scan_inputs", 1))
		},
		"if": func(b *graph.Builder, in []*graph.Value) []*graph.Value {
			return conditional(b, 1, b.Op("Less", b.Op("ReduceMin", in[0], graph.Int("keepdims", 0)), b.Scalar(tensor.Float64, 1e9)),
				func(b *graph.Builder) { b.Output(b.Op("Mul", drop(b, b.Op("Mul", in[0], in[0])), in[1])) },
				func(b *graph.Builder) { b.Output(drop(b, b.Op("Mul", in[0], in[1]))) })
		},
		"if in scan": func(b *graph.Builder, in []*graph.Value) []*graph.Value {
			g := inside(b, func(b *graph.Builder) {
				x := b.Input("x", anyFloat)
				b.Output(conditional(b, 1, b.Op("Less", b.Op("ReduceMin", x, graph.Int("keepdims", 0)), b.Scalar(tensor.Float64, 1e9)),
					func(b *graph.Builder) { b.Output(b.Op("Mul", drop(b, b.Op("Mul", x, x)), in[1])) },
					func(b *graph.Builder) { b.Output(x) })[0])
			})
			return b.OpN(1, "Scan", in[0], body(g), graph.Int("num_scan_inputs", 1))
		},
	}
	for name, net := range nets {
		t.Run(name, func(t *testing.T) {
			x, w := numbers(1, 6, 50), numbers(2, 50)
			b := graph.NewBuilder(ops.Registry(), nil)
			in := []*graph.Value{b.Input("x", graph.TypeOf(x)), b.Input("w", graph.TypeOf(w))}
			y := net(b, in)[0]
			grads, err := autodiff.Gradients(ops.Registry(), b.Graph, b.Op("ReduceSum", y, graph.Int("keepdims", 0)), in)
			if err != nil {
				t.Fatal(err)
			}
			b.Output(y)
			b.Output(grads[0])
			out := run(t, b.Graph, []*tensor.Tensor{x, w})
			kept := 0
			for i := range x.Len() { // y = m·x²·w has the gradient 2·y/x
				if out[0].Float(i) != 0 {
					kept++
				}
				if got, want := out[1].Float(i), 2*out[0].Float(i)/x.Float(i); math.Abs(got-want) > 1e-9*(1+math.Abs(want)) {
					t.Fatalf("element %d: gradient %v, want %v", i, got, want)
				}
			}
			if kept < 100 || kept > 200 {
				t.Errorf("%d of %d elements are left", kept, x.Len())
			}
		})
	}
}

// Operators in bodies are expanded or named as those outside are.
func TestBodyOperators(t *testing.T) {
	net := func(op string) network {
		return func(b *graph.Builder, in []*graph.Value) []*graph.Value {
			g := inside(b, func(b *graph.Builder) {
				s, x := b.Input("s", anyFloat), b.Input("x", anyFloat)
				b.Output(b.Op("Add", b.Op(op, s), x))
			})
			return b.OpN(1, "Scan", in[0], in[1], body(g), graph.Int("num_scan_inputs", 1))
		}
	}
	differences(t, net("Mish"), 2, numbers(1, 2), numbers(2, 3, 2))
	b, in, loss := objective(t, func(b *graph.Builder, in []*graph.Value) []*graph.Value {
		g := inside(b, func(b *graph.Builder) {
			s, x := b.Input("s", anyFloat), b.Input("x", anyFloat)
			pair := b.Op("SequenceConstruct", s, x)
			b.Output(b.Op("ConcatFromSequence", pair, graph.Int("axis", 0)))
			b.Output(b.Op("MaxRoiPool", x, s, graph.Ints("pooled_shape", 1, 1)))
		})
		return b.OpN(1, "Scan", in[0], in[1], body(g), graph.Int("num_scan_inputs", 1))
	}, []graph.Type{graph.Unranked(tensor.Float64), graph.Unranked(tensor.Float64)})
	_, err := autodiff.Gradients(ops.Registry(), b.Graph, loss, in)
	if !errors.Is(err, graph.ErrUnsupported) || !strings.Contains(err.Error(), "ConcatFromSequence") || !strings.Contains(err.Error(), "SequenceConstruct") || strings.Contains(err.Error(), "MaxRoiPool") {
		t.Errorf("%v, want the operators on the way of the gradient", err)
	}
}
