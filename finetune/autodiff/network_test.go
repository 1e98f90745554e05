package autodiff_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/finetune/autodiff"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// network builds outputs from inputs.
type network func(b *graph.Builder, in []*graph.Value) []*graph.Value

var none *graph.Value // an optional input that is not there

// objective is the graph of Σ c·y over the outputs y of a network, with fixed numbers c that differ from element to element.
func objective(t *testing.T, net network, types []graph.Type) (*graph.Builder, []*graph.Value, *graph.Value) {
	t.Helper()
	b := graph.NewBuilder(ops.Registry(), nil)
	var in []*graph.Value
	for i, typ := range types {
		in = append(in, b.Input(string(rune('a'+i)), typ))
	}
	var loss *graph.Value
	for k, y := range net(b, in) {
		size := b.Op("Size", y)
		n := b.Op("Cast", b.Op("Range", b.Scalar(tensor.Int64, 0), size, b.Scalar(tensor.Int64, 1)), graph.Int("to", int(tensor.Float64)))
		c := b.Op("Cos", b.Op("Add", n, b.Scalar(tensor.Float64, float64(k)+0.3)))
		flat := b.Op("Reshape", y, b.Ints(-1))
		term := b.Op("ReduceSum", b.Op("Mul", b.Op("Cast", flat, graph.Int("to", int(tensor.Float64))), c), graph.Int("keepdims", 0))
		if k > 0 {
			term = b.Op("Add", loss, term)
		}
		loss = term
	}
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	return b, in, loss
}

func run(t *testing.T, g *graph.Graph, feeds []*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	s, err := runtime.Compile(g)
	if err != nil {
		t.Fatalf("%v\n%s", err, g)
	}
	defer s.Close()
	out := make([]*tensor.Tensor, len(g.Outputs))
	if err := s.RunInto(context.Background(), feeds, out); err != nil {
		t.Fatalf("%v\n%s", err, g)
	}
	return out
}

// symbolic forgets the extents of a tensor.
func symbolic(x *tensor.Tensor, name string) graph.Type {
	typ := graph.TypeOf(x)
	for i := range typ.Shape {
		typ.Shape[i] = graph.Sym(name + string(rune('0'+i)))
	}
	return typ
}

// gradients are those of the objective with respect to the first n inputs, computed with extents that are known and with symbols in their place. They must be the same.
func gradients(t *testing.T, net network, n int, feeds ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	var both [2][]*tensor.Tensor
	for pass := range both {
		var types []graph.Type
		for i, x := range feeds {
			if types = append(types, graph.TypeOf(x)); pass == 1 {
				types[i] = symbolic(x, string(rune('A'+i)))
			}
		}
		b, in, loss := objective(t, net, types)
		grads, err := autodiff.Gradients(ops.Registry(), b.Graph, loss, in[:n])
		if err != nil {
			t.Fatal(err)
		}
		if err := graph.Verify(b.Graph); err != nil {
			t.Fatalf("%v\n%s", err, b.Graph)
		}
		b.Output(loss)
		for i, v := range grads {
			if v == nil {
				t.Fatalf("input %d has no gradient", i)
			}
			b.Output(v)
		}
		both[pass] = run(t, b.Graph, feeds)
		for i, x := range both[pass][1:] {
			if !x.Shape().Equal(feeds[i].Shape()) || x.DType() != feeds[i].DType() {
				t.Fatalf("the gradient of input %d is %s, want that of %s\n%s", i, x, feeds[i], b.Graph)
			}
		}
	}
	for i, x := range both[0] {
		same(t, both[1][i], x, 1e-12)
	}
	return both[0][1:]
}

func same(t *testing.T, got, want *tensor.Tensor, tolerance float64) {
	t.Helper()
	if !got.Shape().Equal(want.Shape()) {
		t.Fatalf("%s, want %s", got, want)
	}
	for i := range want.Len() {
		if d := math.Abs(got.Float(i) - want.Float(i)); !(d <= tolerance*(1+math.Abs(want.Float(i)))) {
			t.Fatalf("element %d is %v, want %v", i, got.Float(i), want.Float(i))
		}
	}
}

// differences holds the gradients with respect to the first n inputs, of type float64, to central differences.
func differences(t *testing.T, net network, n int, feeds ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	grads := gradients(t, net, n, feeds...)
	var types []graph.Type
	for _, x := range feeds {
		types = append(types, graph.TypeOf(x))
	}
	b, _, loss := objective(t, net, types)
	b.Output(loss)
	s, err := runtime.Compile(b.Graph)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := func() float64 {
		out := make([]*tensor.Tensor, 1)
		if err := s.RunInto(context.Background(), feeds, out); err != nil {
			t.Fatal(err)
		}
		return out[0].Float(0)
	}
	for i, x := range feeds[:n] {
		data := tensor.Data[float64](x)
		for k, v := range data {
			const h = 1e-5
			data[k] = v + h
			up := at()
			data[k] = v - h
			down := at()
			data[k] = v
			want := (up - down) / (2 * h)
			if got := grads[i].Float(k); !(math.Abs(got-want) <= 1e-7*(1+math.Abs(want))) {
				t.Errorf("input %d, element %d: gradient %v, difference %v", i, k, got, want)
			}
		}
	}
	return grads
}

// numbers are random ones of about 1.
func numbers(seed uint64, shape ...int) *tensor.Tensor {
	r := rand.New(rand.NewPCG(seed, 7))
	n := 1
	for _, d := range shape {
		n *= d
	}
	v := make([]float64, n)
	for i := range v {
		v[i] = r.NormFloat64()
	}
	x, err := tensor.FromFloats(tensor.Float64, v, shape...)
	if err != nil {
		panic(err)
	}
	return x
}

// inside is a graph for an attribute of a node that b builds.
func inside(b *graph.Builder, build func(b *graph.Builder)) *graph.Graph {
	s := b.Sub(&graph.Graph{})
	build(s)
	if s.Err() != nil {
		b.Fail(s.Err())
	}
	return s.Graph
}

func body(g *graph.Graph) graph.Attr { return graph.GraphAttr("body", g) }

var anyFloat = graph.Unranked(tensor.Float64)

func conditional(b *graph.Builder, n int, cond *graph.Value, yes, no func(b *graph.Builder)) []*graph.Value {
	return b.OpN(n, "If", cond, graph.GraphAttr("then_branch", inside(b, yes)), graph.GraphAttr("else_branch", inside(b, no)))
}
