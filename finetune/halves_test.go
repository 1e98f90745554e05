package finetune_test

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// halfModel is y = relu(x·W + b)·V with everything of type d; the second product is in float32 between two conversions when mixed.
func halfModel(t *testing.T, d tensor.DType, mixed bool) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder(ops.Registry(), &graph.Graph{Opsets: map[string]int{"": 17}})
	param := func(name string, d tensor.DType, shape ...int) *graph.Value {
		v := make([]float64, tensor.Shape(shape).Elems())
		for i := range v {
			v[i] = math.Sin(float64(7*i+len(name))) / 2
		}
		c := b.Const(tensor.Must(tensor.FromFloats(d, v, shape...)))
		c.Name = name
		return c
	}
	x := b.Input("x", graph.TensorType(d, graph.Sym("batch"), graph.Size(3)))
	h := b.Op("Relu", b.Op("Add", b.Op("MatMul", x, param("fc1.weight", d, 3, 4)), param("fc1.bias", d, 4)))
	if mixed {
		h = b.Op("Cast", h, graph.Int("to", int(tensor.Float32)))
		h = b.Op("Cast", b.Op("MatMul", h, param("fc2.weight", tensor.Float32, 4, 2)), graph.Int("to", int(d)))
	} else {
		h = b.Op("MatMul", h, param("fc2.weight", d, 4, 2))
	}
	h.Name = "out"
	b.Output(h)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	return throughFile(t, func(path string) error { return onnx.Save(path, b.Graph) })
}

// throughFile is what can be loaded of what save writes.
func throughFile(t *testing.T, save func(path string) error) *graph.Graph {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := save(path); err != nil {
		t.Fatal(err)
	}
	g, err := onnx.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestHalves: models of float16 and bfloat16 train in float32, by steps that halves could not hold, and are saved with the types that they had.
func TestHalves(t *testing.T) {
	for _, d := range []tensor.DType{tensor.Float16, tensor.BFloat16} {
		for _, mixed := range []bool{false, true} {
			g := halfModel(t, d, mixed)
			m, err := finetune.New(g)
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Params) != 3 {
				t.Fatalf("%d parameters, want 3", len(m.Params))
			}
			if r, err := m.Report(); err != nil || len(r.Folded) == 0 || !strings.Contains(strings.Join(r.Folded, "\n"), "float16") {
				t.Error("the report does not tell of halves: ", r, err)
			}
			if err := m.Freeze("fc1.bias"); err != nil {
				t.Fatal(err)
			}
			l, err := loss.New("mse", nil)
			if err != nil {
				t.Fatal(err)
			}
			s, err := finetune.NewStep(m, finetune.Config{Loss: l, Optimizer: optim.NewAdam(1e-5)})
			if err != nil {
				t.Fatal(err)
			}
			x := tensor.Must(tensor.FromFloats(d, []float64{1, 2, 3, -1, 0, 0.5}, 2, 3))
			batch := map[string]*tensor.Tensor{"x": x, "y": tensor.Must(tensor.Of([]float32{1, -1, 0, 1}, 2, 2))}
			before := m.Param("fc1.weight").Value.Const.Float(0)
			var first, last float64
			for i := range 50 {
				r, err := s.Run(t.Context(), batch)
				if err != nil {
					t.Fatal(err)
				}
				if last = r.Loss; i == 0 {
					first = last
				}
			}
			moved := math.Abs(m.Param("fc1.weight").Value.Const.Float(0) - before)
			if !(last < first) || moved == 0 || moved > 6e-4 { // 50 steps of 1e-5
				t.Errorf("%s: the loss went from %v to %v, a weight by %v", d, first, last, moved)
			}
			saved := throughFile(t, func(path string) error { return m.Save(path) })
			for i, v := range g.Consts {
				w := saved.Consts[i]
				if w.Name != v.Name || w.Const.DType() != v.Const.DType() {
					t.Errorf("%s: constant %s %s is saved as %s %s", d, v.Name, v.Const, w.Name, w.Const)
				}
				if v.Name == "fc1.bias" && string(w.Const.Bytes()) != string(v.Const.Bytes()) {
					t.Errorf("%s: a frozen bias changed", d)
				}
			}
			if in, out := saved.Inputs[0].Type.DType, saved.Outputs[0].Type.DType; in != d || out != d {
				t.Errorf("input and output are saved as %s and %s, want %s", in, out, d)
			}
			sameAfter(t, m, saved, x, 0.02) // weights rounded to 8 bits
		}
	}
}

// sameAfter holds the first output of m against that of what was saved.
func sameAfter(t *testing.T, m *finetune.Model, saved *graph.Graph, x *tensor.Tensor, tol float64) {
	t.Helper()
	again, err := finetune.New(saved)
	if err != nil {
		t.Fatal(err)
	}
	run := func(m *finetune.Model) *tensor.Tensor {
		out, err := m.Run(t.Context(), map[string]*tensor.Tensor{"x": x})
		if err != nil {
			t.Fatal(err)
		}
		return out[m.Graph.Outputs[0].Name]
	}
	want, got := run(m), run(again)
	for i := range want.Len() {
		if a, b := want.Float(i), got.Float(i); !(math.Abs(a-b) <= tol*max(1, math.Abs(a))) {
			t.Errorf("output %d is %v after loading, %v before", i, b, a)
		}
	}
}

// TestHalvesOverflow: a weight that the type of the file cannot hold is an error that names it, not an infinity.
func TestHalvesOverflow(t *testing.T) {
	m, err := finetune.New(halfModel(t, tensor.Float16, false))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Param("fc1.bias").Set(tensor.Must(tensor.Of([]float32{1, 70000, 2, 3}, 4))); err != nil {
		t.Fatal(err)
	}
	err = m.Save(filepath.Join(t.TempDir(), "m.onnx"))
	if err == nil || !strings.Contains(err.Error(), "fc1.bias") || !strings.Contains(err.Error(), "70000") {
		t.Error("70000 as float16: ", err)
	}
}

// TestHalvesHead: what is new in the graph, in float32, is saved in the type of what it is combined with.
func TestHalvesHead(t *testing.T) {
	m, err := finetune.New(halfModel(t, tensor.Float16, false))
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilder(ops.Registry(), m.Graph)
	w := b.Const(tensor.Must(tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)))
	scale := m.Op(b, "Exp", b.Const(tensor.Must(tensor.Of([]float32{0, 1, 0}, 3)))) // float32 until it meets the product
	m.Graph.Outputs = []*graph.Value{m.Op(b, "Mul", m.Op(b, "MatMul", m.Graph.Outputs[0], w), scale)}
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	saved := throughFile(t, func(path string) error { return m.Save(path) })
	if d := saved.Outputs[0].Type.DType; d != tensor.Float16 {
		t.Errorf("the new output is saved as %s", d)
	}
	sameAfter(t, m, saved, tensor.Must(tensor.Of([]float32{1, 2, 3}, 1, 3)), 4e-3)
}
