package gonum_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/gonum"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

func TestFrom(t *testing.T) {
	m := mat.NewDense(3, 4, []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	part := m.Slice(1, 3, 1, 3).(*mat.Dense)
	for _, c := range []struct {
		name   string
		make   func() (*tensor.Tensor, error)
		want   []float64
		shape  tensor.Shape
		shared bool
	}{
		{"matrix", func() (*tensor.Tensor, error) { return gonum.FromDense(m) }, m.RawMatrix().Data, tensor.Shape{3, 4}, true},
		{"part", func() (*tensor.Tensor, error) { return gonum.FromDense(part) }, []float64{5, 6, 9, 10}, tensor.Shape{2, 2}, false},
		{"transposed part", func() (*tensor.Tensor, error) { return gonum.FromMatrix(part.T()) }, []float64{5, 9, 6, 10}, tensor.Shape{2, 2}, false},
		{"symmetric", func() (*tensor.Tensor, error) { return gonum.FromMatrix(mat.NewSymDense(2, []float64{1, 2, 0, 3})) }, []float64{1, 2, 2, 3}, tensor.Shape{2, 2}, false},
		{"row", func() (*tensor.Tensor, error) { return gonum.FromVector(m.RowView(1)) }, []float64{4, 5, 6, 7}, tensor.Shape{4}, true},
		{"column", func() (*tensor.Tensor, error) { return gonum.FromVector(m.ColView(1)) }, []float64{1, 5, 9}, tensor.Shape{3}, false},
	} {
		x, err := c.make()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := tensor.Data[float64](x)
		if !x.Shape().Equal(c.shape) || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %s %v, want %v %v", c.name, x, got, c.shape, c.want)
		}
		was := m.RawMatrix().Data[4]
		m.RawMatrix().Data[4] = -1
		if shared := fmt.Sprint(got) != fmt.Sprint(c.want) || c.name == "matrix"; shared != c.shared {
			t.Errorf("%s: shares its memory: %v, want %v", c.name, shared, c.shared)
		}
		m.RawMatrix().Data[4] = was
	}
	if _, err := gonum.FromDense(&mat.Dense{}); !errors.Is(err, tensor.ErrShape) {
		t.Error("an empty matrix:", err)
	}
	if _, err := gonum.FromVector(nil); !errors.Is(err, tensor.ErrShape) {
		t.Error("no vector:", err)
	}
}

func TestTo(t *testing.T) {
	x := tensor.Must(tensor.Of([]float64{0, 1, 2, 3, 4, 5, 6, 7}, 2, 2, 2))
	m, err := gonum.ToDense(x)
	if err != nil {
		t.Fatal(err)
	}
	if r, c := m.Dims(); r != 4 || c != 2 || m.At(3, 0) != 6 {
		t.Errorf("%d × %d: %v", r, c, m)
	}
	m.Set(0, 0, 42)
	if x.Float(0) != 42 {
		t.Error("the matrix is a copy")
	}
	v, err := gonum.ToVector(tensor.Must(tensor.Of([]float64{1, 2, 3}, 1, 3)))
	if err != nil || v.Len() != 3 || v.AtVec(2) != 3 {
		t.Error(v, err)
	}
	if m, err = gonum.ToDense(tensor.Scalar(2.5)); err != nil || m.At(0, 0) != 2.5 {
		t.Error(m, err)
	}
	for name, err := range map[string]error{
		"float32":          second(gonum.ToDense(tensor.Scalar(float32(1)))),
		"empty":            second(gonum.ToDense(tensor.Must(tensor.New(tensor.Float64, 0, 2)))),
		"matrix as vector": second(gonum.ToVector(x)),
		"nothing":          second(gonum.ToDense(nil)),
	} {
		if err == nil {
			t.Error(name, "is no error")
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A model of float64 takes a matrix and gives one.
func Example() {
	b := graph.NewBuilder(ops.Registry(), nil)
	x := b.Input("x", graph.TensorType(tensor.Float64, graph.Sym("n"), graph.Size(2)))
	b.Output(b.Op("MatMul", x, b.Const(tensor.Must(tensor.Of([]float64{0, 1, 1, 0}, 2, 2)))))
	s, err := runtime.Compile(b.Graph)
	if err != nil {
		fmt.Println(err)
		return
	}
	in, err := gonum.FromDense(mat.NewDense(2, 2, []float64{1, 2, 3, 4}))
	if err != nil {
		fmt.Println(err)
		return
	}
	out := make([]*tensor.Tensor, 1)
	if err := s.RunInto(context.Background(), []*tensor.Tensor{in}, out); err != nil {
		fmt.Println(err)
		return
	}
	m, err := gonum.ToDense(out[0])
	fmt.Println(mat.Formatted(m), err)
	// Output:
	// ⎡2  1⎤
	// ⎣4  3⎦ <nil>
}
