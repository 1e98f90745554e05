package runtime_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// widenCases are graphs of halves: the operators that Widen leaves, with their results' types where they are floating-point.
var widenCases = []struct {
	name, want string
	build      func(b *graph.Builder, x *graph.Value) *graph.Value
}{
	{"between", "Cast:f32 Mul:f32 Relu:f32 Cast:f16", func(b *graph.Builder, x *graph.Value) *graph.Value {
		return b.Op("Relu", b.Op("Mul", x, b.Scalar(tensor.Float16, 3)))
	}},
	{"moved first", "Transpose:f16 Cast:f32 Exp:f32 Cast:f16", func(b *graph.Builder, x *graph.Value) *graph.Value {
		return b.Op("Exp", b.Op("Transpose", x))
	}},
	{"moved between", "Cast:f32 Exp:f32 Transpose:f32 Neg:f32 Cast:f16", func(b *graph.Builder, x *graph.Value) *graph.Value {
		return b.Op("Neg", b.Op("Transpose", b.Op("Exp", x)))
	}},
	{"only moved", "Transpose:f16 Concat:f16", func(b *graph.Builder, x *graph.Value) *graph.Value {
		return b.Op("Concat", b.Op("Transpose", x), b.Op("Transpose", x), graph.Int("axis", 0))
	}},
	{"rounded by the model", "Cast:f32 Exp:f32 Cast:f16 Cast:f32 Neg:f32 Cast:f16", func(b *graph.Builder, x *graph.Value) *graph.Value {
		y := b.Op("Exp", b.Op("Cast", x, graph.Int("to", int(tensor.Float32))))
		return b.Op("Neg", b.Op("Cast", y, graph.Int("to", int(tensor.Float16))))
	}},
	{"float32 inside", "Cast:f32 Exp:f32 Neg:f32 Cast:f16", func(b *graph.Builder, x *graph.Value) *graph.Value {
		y := b.Op("Neg", b.Op("Cast", b.Op("Exp", x), graph.Int("to", int(tensor.Float32))))
		return b.Op("Cast", y, graph.Int("to", int(tensor.Float16)))
	}},
	{"other results", "Cast:f32 Exp:f32 Cast:f16 Less Cast", func(b *graph.Builder, x *graph.Value) *graph.Value {
		y := b.Op("Exp", x)
		b.Output(b.Op("Cast", b.Op("Less", y, x), graph.Int("to", int(tensor.Int64))))
		return y
	}},
	{"a table", "Gather:f16 Cast:f32 Exp:f32 Cast:f16", func(b *graph.Builder, x *graph.Value) *graph.Value {
		return b.Op("Exp", b.Op("Gather", x, b.Input("i", graph.TensorType(tensor.Int64, graph.Size(2)))))
	}},
	{"bfloat16", "Cast:bf16 Cast:f32 Exp:f32 Cast:bf16 Cast:f32 Neg:f32 Cast:bf16 Softmax:bf16", func(b *graph.Builder, x *graph.Value) *graph.Value {
		return b.Op("Softmax", b.Op("Neg", b.Op("Exp", b.Op("Cast", x, graph.Int("to", int(tensor.BFloat16))))))
	}},
	{"like another", "Cast:f16", func(b *graph.Builder, x *graph.Value) *graph.Value {
		return b.Op("CastLike", b.Input("y", matrix(graph.Size(2), graph.Size(3))), x)
	}},
}

func TestWiden(t *testing.T) {
	for _, c := range widenCases {
		t.Run(c.name, func(t *testing.T) {
			b := graph.NewBuilder(ops.Registry(), nil)
			b.Output(c.build(b, b.Input("x", graph.TensorType(tensor.Float16, graph.Size(2), graph.Size(3)))))
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
			g := b.Graph.Clone()
			passes := slices.Concat(pass.Inference, []pass.Pass{{Name: "widen", Run: pass.Widen}}, pass.Inference)
			if err := pass.Apply(ops.Registry(), g, passes); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, n := range g.Nodes {
				s := n.Op.Name
				if d := n.Out[0].Type.DType; d.IsFloat() {
					s += ":" + d.Short()
				}
				got = append(got, s)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("left %s, want %s\n%s", s, c.want, g)
			}
			sameResultsWithin(t, b.Graph, g, 4e-3) // one rounding to float16 in place of several
		})
	}
}

// TestWidenNumbers: what float16 could not hold on the way does not become infinite, and results are rounded once.
func TestWidenNumbers(t *testing.T) {
	b := graph.NewBuilder(ops.Registry(), nil)
	x := b.Input("x", graph.TensorType(tensor.Float16, graph.Size(4)))
	b.Output(b.Op("Div", b.Op("Mul", x, b.Scalar(tensor.Float16, 4)), b.Scalar(tensor.Float16, 8)))
	in := tensor.Must(tensor.FromFloats(tensor.Float16, []float64{40000, 0x1p-24, math.Inf(-1), 3}, 4))
	got := runGraph(t, b.Graph, map[string]*tensor.Tensor{"x": in})
	for i, want := range []float64{20000, 0, math.Inf(-1), 1.5} { // half of the least number is rounded to even
		if v := got.Float(i); v != want || got.DType() != tensor.Float16 {
			t.Errorf("element %d is %v of %s, want %v of f16", i, v, got.DType().Short(), want)
		}
	}
}

// TestWidenBranches: graphs inside nodes are widened by themselves, with values of halves at their borders.
func TestWidenBranches(t *testing.T) {
	b := graph.NewBuilder(ops.Registry(), nil)
	x := b.Input("x", graph.TensorType(tensor.Float16, graph.Size(2)))
	branch := func(op string) *graph.Graph {
		s := b.Sub(&graph.Graph{})
		s.Output(s.Op(op, s.Op("Mul", x, s.Scalar(tensor.Float16, 4))))
		if s.Err() != nil {
			t.Fatal(s.Err())
		}
		return s.Graph
	}
	b.Output(b.Op("Neg", b.Op("If", b.Input("c", graph.TensorType(tensor.Bool)), graph.GraphAttr("then_branch", branch("Exp")), graph.GraphAttr("else_branch", branch("Sqrt")))))
	in := tensor.Must(tensor.FromFloats(tensor.Float16, []float64{0.25, 0}, 2))
	got := runGraph(t, b.Graph, map[string]*tensor.Tensor{"x": in, "c": tensor.Scalar(true)})
	for i, want := range []float64{-2.71875, -1} { // e to 11 bits
		if got.Float(i) != want {
			t.Errorf("element %d is %v, want %v", i, got.Float(i), want)
		}
	}
}

func runGraph(t *testing.T, g *graph.Graph, in map[string]*tensor.Tensor) *tensor.Tensor {
	t.Helper()
	s, err := runtime.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := s.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out[g.Outputs[0].Name]
}
