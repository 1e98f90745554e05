package autodiff_test

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

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
