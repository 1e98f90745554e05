package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestWhere(t *testing.T) {
	cond := tensor.Must(tensor.Of([]bool{true, false}, 2, 1))
	text := func(s ...string) *tensor.Tensor { return tensor.Must(tensor.OfStrings(s)) }
	optest.Run(t, Registry(), "Where", []optest.Case{
		{Name: "three ways", In: []*tensor.Tensor{cond, f32([]float32{1, 2, 3}, 3), tensor.Scalar[float32](9)}, Want: []*tensor.Tensor{f32([]float32{1, 2, 3, 9, 9, 9}, 2, 3)}},
		{Name: "strings", In: []*tensor.Tensor{vec(true, false), text("a", "b"), text("c")}, Want: []*tensor.Tensor{text("a", "c")}},
		{Name: "bools", In: []*tensor.Tensor{vec(true, false), vec(false), vec(true)}, Want: []*tensor.Tensor{vec(false, true)}},
		{Name: "f16", In: []*tensor.Tensor{vec(true, false), as(t, tensor.Float16, []float32{1}, 1), as(t, tensor.Float16, []float32{2}, 1)}, Want: []*tensor.Tensor{as(t, tensor.Float16, []float32{1, 2}, 2)}},
		{Name: "complex64", In: []*tensor.Tensor{vec(false), vec[complex64](1), vec[complex64](2i)}, Want: []*tensor.Tensor{vec[complex64](2i)}},
		{Name: "complex128", In: []*tensor.Tensor{vec(true), vec(1i), vec[complex128](2)}, Want: []*tensor.Tensor{vec(1i)}},
		{Name: "old", Since: 9, In: []*tensor.Tensor{vec(true, false), vec[int64](1<<53, 2), vec[int64](3, 4)}, Want: []*tensor.Tensor{vec[int64](1<<53, 4)}},
		{Name: "empty", In: []*tensor.Tensor{vec(true), f32(nil, 0), f32([]float32{1}, 1)}, Want: []*tensor.Tensor{f32(nil, 0)}},
		{Name: "branches", In: []*tensor.Tensor{vec(true), vec[int64](1), vec[float32](1)}, Err: graph.ErrType},
		{Name: "condition", In: []*tensor.Tensor{vec[int64](1), vec[int64](1), vec[int64](1)}, Err: graph.ErrType},
		{Name: "shapes", In: []*tensor.Tensor{vec(true), vec[int64](1, 2), vec[int64](1, 2, 3)}, Err: graph.ErrShape},
	})
}

// TestWhereIntegers follows the pattern with which exporters fill in the -1 of a shape.
func TestWhereIntegers(t *testing.T) {
	n := graph.Sym("n")
	for _, c := range []struct {
		cond []bool
		x, y []graph.Dim
		want string
	}{
		{[]bool{true, false}, []graph.Dim{graph.Size(1)}, []graph.Dim{n, n}, "[1,n]"},
		{[]bool{false}, []graph.Dim{graph.Size(1), graph.Size(2)}, []graph.Dim{n, graph.Unknown()}, "[n,?]"},
	} {
		node := &graph.Node{Op: Registry().Lookup("", "Where", 0), In: []*graph.Value{{}, {}, {}}, Out: []*graph.Value{{}}}
		info := func(v []graph.Dim) graph.Info {
			return graph.Info{Type: graph.TensorType(tensor.Int64, graph.Size(len(v))), Ints: v}
		}
		cond := vec(c.cond...)
		out, err := graph.InferOutputs(Registry(), node, []graph.Info{{Type: graph.TypeOf(cond), Const: cond}, info(c.x), info(c.y)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := graph.ShapeString(out[0].Ints); got != c.want {
			t.Errorf("where %v is %s, want %s", c.cond, got, c.want)
		}
	}
}
