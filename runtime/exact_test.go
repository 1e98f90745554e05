package runtime_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// TestExactConv: minimal filtering is used where it pays and not under WithExactConv; errors against float64 are at most ten times those of
// the exact convolution and far below a thousandth of the largest value.
func TestExactConv(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(shape ...int) *tensor.Tensor {
		x := make([]float32, tensor.Shape(shape).Elems())
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return tensor.Must(tensor.Of(x, shape...))
	}
	x, w := random(2, 64, 28, 30), random(96, 64, 3, 3)
	build := func(d tensor.DType) *graph.Graph {
		b := graph.NewBuilder(ops.Registry(), nil)
		in := b.Input("x", graph.TensorType(tensor.Float32, graph.Sym("n"), graph.Size(64), graph.Sym("h"), graph.Sym("w")))
		to := graph.Int("to", int(d))
		b.Output(b.Op("Conv", b.Op("Cast", in, to), b.Op("Cast", b.Const(w), to), graph.Ints("pads", 1, 1, 1, 1)))
		if b.Err() != nil {
			t.Fatal(b.Err())
		}
		return b.Graph
	}
	run := func(g *graph.Graph, opts ...runtime.Option) (*tensor.Tensor, bool) {
		s, err := runtime.Compile(g, opts...)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]*tensor.Tensor, 1)
		if err := s.RunInto(context.Background(), []*tensor.Tensor{x}, out); err != nil {
			t.Fatal(err)
		}
		winograd := false
		s.Graph().Walk(func(_ *graph.Graph, n *graph.Node) bool {
			winograd = winograd || n.Op.Name == "ConvWinograd"
			return true
		})
		return out[0], winograd
	}
	want, _ := run(build(tensor.Float64))
	exact, winograd := run(build(tensor.Float32), runtime.WithExactConv())
	if winograd {
		t.Error("minimal filtering under WithExactConv")
	}
	fast, winograd := run(build(tensor.Float32))
	if !winograd {
		t.Skip("this machine computes all convolutions directly")
	}
	if d := optest.Diff(fast, exact, 1e-4, 1e-3); d != "" {
		t.Error(d)
	}
	errorOf := func(got *tensor.Tensor) (most float64) {
		for i := range got.Len() {
			most = max(most, math.Abs(got.Float(i)-want.Float(i)))
		}
		return most
	}
	if e, f := errorOf(exact), errorOf(fast); f > 10*e || f > 1e-4*largest(want) {
		t.Errorf("error %g by minimal filtering, %g by sums of products, largest value %g", f, e, largest(want))
	} else {
		t.Logf("error %g by minimal filtering, %g by sums of products, largest value %g", f, e, largest(want))
	}
}
