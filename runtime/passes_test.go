package runtime_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

func matrix(d ...graph.Dim) graph.Type { return graph.TensorType(tensor.Float32, d...) }

// fill is a constant tensor of one value.
func fill(b *graph.Builder, v float32, shape ...int) *graph.Value {
	d := make([]float32, tensor.Shape(shape).Elems())
	for i := range d {
		d[i] = v
	}
	return b.Const(tensor.Must(tensor.Of(d, shape...)))
}

type passCase struct {
	name   string
	passes []pass.Pass
	build  func(b *graph.Builder)
}

// passCases are graphs that show what a pass does, and what it must leave alone.
var passCases = []passCase{
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
	{"subpixel", []pass.Pass{{Name: "subpixel", Run: pass.SubPixel}}, func(b *graph.Builder) {
		x := b.Input("x", matrix(graph.Sym("n"), graph.Size(3), graph.Sym("h"), graph.Size(5)))
		up := func(k int, args ...graph.Arg) *graph.Value {
			return b.Op("ConvTranspose", append([]graph.Arg{x, fill(b, 0.5, 3, 4, k, k), fill(b, 0.25, 4), graph.Ints("strides", 2, 2)}, args...)...)
		}
		b.Output(up(2))
		b.Output(up(4, graph.Ints("pads", 1, 1, 1, 1)))
		b.Output(up(3)) // an odd number of rows
		b.Output(b.Op("ConvTranspose", x, b.Input("w", matrix(graph.Dims(3, 4, 2, 2)...)), graph.Ints("strides", 2, 2)))
		b.Output(b.Op("ConvTranspose", x, b.Input("u", matrix(graph.Size(3), graph.Sym("m"), graph.Size(2), graph.Size(2))), graph.Ints("strides", 2, 2))) // unknown extents
	}},
	{"fuse_transpose", []pass.Pass{{Name: "fuse_transpose", Run: pass.FuseTranspose}, {Name: "prune", Run: pass.Prune}}, func(b *graph.Builder) {
		x := b.Input("x", matrix(graph.Sym("n"), graph.Sym("m"), graph.Size(3)))
		w := b.Input("w", matrix(graph.Dims(4, 3)...))
		v := b.Input("v", matrix(graph.Size(4)))
		turn := func(x *graph.Value, perm ...int64) *graph.Value {
			return b.Op("Transpose", x, graph.Ints("perm", perm...))
		}
		wt := turn(w, 1, 0)
		b.Output(b.Op("Add", v, b.Op("MatMul", x, wt))) // a layer
		rows := b.Op("Reshape", x, b.Ints(-1, 3))
		g := b.Op("Reshape", b.Input("g", matrix(graph.Sym("n"), graph.Sym("m"), graph.Size(4))), b.Ints(-1, 4))
		b.Output(b.Op("Gemm", g, wt, graph.Int("transB", 1)))                                        // and its gradients
		b.Output(turn(b.Op("Gemm", rows, g, graph.Int("transA", 1), graph.Float("alpha", 2)), 1, 0)) // with a factor
		b.Output(b.Op("MatMul", turn(x, 0, 2, 1), x))
		b.Output(turn(b.Op("MatMul", x, turn(x, 0, 2, 1)), 0, 2, 1))
		b.Output(b.Op("MatMul", turn(x, 0, 1, 2), wt))               // nothing is turned on the left
		b.Output(b.Op("MatMul", turn(x, 1, 0, 2), turn(x, 1, 2, 0))) // the batch moves
		p := b.Op("MatMul", rows, wt)
		b.Output(p) // read twice: keeps its product
		b.Output(turn(p, 1, 0))
		b.Output(turn(b.Op("Gemm", rows, wt, v), 1, 0)) // a bias by rows is none by columns
	}},
	{"pack_matmul", []pass.Pass{{Name: "pack_matmul", Run: pass.PackMatMul}}, func(b *graph.Builder) { // 32 columns: panels of every tier
		x := b.Input("x", matrix(graph.Sym("n"), graph.Size(3), graph.Size(32)))
		h := b.Op("Add", fill(b, 0.25, 32), b.Op("MatMul", x, fill(b, 0.5, 32, 32)))
		h = b.Op("Gelu", b.Op("Add", x, h))
		h = b.Op("MatMul", h, fill(b, 0.5, 32, 32))
		b.Output(b.Op("Relu", h))
		b.Output(h) // read twice: nothing joins
		h = b.Op("Add", h, x)
		b.Output(b.Op("Clip", b.Op("MatMul", h, fill(b, 0.5, 32, 32)), b.Op("ReduceMin", x, graph.Int("keepdims", 0)))) // bounds that are not constant
		b.Output(b.Op("MatMul", h, fill(b, 1, 32, 3)))                                                                  // narrow
		b.Output(b.Op("Add", b.Op("MatMul", h, fill(b, 1, 32, 32)), fill(b, 1, 3, 1)))                                  // a column is no bias
	}},
	{"pack_gemm", []pass.Pass{{Name: "pack_matmul", Run: pass.PackMatMul}}, func(b *graph.Builder) {
		x := b.Input("x", matrix(graph.Sym("n"), graph.Size(32)))
		w := fill(b, 0.5, 64, 32)
		h := b.Op("Gemm", x, w, fill(b, 0.25, 1, 64), graph.Int("transB", 1), graph.Float("alpha", 2), graph.Float("beta", 3))
		b.Output(b.Op("Sigmoid", h))
		b.Output(b.Op("Gemm", x, fill(b, 1, 32, 32), x))
		b.Output(b.Op("Gemm", h, w, fill(b, 1, 1, 1)))                                           // a scalar is no bias
		b.Output(b.Op("Gemm", x, b.Op("Transpose", x), graph.Int("transA", 0)))                  // no constant
		b.Output(b.Op("Gemm", b.Op("Transpose", x), fill(b, 1, 32, 32), graph.Int("transA", 1))) // a transposed left side
	}},
	{"pack_recurrent", []pass.Pass{{Name: "pack_recurrent", Run: pass.PackRecurrent}}, func(b *graph.Builder) {
		x := b.Input("x", matrix(graph.Sym("t"), graph.Sym("n"), graph.Size(3)))
		h := b.Input("h", matrix(graph.Size(1), graph.Sym("n"), graph.Size(2)))
		for _, v := range b.OpN(3, "LSTM", x, fill(b, 0.5, 1, 8, 3), fill(b, 0.25, 1, 8, 2), fill(b, 0.125, 1, 16), (*graph.Value)(nil), h) {
			b.Output(v)
		}
		b.Output(b.Op("GRU", x, fill(b, 0.5, 1, 6, 3), fill(b, 0.25, 1, 6, 2), fill(b, 0.125, 1, 12), graph.Int("linear_before_reset", 1)))
		b.Output(b.Op("RNN", x, b.Input("w", matrix(graph.Dims(1, 2, 3)...)), fill(b, 0.25, 1, 2, 2), graph.Str("direction", "reverse"))) // packed in every run
		y := b.Op("Cast", x, graph.Int("to", int(tensor.Float64)))
		w := b.Op("Cast", fill(b, 0.5, 1, 2, 3), graph.Int("to", int(tensor.Float64)))
		r := b.Op("Cast", fill(b, 0.5, 1, 2, 2), graph.Int("to", int(tensor.Float64)))
		b.Output(b.Op("RNN", y, w, r))                                                                                    // float64
		b.Output(b.Op("RNN", x, b.Input("v", matrix(graph.Size(1), graph.Sym("k"), graph.Size(3))), fill(b, 1, 1, 2, 2))) // sizes that are not known
	}},
	{"prune", pass.Inference, func(b *graph.Builder) {
		x := b.Input("x", matrix(graph.Dims(1, 1, 4, 4)...))
		b.Op("Exp", x) // nobody reads it
		b.Const(tensor.Ints(1, 2, 3))
		b.Output(b.OpN(2, "MaxPool", x, graph.Ints("kernel_shape", 2, 2))[0])
	}},
	{"prune_batchnorm", []pass.Pass{{Name: "prune", Run: pass.Prune}}, func(b *graph.Builder) { // in training mode all outputs stay
		x := b.Input("x", matrix(graph.Dims(2, 1, 4, 4)...))
		args := []graph.Arg{x, fill(b, 1, 1), fill(b, 0.5, 1), fill(b, 0.25, 1), fill(b, 2, 1)}
		b.Output(b.OpN(3, "BatchNormalization", append(args, graph.Int("training_mode", 1))...)[0])
	}},
}

func TestPasses(t *testing.T) {
	for _, c := range slices.Concat(passCases, attentionPasses, elementwisePasses) {
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
	sameResultsWithin(t, before, after, 1e-6)
}

func sameResultsWithin(t *testing.T, before, after *graph.Graph, tol float64) {
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
		if v.Type.DType == tensor.Int64 { // indices
			in = append(in, tensor.Must(tensor.Of(make([]int64, n), shape...)))
			continue
		}
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(i%7) - 3
		}
		in = append(in, tensor.Must(tensor.FromFloats(v.Type.DType, x, shape...)))
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
		if d := optest.Diff(got[i], want[i], tol, tol); d != "" {
			t.Errorf("output %d: %s", i, d)
		}
	}
}
