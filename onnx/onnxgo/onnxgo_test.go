package onnxgo_test

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"testing"

	"github.com/owulveryck/onnx-go"
	"github.com/owulveryck/onnx-go/backend"
	gorgonia "gorgonia.org/tensor"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	ours "github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/onnx/onnxgo"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

var _ backend.ComputationBackend = (*onnxgo.Graph)(nil)

// model is the file of a graph that f builds of an input x of n elements.
func model(t testing.TB, n int, f func(b *graph.Builder, x *graph.Value)) []byte {
	b := graph.NewBuilder(ops.Registry(), nil)
	b.Graph.Opsets = map[string]int{"": 21}
	f(b, b.Input("x", graph.TensorType(tensor.Float32, graph.Size(n))))
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	file, err := ours.Marshal(b.Graph)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestSameInputTwice: a value that is read at two positions, and an absent input between two others.
func TestSameInputTwice(t *testing.T) {
	file := model(t, 3, func(b *graph.Builder, x *graph.Value) {
		square := b.Op("Mul", x, x)
		b.Output(b.Op("Clip", square, (*graph.Value)(nil), b.Scalar(tensor.Float32, 5)))
	})
	g := onnxgo.NewGraph(onnxgo.WithOpset(21))
	m := onnx.NewModel(g)
	if err := m.UnmarshalBinary(file); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2][]float32{{{1, -2, 3}, {1, 4, 5}}, {{0, 1, 2}, {0, 1, 4}}} {
		if err := m.SetInput(0, vector(c[0]...)); err != nil {
			t.Fatal(err)
		}
		if err := g.Run(); err != nil {
			t.Fatal(err)
		}
		out, err := m.GetOutputTensors()
		if err != nil || !reflect.DeepEqual(out[0].Data(), c[1]) {
			t.Errorf("%v gives %v, %v; want %v", c[0], out[0].Data(), err, c[1])
		}
	}
}

// TestInnerValue: a value inside of the model is computed when somebody asks for it.
func TestInnerValue(t *testing.T) {
	var inner string
	file := model(t, 2, func(b *graph.Builder, x *graph.Value) {
		h := b.Op("Neg", x)
		inner = h.Name
		b.Output(b.Op("Abs", h))
	})
	g := onnxgo.NewGraph()
	m := onnx.NewModel(g)
	if err := m.UnmarshalBinary(file); err != nil {
		t.Fatal(err)
	}
	if err := m.SetInput(0, vector(1, 2)); err != nil {
		t.Fatal(err)
	}
	if err := g.Run(); err != nil {
		t.Fatal(err)
	}
	n, ok := m.GetNodeByName(inner)
	if !ok {
		t.Fatal("no node ", inner)
	}
	if v := n.(onnx.DataCarrier).GetTensor(); v == nil || !reflect.DeepEqual(v.Data(), []float32{-1, -2}) {
		t.Errorf("the inner value is %v, want -1, -2", v)
	}
}

// TestErrors: what is missing or wrong is an error that says so.
func TestErrors(t *testing.T) {
	file := model(t, 2, func(b *graph.Builder, x *graph.Value) { b.Output(b.Op("MatMul", x, x)) })
	m, g, err := onnxgo.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Run(); err == nil {
		t.Error("a run without input succeeds")
	}
	if err := m.SetInput(0, vector(1, 2, 3)); err != nil {
		t.Fatal(err)
	}
	if err := g.Run(); !errors.Is(err, graph.ErrShape) {
		t.Errorf("an input of another size: %v", err)
	}
	for _, bad := range [][]byte{nil, []byte("no model"), file[:len(file)/2]} {
		if _, _, err := onnxgo.Load(bad); err == nil {
			t.Errorf("%d bytes that are no model load", len(bad))
		}
	}
	huge := model(t, 1<<40, func(b *graph.Builder, x *graph.Value) { b.Output(b.Op("Neg", x)) })
	if _, _, err := onnxgo.Load(huge); err != nil { // the size of an input is no reason to allocate
		t.Error(err)
	}
	unknown := onnxgo.NewGraph()
	err = unknown.ApplyOperation(onnx.Operation{Name: "NoSuchOperator"}, named(unknown, "y"))
	var missing *onnx.ErrNotImplemented
	if !errors.As(err, &missing) {
		t.Errorf("an unknown operator: %v", err)
	}
}

func named(g *onnxgo.Graph, name string) *onnxgo.Node {
	n := g.NewNode().(*onnxgo.Node)
	n.SetName(name)
	g.AddNode(n)
	return n
}

func Example() {
	b, err := os.ReadFile("../../testdata/lenet5/model.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	g := onnxgo.NewGraph()
	m := onnx.NewModel(g)
	if err := m.UnmarshalBinary(b); err != nil {
		fmt.Println(err)
		return
	}
	black := gorgonia.New(gorgonia.WithShape(1, 1, 28, 28), gorgonia.Of(gorgonia.Float32))
	if err := m.SetInput(0, black); err != nil {
		fmt.Println(err)
		return
	}
	if err := g.Run(); err != nil {
		fmt.Println(err)
		return
	}
	output, err := m.GetOutputTensors()
	fmt.Println(output[0].Shape(), err)
	// Output: (1, 10) <nil>
}

func ExampleLoad() {
	b, err := os.ReadFile("../../testdata/lenet5/model.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	m, g, err := onnxgo.Load(b)
	if err != nil {
		fmt.Println(err)
		return
	}
	black := gorgonia.New(gorgonia.WithShape(1, 1, 28, 28), gorgonia.Of(gorgonia.Float32))
	if err := m.SetInput(0, black); err != nil {
		fmt.Println(err)
		return
	}
	if err := g.Run(); err != nil {
		fmt.Println(err)
		return
	}
	output, err := m.GetOutputTensors()
	fmt.Println(output[0].Shape(), err)
	// Output: (1, 10) <nil>
}
