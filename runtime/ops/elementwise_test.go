package ops

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func program(names []string, args []int64, params ...float32) []graph.Attr {
	params = append(params, make([]float32, 2*len(names)-len(params))...)
	return []graph.Attr{{Name: "ops", Value: names}, graph.Ints("args", args...), {Name: "params", Value: params}}
}

func TestElementwise(t *testing.T) {
	x, row := f32([]float32{-1, 0, 2, 3, -4, 5}, 2, 3), f32([]float32{1, 2, 3}, 3)
	nan := float32(math.NaN())
	optest.Run(t, Registry(), "ai.onnxrun::Elementwise", []optest.Case{
		{Name: "chain", In: []*tensor.Tensor{x, row}, Attrs: program([]string{"Mul", "Relu", "Add"}, []int64{0, 1, 2, -1, 3, 0}), Want: []*tensor.Tensor{f32([]float32{-1, 0, 8, 6, -4, 20}, 2, 3)}},
		{Name: "one reads twice", In: []*tensor.Tensor{x}, Attrs: program([]string{"Neg", "Mul"}, []int64{0, -1, 1, 1}), Want: []*tensor.Tensor{f32([]float32{1, 0, 4, 9, 16, 25}, 2, 3)}},
		{Name: "function of a row", In: []*tensor.Tensor{row, x}, Attrs: program([]string{"Neg", "Add"}, []int64{0, -1, 2, 1}), Want: []*tensor.Tensor{f32([]float32{-2, -2, -1, 2, -6, 2}, 2, 3)}},
		{Name: "numbers", In: []*tensor.Tensor{f32([]float32{3}), f32([]float32{4}), row}, Attrs: program([]string{"Sub", "Mul"}, []int64{0, 1, 3, 2}), Want: []*tensor.Tensor{f32([]float32{-1, -2, -3}, 3)}},
		{Name: "parameters", In: []*tensor.Tensor{x}, Attrs: program([]string{"Clip", "LeakyRelu"}, []int64{0, -1, 1, -1}, -2, 2.5, 0.5), Want: []*tensor.Tensor{f32([]float32{-0.5, 0, 2, 2.5, -1, 2.5}, 2, 3)}},
		{Name: "extreme", In: []*tensor.Tensor{f32([]float32{nan, float32(math.Inf(1)), float32(math.Inf(-1)), 1000}, 4)}, Attrs: program([]string{"Exp", "Reciprocal"}, []int64{0, -1, 1, -1}), Want: []*tensor.Tensor{f32([]float32{nan, 0, float32(math.Inf(1)), 0}, 4)}},
		{Name: "empty", In: []*tensor.Tensor{f32(nil, 0, 3), row}, Attrs: program([]string{"Add"}, []int64{0, 1}), Want: []*tensor.Tensor{f32(nil, 0, 3)}},
		{Name: "more outputs", In: []*tensor.Tensor{x, row}, Attrs: append(program([]string{"Neg", "Mul", "Add"}, []int64{1, -1, 2, 0, 3, 0}), graph.Ints("more", 1, 0)),
			Want: []*tensor.Tensor{f32([]float32{0, 0, -4, 0, 4, -10}, 2, 3), f32([]float32{1, 0, -6, -3, 8, -15}, 2, 3), f32([]float32{-1, -2, -3, -1, -2, -3}, 2, 3)}},
		{Name: "the result twice", In: []*tensor.Tensor{x}, Attrs: append(program([]string{"Neg"}, []int64{0, -1}), graph.Ints("more", 0)), Want: []*tensor.Tensor{x, x}, Err: graph.ErrInvalid, Text: "output 1 is step 0 of 1"},
		{Name: "unknown", In: []*tensor.Tensor{x}, Attrs: program([]string{"MatMul"}, []int64{0, -1}), Err: graph.ErrInvalid, Text: `"MatMul"`},
		{Name: "ahead", In: []*tensor.Tensor{x}, Attrs: program([]string{"Relu"}, []int64{1, -1}), Err: graph.ErrInvalid, Text: "step 0 reads 1"},
		{Name: "no operand", In: []*tensor.Tensor{x}, Attrs: program([]string{"Add"}, []int64{0, -1}), Err: graph.ErrInvalid},
		{Name: "nothing", In: []*tensor.Tensor{x}, Attrs: program(nil, nil), Err: graph.ErrInvalid},
		{Name: "shapes", In: []*tensor.Tensor{x, f32(make([]float32, 4), 4)}, Attrs: program([]string{"Add"}, []int64{0, 1}), Err: graph.ErrShape},
	})
}

// TestElementwisePrograms holds random programs on operands of random broadcasts to the operators they expand into, bit for bit.
func TestElementwisePrograms(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	binaries := []string{"Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu"}
	acts := []string{"Relu", "Sigmoid", "Tanh", "Abs", "Neg", "Swish", "Gelu", "HardSwish", "Softplus"}
	for round := range 300 {
		shape := [][]int{{2, 3, 5, 16}, {3, 700, 4}, {5000}, {2, 2500}, {7, 1, 33}, {}, {1, 9, 1, 2}, {130, 16}}[rng.IntN(8)]
		in := make([]*tensor.Tensor, 1+rng.IntN(5))
		for i := range in {
			s := append([]int{}, shape...)
			if i > 0 {
				s = s[rng.IntN(len(s)+1):]
				for k := range s {
					if rng.IntN(3) == 0 {
						s[k] = 1
					}
				}
			}
			in[i] = f32(make([]float32, tensor.Shape(s).Elems()), s...)
			for k := range tensor.Data[float32](in[i]) {
				tensor.Data[float32](in[i])[k] = float32(rng.NormFloat64())
			}
		}
		var names []string
		var args []int64
		var params []float32
		steps := 1 + rng.IntN(8)
		for i := range steps {
			a, b := rng.IntN(len(in)+i), rng.IntN(len(in)+i)
			if i == steps-1 { // the result has the shape of input 0
				a = 0
			}
			name := binaries[rng.IntN(6)]
			if rng.IntN(2) == 0 && i < steps-1 {
				name, b = acts[rng.IntN(len(acts))], -1
			}
			names, args, params = append(names, name), append(args, int64(a), int64(b)), append(params, 1./6, 0.5)
		}
		n := &graph.Node{Op: Registry().Lookup("ai.onnxrun", "Elementwise", 0), Attrs: program(names, args, params...), Out: make([]*graph.Value, 1)}
		n.Out[0] = &graph.Value{Name: "y", Def: n}
		for i, x := range in {
			n.In = append(n.In, &graph.Value{Name: fmt.Sprint("x", i), Type: graph.TypeOf(x)})
		}
		want, err := (&optest.Interp{Reg: Registry()}).ExpandNode(n, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, threads := range []int{1, 3} {
			got, err := (&optest.Interp{Reg: Registry(), Threads: threads}).RunNode(n, in)
			if err != nil {
				t.Fatal(err)
			}
			if d := optest.Diff(got[0], want[0], 0, 0); d != "" {
				t.Fatalf("round %d: %v %v of %v: %s", round, names, args, in, d)
			}
		}
	}
}

// BenchmarkElementwise compares a chain in one sweep, y·sigmoid(x·w + b) over blocked channels, with its operators one by one.
func BenchmarkElementwise(b *testing.B) {
	x, w := f32(make([]float32, 8*28*28*16), 1, 8, 28, 28, 16), f32(make([]float32, 8*16), 1, 8, 1, 1, 16)
	n := &graph.Node{Op: Registry().Lookup("ai.onnxrun", "Elementwise", 0), Attrs: program([]string{"Mul", "Add", "Sigmoid", "Mul"}, []int64{0, 1, 2, 1, 3, -1, 4, 0}), In: make([]*graph.Value, 2), Out: make([]*graph.Value, 1)}
	exec := &still{scratch: make([]uint64, 1<<13)}
	c := graph.NewCtx(n, exec)
	c.In[0], c.In[1], c.Out[0] = x, w, f32(make([]float32, x.Len()), x.Shape()...)
	for b.Loop() {
		c.Begin(exec)
		if err := n.Op.Run(c); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(x.Len()), "ns/el")
	b.ReportMetric(testing.AllocsPerRun(3, func() { c.Begin(exec); _ = n.Op.Run(c) }), "allocs/op")
}
