package autodiff_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
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

func TestIf(t *testing.T) {
	x, w := numbers(1, 2, 3), numbers(2, 3)
	for _, cond := range []bool{true, false} {
		c := tensor.Scalar(cond)
		nets := map[string]network{
			"both": func(b *graph.Builder, in []*graph.Value) []*graph.Value {
				return conditional(b, 1, in[2],
					func(b *graph.Builder) { b.Output(b.Op("Tanh", b.Op("Mul", in[0], in[1]))) }, // broadcast
					func(b *graph.Builder) { b.Output(b.Op("Sub", in[0], b.Op("Mul", in[1], in[1]))) })
			},
			"one in each, used outside too": func(b *graph.Builder, in []*graph.Value) []*graph.Value {
				y := conditional(b, 1, in[2],
					func(b *graph.Builder) { b.Output(b.Op("Exp", in[0])) },
					func(b *graph.Builder) { b.Output(b.Op("Exp", in[1])) })
				return append(y, b.Op("Mul", in[0], in[1]))
			},
			"what is captured": func(b *graph.Builder, in []*graph.Value) []*graph.Value {
				h := b.Op("Sin", in[0])
				y := conditional(b, 2, in[2],
					func(b *graph.Builder) { b.Output(h); b.Output(h) },
					func(b *graph.Builder) { b.Output(in[0]); b.Output(b.Op("Add", in[1], h)) })
				return y
			},
			"constant": func(b *graph.Builder, in []*graph.Value) []*graph.Value {
				y := conditional(b, 2, in[2],
					func(b *graph.Builder) {
						b.Output(b.Const(numbers(9, 2, 3)))
						b.Output(b.Op("Sigmoid", b.Op("Add", in[0], in[1])))
					},
					func(b *graph.Builder) { b.Output(b.Op("Mul", in[0], in[1])); b.Output(b.Const(numbers(8, 2, 3))) })
				return y
			},
			"integers": func(b *graph.Builder, in []*graph.Value) []*graph.Value {
				y := conditional(b, 2, in[2],
					func(b *graph.Builder) { b.Output(b.Op("Shape", in[0])); b.Output(b.Op("Add", in[1], in[0])) },
					func(b *graph.Builder) { b.Output(b.Ints(3, 2)); b.Output(b.Op("Mul", in[1], in[0])) })
				return []*graph.Value{b.Op("Reshape", y[1], y[0])}
			},
			"nested": func(b *graph.Builder, in []*graph.Value) []*graph.Value {
				return conditional(b, 1, in[2],
					func(b *graph.Builder) {
						h := b.Op("Mul", in[0], in[1])
						b.Output(conditional(b, 1, b.Op("Greater", b.Op("ReduceSum", h, graph.Int("keepdims", 0)), b.Scalar(tensor.Float64, 0)),
							func(b *graph.Builder) { b.Output(b.Op("Mul", h, in[0])) },
							func(b *graph.Builder) { b.Output(b.Op("Mul", h, b.Op("Cos", h))) })[0])
					},
					func(b *graph.Builder) { b.Output(b.Op("Add", in[0], in[1])) })
			},
		}
		for name, net := range nets {
			t.Run(name, func(t *testing.T) { differences(t, net, 2, x, w, c) })
		}
	}
}

// scanRNN is h' = tanh(x·W + h·R + b) over the first axis of x as a Scan, from h on; it returns all h and the last.
func scanRNN(attrs ...graph.Attr) network {
	return func(b *graph.Builder, in []*graph.Value) []*graph.Value {
		x, h, w, r, bias := in[0], in[1], in[2], in[3], in[4]
		g := inside(b, func(b *graph.Builder) {
			h, x := b.Input("h", anyFloat), b.Input("x", anyFloat)
			y := b.Op("Tanh", b.Op("Add", b.Op("Add", b.Op("MatMul", x, w), b.Op("MatMul", h, r)), bias))
			b.Output(y)
			b.Output(y)
		})
		args := []graph.Arg{h, x, body(g), graph.Int("num_scan_inputs", 1)}
		for _, a := range attrs {
			args = append(args, a)
		}
		out := b.OpN(2, "Scan", args...)
		return []*graph.Value{out[1], out[0]}
	}
}

// loopRNN is the same as a Loop, which runs as often as in[5] says.
func loopRNN(b *graph.Builder, in []*graph.Value) []*graph.Value {
	x, h, w, r, bias := in[0], in[1], in[2], in[3], in[4]
	g := inside(b, func(b *graph.Builder) {
		k, more, h := b.Input("k", graph.TensorType(tensor.Int64)), b.Input("more", graph.TensorType(tensor.Bool)), b.Input("h", anyFloat)
		x := b.Op("Gather", x, k, graph.Int("axis", 0))
		y := b.Op("Tanh", b.Op("Add", b.Op("Add", b.Op("MatMul", x, w), b.Op("MatMul", h, r)), bias))
		b.Output(more)
		b.Output(y)
		b.Output(y)
	})
	out := b.OpN(2, "Loop", in[5], none, h, body(g))
	return []*graph.Value{out[1], out[0]}
}

// plainRNN is the same without control flow.
func plainRNN(steps int, reverse bool) network {
	return func(b *graph.Builder, in []*graph.Value) []*graph.Value {
		h := in[1]
		all := make([]*graph.Value, steps)
		for k := range steps {
			i := k
			if reverse {
				i = steps - 1 - k
			}
			x := b.Op("Gather", in[0], b.Scalar(tensor.Int64, float64(i)), graph.Int("axis", 0))
			h = b.Op("Tanh", b.Op("Add", b.Op("Add", b.Op("MatMul", x, in[2]), b.Op("MatMul", h, in[3])), in[4]))
			all[k] = b.Op("Unsqueeze", h, b.Ints(0))
		}
		args := []graph.Arg{graph.Int("axis", 0)}
		for _, v := range all {
			args = append(args, v)
		}
		return []*graph.Value{b.Op("Concat", args...), h}
	}
}

// operatorRNN is the same as the operator of that name.
func operatorRNN(b *graph.Builder, in []*graph.Value) []*graph.Value {
	w := b.Op("Unsqueeze", b.Op("Transpose", in[2]), b.Ints(0))
	r := b.Op("Unsqueeze", b.Op("Transpose", in[3]), b.Ints(0))
	bias := b.Op("Unsqueeze", b.Op("Concat", in[4], b.Op("Mul", in[4], b.Scalar(tensor.Float64, 0)), graph.Int("axis", 0)), b.Ints(0))
	out := b.OpN(2, "RNN", in[0], w, r, bias, none, b.Op("Unsqueeze", in[1], b.Ints(0)), graph.Int("hidden_size", 4))
	return []*graph.Value{b.Op("Squeeze", out[0], b.Ints(1)), b.Op("Squeeze", out[1], b.Ints(0))}
}

func rnnFeeds(steps int) []*tensor.Tensor {
	return []*tensor.Tensor{numbers(1, steps, 2, 3), numbers(2, 2, 4), numbers(3, 3, 4), numbers(4, 4, 4), numbers(5, 4)}
}

func TestRecurrent(t *testing.T) {
	feeds := rnnFeeds(5)
	steps := append(feeds[:5:5], tensor.Scalar(int64(5)))
	want := differences(t, plainRNN(5, false), 5, feeds...)
	compare := func(name string, net network, feeds []*tensor.Tensor, want []*tensor.Tensor) {
		t.Run(name, func(t *testing.T) {
			for i, got := range gradients(t, net, 5, feeds...) {
				same(t, got, want[i], 1e-9)
			}
		})
	}
	compare("scan", scanRNN(), feeds, want)
	compare("loop", loopRNN, steps, want)
	compare("operator", operatorRNN, feeds, want)
	back := differences(t, plainRNN(5, true), 5, feeds...)
	compare("backwards", scanRNN(graph.Ints("scan_input_directions", 1)), feeds, back)
}

// Axes and directions of what is scanned and collected.
func TestScanAxes(t *testing.T) {
	for _, axes := range [][4]int64{{1, 0, 0, 0}, {-1, 1, 1, 0}, {0, 0, -1, 1}, {1, 1, 2, 1}} {
		net := func(b *graph.Builder, in []*graph.Value) []*graph.Value {
			g := inside(b, func(b *graph.Builder) {
				s, x := b.Input("s", anyFloat), b.Input("x", anyFloat)
				s = b.Op("Add", b.Op("Mul", s, b.Op("ReduceSum", b.Op("Sin", x), graph.Int("keepdims", 0))), b.Op("ReduceMean", x, graph.Int("keepdims", 0)))
				b.Output(s)
				b.Output(b.Op("Mul", x, s))
			})
			return b.OpN(2, "Scan", in[0], in[1], body(g), graph.Int("num_scan_inputs", 1), graph.Ints("scan_input_axes", axes[0]), graph.Ints("scan_input_directions", axes[1]),
				graph.Ints("scan_output_axes", axes[2]), graph.Ints("scan_output_directions", axes[3]))
		}
		differences(t, net, 2, numbers(1), numbers(2, 3, 4, 2))
	}
}

func TestNested(t *testing.T) {
	// Per row, h' = h·x where the sum of h is positive, else h − w, and inside a second Scan along the columns.
	net := func(b *graph.Builder, in []*graph.Value) []*graph.Value {
		w := in[2]
		g := inside(b, func(b *graph.Builder) {
			h, x := b.Input("h", anyFloat), b.Input("x", anyFloat)
			up := b.Op("Greater", b.Op("ReduceSum", h, graph.Int("keepdims", 0)), b.Scalar(tensor.Float64, 0))
			next := conditional(b, 1, up,
				func(b *graph.Builder) { b.Output(b.Op("Mul", h, b.Op("Cos", x))) },
				func(b *graph.Builder) { b.Output(b.Op("Sub", w, h)) })[0]
			g := inside(b, func(b *graph.Builder) {
				s, x := b.Input("s", anyFloat), b.Input("x", anyFloat)
				s = b.Op("Tanh", b.Op("Add", b.Op("Mul", s, b.Op("Gather", w, b.Scalar(tensor.Int64, 1))), x))
				b.Output(s)
				b.Output(b.Op("Mul", s, s))
			})
			inner := b.OpN(2, "Scan", b.Op("ReduceMean", h, graph.Int("keepdims", 0)), next, body(g), graph.Int("num_scan_inputs", 1))
			b.Output(b.Op("Add", next, inner[0]))
			b.Output(inner[1])
		})
		return b.OpN(2, "Scan", in[0], in[1], body(g), graph.Int("num_scan_inputs", 1))
	}
	differences(t, net, 3, numbers(1, 3), numbers(2, 4, 3), numbers(3, 3))
}

// while doubles x and adds w as long as the sum stays below 20; the number of iterations depends on x.
func while(b *graph.Builder, in []*graph.Value) []*graph.Value {
	below := func(b *graph.Builder, x *graph.Value) *graph.Value {
		return b.Op("Less", b.Op("ReduceSum", b.Op("Abs", x), graph.Int("keepdims", 0)), b.Scalar(tensor.Float64, 20))
	}
	w := in[1]
	g := inside(b, func(b *graph.Builder) {
		k := b.Input("k", graph.TensorType(tensor.Int64))
		b.Input("more", graph.TensorType(tensor.Bool))
		x, steps := b.Input("x", anyFloat), b.Input("steps", graph.TensorType(tensor.Int64))
		y := b.Op("Add", b.Op("Mul", x, b.Op("Exp", w)), b.Op("Mul", x, b.Op("Cast", k, graph.Int("to", int(tensor.Float64)))))
		b.Output(below(b, y))
		b.Output(y)
		b.Output(b.Op("Add", steps, b.Scalar(tensor.Int64, 1)))
		b.Output(b.Op("Mul", x, w))
	})
	out := b.OpN(3, "Loop", none, below(b, in[0]), in[0], b.Scalar(tensor.Int64, 0), body(g))
	return []*graph.Value{out[0], out[2]}
}

func TestWhile(t *testing.T) {
	w := numbers(2, 3)
	for _, scale := range []float64{0.01, 1, 100} { // many iterations, some, none
		x, err := tensor.FromFloats(tensor.Float64, []float64{scale, -0.5 * scale, 0.7 * scale}, 3)
		if err != nil {
			t.Fatal(err)
		}
		differences(t, while, 2, x, w)
	}
}

func TestNoIteration(t *testing.T) {
	feeds := rnnFeeds(0)
	for name, net := range map[string]network{"scan": scanRNN(), "loop": loopRNN} {
		t.Run(name, func(t *testing.T) {
			grads := differences(t, net, 5, append(feeds[:5:5], tensor.Scalar(int64(0)))...)
			for i, want := range grads {
				for k := range want.Len() {
					if v := want.Float(k); i == 1 && v != math.Cos(float64(k)+1.3) || i != 1 && v != 0 {
						t.Errorf("the gradient of input %d is %v at %d", i, v, k)
					}
				}
			}
		})
	}
}

// Values that are carried but do not depend on themselves, depend on nothing, or are exchanged.
func TestCarried(t *testing.T) {
	nets := map[string]network{
		"replaced": func(b *graph.Builder, in []*graph.Value) []*graph.Value {
			g := inside(b, func(b *graph.Builder) {
				s, x := b.Input("s", anyFloat), b.Input("x", anyFloat)
				b.Output(b.Op("Sin", x))
				b.Output(b.Op("Mul", s, x))
			})
			return b.OpN(2, "Scan", in[0], in[1], body(g), graph.Int("num_scan_inputs", 1))
		},
		"reset": func(b *graph.Builder, in []*graph.Value) []*graph.Value {
			g := inside(b, func(b *graph.Builder) {
				s, x := b.Input("s", anyFloat), b.Input("x", anyFloat)
				b.Output(b.Const(numbers(7, 2)))
				b.Output(b.Op("Mul", s, x))
			})
			return b.OpN(2, "Scan", in[0], in[1], body(g), graph.Int("num_scan_inputs", 1))
		},
		"exchanged": func(b *graph.Builder, in []*graph.Value) []*graph.Value {
			g := inside(b, func(b *graph.Builder) {
				s, r, x := b.Input("s", anyFloat), b.Input("r", anyFloat), b.Input("x", anyFloat)
				b.Output(r)
				b.Output(b.Op("Add", s, x))
			})
			return b.OpN(2, "Scan", in[0], b.Op("Exp", in[0]), in[1], body(g), graph.Int("num_scan_inputs", 1))
		},
		"captured alone": func(b *graph.Builder, in []*graph.Value) []*graph.Value {
			y := b.Op("ReduceSum", in[1], b.Ints(0), graph.Int("keepdims", 0))
			g := inside(b, func(b *graph.Builder) {
				b.Input("k", graph.TensorType(tensor.Int64))
				b.Output(b.Input("more", graph.TensorType(tensor.Bool)))
				b.Output(b.Op("Add", b.Input("s", anyFloat), y))
			})
			return b.OpN(1, "Loop", b.Scalar(tensor.Int64, 3), none, in[0], body(g))
		},
	}
	for name, net := range nets {
		t.Run(name, func(t *testing.T) { differences(t, net, 2, numbers(1, 2), numbers(2, 3, 2)) })
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
