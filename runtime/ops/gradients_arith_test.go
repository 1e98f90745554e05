package ops

import (
	"math"
	"slices"
	"testing"

	"github.com/onnxrun/onnxrun/finetune/autodiff"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// binaryGradients are operators of two numbers that broadcast, with a range for each.
var binaryGradients = []struct {
	op    string
	a, b  [2]float64
	far   [][2]float64
	attrs []graph.Attr
}{
	{op: "Add", a: [2]float64{-2, 2}, b: [2]float64{-2, 2}, far: [][2]float64{{1e8, -1e-8}, {-1e3, 1e3}}},
	{op: "Sub", a: [2]float64{-2, 2}, b: [2]float64{-2, 2}, far: [][2]float64{{1e8, -1e-8}, {-1e3, 1e3}}},
	{op: "Mul", a: [2]float64{-2, 2}, b: [2]float64{-2, 2}, far: [][2]float64{{1e8, -1e-8}, {-1e3, 1e8}, {0, 5}, {0, 0}}},
	{op: "Div", a: [2]float64{-2, 2}, b: [2]float64{0.4, 2}, far: [][2]float64{{1e8, 1e3}, {-1e-8, 1e8}, {0, -5}}},
	{op: "Pow", a: [2]float64{0.3, 2}, b: [2]float64{-2, 2}, far: [][2]float64{{1e3, 3}, {1e8, -2}, {40, 0}, {0.5, 60}}},
	{op: "Mod", a: [2]float64{5.1, 5.9}, b: [2]float64{1.1, 1.2}, far: [][2]float64{{1e3, 7}, {-1e3, 7}}, attrs: []graph.Attr{graph.Int("fmod", 1)}},
	{op: "Mod", a: [2]float64{-5.9, -5.1}, b: [2]float64{-2.5, -2.1}, attrs: []graph.Attr{graph.Int("fmod", 1)}},
	{op: "PRelu", a: [2]float64{-3, -0.1}, b: [2]float64{-2, 2}, far: [][2]float64{{1e8, -2}, {-1e8, 1e-3}, {-1e3, 1e8}}},
	{op: "PRelu", a: [2]float64{0.1, 3}, b: [2]float64{-2, 2}},
	{op: "Max", a: [2]float64{1, 2}, b: [2]float64{-1, 0.9}, far: [][2]float64{{1e8, -1e8}, {1e-3, 1e3}}},
	{op: "Min", a: [2]float64{1, 2}, b: [2]float64{-1, 0.9}, far: [][2]float64{{1e8, -1e8}, {1e-3, 1e3}}},
	{op: "Sum", a: [2]float64{-2, 2}, b: [2]float64{-2, 2}, far: [][2]float64{{1e8, 1e-8}}},
	{op: "Mean", a: [2]float64{-2, 2}, b: [2]float64{-2, 2}, far: [][2]float64{{1e8, 1e-8}}},
}

func TestBinaryGradients(t *testing.T) {
	for _, g := range binaryGradients {
		var cases []optest.Case
		add := func(name string, a, b []int) {
			cases = append(cases, optest.Case{Name: name, In: args(drawn(1, g.a[0], g.a[1], a...), drawn(2, g.b[0], g.b[1], b...)), Attrs: g.attrs})
		}
		add("equal shapes", []int{2, 3}, []int{2, 3})
		add("row", []int{2, 3}, []int{3})
		add("column", []int{2, 3}, []int{2, 1})
		add("scalar", []int{2, 3}, nil)
		add("scalars", nil, nil)
		add("empty", []int{0, 3}, []int{3})
		add("empty and column", []int{2, 0}, []int{2, 1})
		if g.op != "PRelu" { // its slope broadcasts one way
			add("both ways", []int{2, 1, 3}, []int{4, 1})
			add("longer second", []int{3}, []int{2, 3})
			add("empty second", []int{1}, []int{0})
		}
		for _, f := range g.far {
			cases = append(cases, optest.Case{Name: "far", In: args(row(f[0]), row(f[1])), Attrs: g.attrs})
		}
		optest.Grad(t, Registry(), g.op, cases)
	}
}

func TestVariadicGradients(t *testing.T) {
	low, mid, high := drawn(1, -3, -1, 2, 3), drawn(2, -0.5, 0.5, 3), drawn(3, 1, 2, 2, 1)
	for _, op := range []string{"Max", "Min", "Sum", "Mean"} {
		optest.Grad(t, Registry(), op, []optest.Case{
			{Name: "one", In: args(low)},
			{Name: "three", In: args(low, mid, high)},
			{Name: "the largest in the middle", In: args(mid, high, low)},
			{Name: "nothing", In: args(drawn(1, 0, 1, 0), drawn(1, 0, 1), drawn(1, 0, 1, 1))},
		})
	}
	cond := tensor.Must(tensor.Of([]bool{true, false, true, false, false, true}, 2, 3))
	optest.Grad(t, Registry(), "Where", []optest.Case{
		{Name: "equal shapes", In: args(cond, drawn(1, -1, 1, 2, 3), drawn(2, -1, 1, 2, 3))},
		{Name: "broadcast", In: args(cond, drawn(1, -1, 1), drawn(2, -1, 1, 4, 1, 3))},
		{Name: "far", In: args(cond, row(1e8, -1e8, 1e-8), row(1e-8, 1e3, -1e3))},
		{Name: "empty", In: args(tensor.Must(tensor.Of([]bool{}, 0, 1)), drawn(1, -1, 1, 3), drawn(2, -1, 1))},
	})
	optest.Grad(t, Registry(), "Clip", []optest.Case{
		{Name: "both", In: args(row(-3, -1.1, -0.9, 0, 0.4, 0.6, 1e8, -1e8), f64([]float64{-1}), f64([]float64{0.5})), Grad: []int{0}},
		{Name: "below", In: args(row(-3, 2), f64([]float64{-1})), Grad: []int{0}},
		{Name: "above", In: args(row(-3, 2), nil, f64([]float64{-1})), Grad: []int{0}},
		{Name: "unbounded", In: args(row(-3, 2))},
		{Name: "empty", In: args(row(), f64([]float64{-1})), Grad: []int{0}},
		{Name: "crossed", In: args(row(-3, 0, 2), f64([]float64{1}), f64([]float64{-1})), Grad: []int{0}}, // everything is the upper bound
	})
}

// TestArithmeticGradientsAtTies: equal operands of Max and Min share the gradient, and a bound of Clip passes none, as PyTorch computes them.
func TestArithmeticGradientsAtTies(t *testing.T) {
	bool1 := tensor.Must(tensor.Of([]bool{true, false}, 2))
	checkExact(t, []exactGradient{
		{name: "half each", op: "Max", in: args(row(1, 2, 3), row(1, 1, 4)), want: args(row(0.5, 1, 0), row(0.5, 0, 1))},
		{name: "half each", op: "Min", in: args(row(1, 2, 3), row(1, 1, 4)), want: args(row(0.5, 0, 1), row(0.5, 1, 0))},
		{name: "a third each", op: "Max", in: args(row(1), row(1), row(1)), want: args(row(1./3), row(1./3), row(1./3))},
		{name: "infinities", op: "Max", in: args(row(inf, -inf), row(inf, 0)), want: args(row(0.5, 0), row(0.5, 1))},
		{name: "signed zeros", op: "Max", in: args(row(0), row(zero)), want: args(row(0.5), row(0.5))},
		{name: "bounds", op: "Clip", in: args(row(-1, -0.5, 0, 0.5, 1), f64([]float64{-0.5}), f64([]float64{0.5})), want: args(row(0, 0, 1, 0, 0))},
		{name: "infinities", op: "Clip", in: args(row(-inf, inf, 0), f64([]float64{-0.5})), want: args(row(0, 1, 1))},
		{name: "kink", op: "PRelu", in: args(row(0, zero), row(0.25, 0.5)), want: args(row(0.25, 0.5), row(0, 0))},
		{name: "zero to the zero", op: "Pow", in: args(row(0, 0, 0), row(0, 1, 2)), want: args(row(0, 1, 0), row(0, 0, 0))},
		{name: "negative base", op: "Pow", in: args(row(-2, -2), row(2, 3)), want: args(row(-4, 12), row(0, 0))},
		{name: "by zero", op: "Div", in: args(row(1, 0), row(0, 0)), want: args(row(inf, inf), row(-inf, nan))},
		{name: "NaN", op: "Mul", in: args(row(nan, 2), row(3, inf)), want: args(row(3, inf), row(nan, 2))},
		{name: "the branch not taken", op: "Where", in: args(bool1, row(nan, nan), row(inf, inf)), want: args(row(1, 0), row(0, 1))},
		{name: "a NaN gradient", op: "Where", in: args(bool1, row(1, 2), row(3, 4)), cot: row(nan, 1), want: args(row(nan, 0), row(0, 1))},
		{name: "empty", op: "Max", in: args(row(), row(2)), want: args(row(), row(0))},
	})
}

// TestDequantizeGradients: by the scale, where there is one, one for each index of an axis or one for each block, of whole and of part.
func TestDequantizeGradients(t *testing.T) {
	f32 := func(seed uint64, shape ...int) *tensor.Tensor {
		x := tensor.Must(tensor.New(tensor.Float32, shape...))
		for i, v := range tensor.Data[float64](drawn(seed, 0.1, 1, shape...)) {
			tensor.Data[float32](x)[i] = float32(v)
		}
		return x
	}
	i8 := func(shape ...int) *tensor.Tensor {
		x := tensor.Must(tensor.New(tensor.Int8, shape...))
		for i := range x.Len() {
			tensor.Data[int8](x)[i] = int8(37*i%255 - 127)
		}
		return x
	}
	axis := func(k int) graph.Attr { return graph.Int("axis", k) }
	optest.Grad(t, Registry(), "DequantizeLinear", []optest.Case{
		{Name: "one scale", In: args(i8(3, 4), f32(1), i8()), Grad: []int{1}},
		{Name: "a scale of one element", In: args(i8(3, 4), f32(1, 1), i8(1)), Grad: []int{1}},
		{Name: "no zero point", In: args(i8(3, 4), f32(1)), Grad: []int{1}},
		{Name: "scalar", In: args(i8(), f32(1), i8()), Grad: []int{1}},
		{Name: "vector", In: args(i8(5), f32(1, 5), i8(5)), Grad: []int{1}},
		{Name: "each index", In: args(i8(3, 4, 2), f32(1, 4), i8(4)), Grad: []int{1}},
		{Name: "each index of the last axis", In: args(i8(3, 4, 2), f32(1, 2), i8(2)), Grad: []int{1}, Attrs: []graph.Attr{axis(-1)}},
		{Name: "blocks", In: args(i8(3, 6, 2), f32(1, 3, 2, 2), i8(3, 2, 2)), Grad: []int{1}, Attrs: []graph.Attr{axis(1), graph.Int("block_size", 3)}},
		{Name: "blocks, the last one in part", In: args(i8(7, 2), f32(1, 3, 2)), Grad: []int{1}, Attrs: []graph.Attr{axis(0), graph.Int("block_size", 3)}},
		{Name: "older", Since: 13, In: args(i8(3, 4, 2), f32(1, 4), i8(4)), Grad: []int{1}},
		{Name: "oldest", Since: 10, In: args(i8(3, 4, 2), f32(1), i8()), Grad: []int{1}},
		{Name: "empty", In: args(i8(0, 4), f32(1, 4), i8(4)), Grad: []int{1}},
		{Name: "empty, one scale", In: args(i8(0, 4), f32(1)), Grad: []int{1}},
		{Name: "empty blocks", In: args(i8(0, 4), f32(1, 0, 2)), Grad: []int{1}, Attrs: []graph.Attr{axis(1), graph.Int("block_size", 2)}},
		{Name: "no scales", In: args(i8(3, 0), f32(1, 0)), Grad: []int{1}},
		{Name: "huge", In: args(tensor.Must(tensor.Of([]int32{math.MinInt32, math.MaxInt32, 0, 1}, 2, 2)), f32(1, 2)), Grad: []int{1}},
	})
	// Numbers of eight bits have no differences. Their gradients are not rounded to eight bits.
	b := graph.NewBuilder(Registry(), nil)
	x, s := b.Input("x", graph.TensorType(tensor.Float32, graph.Size(2), graph.Size(3))), b.Input("s", graph.TensorType(tensor.Float32, graph.Size(3)))
	q := b.Op("Cast", x, graph.Int("to", int(tensor.Float8E4M3FN)))
	z := b.Op("Cast", b.Const(tensor.Must(tensor.Of([]float32{0, 0, 0}))), graph.Int("to", int(tensor.Float8E4M3FN)))
	loss := b.Op("ReduceSum", b.Op("DequantizeLinear", q, s, z), graph.Int("keepdims", 0))
	grads, err := autodiff.Gradients(Registry(), b.Graph, loss, []*graph.Value{x, s})
	if err != nil {
		t.Fatal(err)
	}
	b.Graph.Outputs = grads
	scale := []float32{0.3, 1e-9, 5}
	got, err := (&optest.Interp{Reg: Registry()}).RunGraph(b.Graph, args(tensor.Must(tensor.Of([]float32{1, 2, -3, 0.5, 4, 8}, 2, 3)), tensor.Must(tensor.Of(scale))))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]float32{append(scale, scale...), {1.5, 6, 5}} {
		if !slices.Equal(tensor.Data[float32](got[i]), want) {
			t.Errorf("gradient %d is %v, want %v", i, got[i], want)
		}
	}
}
