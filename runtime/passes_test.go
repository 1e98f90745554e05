package runtime_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

func matrix(d ...graph.Dim) graph.Type { return graph.TensorType(tensor.Float32, d...) }

// passCases are graphs that show what a pass does, and what it must leave alone.
var passCases = []struct {
	name   string
	passes []pass.Pass
	build  func(b *graph.Builder)
}{
	{"expand_old_softmax", pass.Inference[:1], func(b *graph.Builder) {
		x := b.Input("x", matrix(graph.Sym("n"), graph.Size(2), graph.Size(3)))
		old := &graph.Node{Name: "sm", Op: b.Registry().Lookup("", "Softmax", 11), In: []*graph.Value{x}}
		y := &graph.Value{Name: "y"}
		b.Append(old, y)
		b.Output(y)
	}},
	{"fold_shape_chain", pass.Inference, func(b *graph.Builder) { // what PyTorch writes for x.view(x.shape[0], -1)
		x := b.Input("x", matrix(graph.Sym("batch"), graph.Size(4), graph.Size(5)))
		n := b.Op("Unsqueeze", b.Op("Gather", b.Op("Shape", x), b.Const(tensor.Scalar(int64(0)))), b.Ints(0))
		b.Output(b.Op("Reshape", x, b.Op("Concat", n, b.Ints(-1), graph.Int("axis", 0))))
	}},
	{"fold_keeps_large", pass.Inference, func(b *graph.Builder) { // a constant of 4 MB from 8 bytes stays a node
		b.Output(b.Op("ConstantOfShape", b.Ints(1000, 1000)))
	}},
	{"fold_small", pass.Inference, func(b *graph.Builder) {
		x := b.Input("x", matrix(graph.Size(2)))
		b.Output(b.Op("Add", x, b.Op("Mul", b.Scalar(tensor.Float32, 3), b.Scalar(tensor.Float32, 4))))
	}},
	{"identity_chain", pass.Inference, func(b *graph.Builder) {
		x := b.Input("x", matrix(graph.Size(2), graph.Size(3)))
		h := b.Op("Transpose", b.Op("Identity", x), graph.Ints("perm", 0, 1))
		h = b.Op("Cast", h, graph.Int("to", int(tensor.Float32)))
		b.Output(b.Op("Relu", h))
		b.Output(b.Op("Identity", x)) // an output keeps its node
	}},
	{"cse", pass.Inference, func(b *graph.Builder) {
		x := b.Input("x", matrix(graph.Size(2), graph.Size(3)))
		a, c := b.Op("Exp", x), b.Op("Exp", x)
		b.Output(b.Op("Add", a, c))
		b.Output(b.Op("Softmax", x, graph.Int("axis", 0)))
		b.Output(b.Op("Softmax", x, graph.Int("axis", 1))) // other attributes: stays
	}},
	{"prune", pass.Inference, func(b *graph.Builder) {
		x := b.Input("x", matrix(graph.Dims(1, 1, 4, 4)...))
		b.Op("Exp", x) // nobody reads it
		b.Const(tensor.Ints(1, 2, 3))
		b.Output(b.OpN(2, "MaxPool", x, graph.Ints("kernel_shape", 2, 2))[0])
	}},
}

func TestPasses(t *testing.T) {
	for _, c := range passCases {
		t.Run(c.name, func(t *testing.T) {
			b := graph.NewBuilder(ops.Registry(), nil)
			c.build(b)
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
			g := b.Graph.Clone()
			if err := pass.Apply(ops.Registry(), g, c.passes); err != nil {
				t.Fatal(err)
			}
			got := "before: " + b.Graph.String() + "after: " + g.String()
			file := filepath.Join("testdata", "passes", c.name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s\n(go test ./runtime -run TestPasses -update accepts it)", got, want)
			}
			sameResults(t, b.Graph, g)
		})
	}
}

// sameResults holds a graph and its rewritten form to the same values.
func sameResults(t *testing.T, before, after *graph.Graph) {
	t.Helper()
	var in []*tensor.Tensor
	for _, v := range before.Inputs {
		shape := make([]int, len(v.Type.Shape))
		n := 1
		for i, d := range v.Type.Shape {
			if shape[i] = 2; d.IsInt() {
				shape[i], _ = d.Int()
			}
			n *= shape[i]
		}
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(i%7) - 3
		}
		in = append(in, tensor.Must(tensor.Of(x, shape...)))
	}
	x := &optest.Interp{Reg: ops.Registry()}
	want, err := x.RunGraph(before, in)
	if err != nil {
		t.Fatal(err)
	}
	s, err := runtime.Compile(after, runtime.WithPasses())
	if err != nil {
		t.Fatal(err)
	}
	got := make([]*tensor.Tensor, len(want))
	if err := s.RunInto(context.Background(), in, got); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if d := optest.Diff(got[i], want[i], 1e-6, 1e-6); d != "" {
			t.Errorf("output %d: %s", i, d)
		}
	}
}
