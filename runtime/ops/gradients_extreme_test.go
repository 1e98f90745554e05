package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// TestExtremeGradients: operators that are not homogeneous, for which optest makes no rows of huge and tiny numbers, and those for which it finds none without elements.
func TestExtremeGradients(t *testing.T) {
	optest.Grad(t, Registry(), "CumProd", []optest.Case{
		{Name: "far", In: args(row(1e100, -1e-120, 3, 1e50, -1e-40), tensor.Scalar(int64(0))), Grad: []int{0}, Step: 1e-4},
	})
	optest.Grad(t, Registry(), "GroupNormalization", []optest.Case{
		{Name: "large", In: args(drawn(1, -1e4, 1e4, 1, 4, 3), drawn(2, 0.5, 2, 4), drawn(3, -1, 1, 4)), Attrs: []graph.Attr{graph.Int("num_groups", 2)}},
	})
	// Gates that are shut or open let nothing pass, or everything; NaN of what is far out would show.
	saturated := func(gates int) []*tensor.Tensor {
		return args(drawn(1, 900, 1100, 3, 2, 2), drawn(2, 0.5, 2, 1, 2*gates, 2), drawn(3, -1, 1, 1, 2*gates, 2))
	}
	shut := func(gates int) []*tensor.Tensor {
		return args(drawn(1, -1100, -900, 3, 2, 2), drawn(2, 0.5, 2, 1, 2*gates, 2), drawn(3, -1, 1, 1, 2*gates, 2))
	}
	for op, gates := range map[string]int{"RNN": 1, "GRU": 3, "LSTM": 4} {
		optest.Grad(t, Registry(), op, []optest.Case{
			{Name: "open", In: saturated(gates)}, {Name: "shut", In: shut(gates)},
			{Name: "no steps", In: args(drawn(1, -1, 1, 0, 2, 2), drawn(2, -1, 1, 1, 2*gates, 2), drawn(3, -1, 1, 1, 2*gates, 2))},
			{Name: "no batch", In: args(drawn(1, -1, 1, 3, 0, 2), drawn(2, -1, 1, 1, 2*gates, 2), drawn(3, -1, 1, 1, 2*gates, 2))},
		})
	}
	one, zeroInf := i64([]int64{1}, 1), []graph.Attr{graph.Int("zero_infinity", 1)}
	logs := func(v ...float64) *tensor.Tensor { return f64(v, len(v)/2, 1, 2) }
	checkExact(t, []exactGradient{
		{name: "sure", op: "ai.onnxrun::CTCLoss", in: args(logs(-1e4, 0), i64([]int64{1}, 1, 1), one, one), want: args(logs(0, 0)), attrs: zeroInf},
		{name: "empty", op: "ai.onnxrun::CTCLoss", in: args(f64(nil, 2, 0, 2), i64(nil, 0, 3), i64(nil, 0), i64(nil, 0)), want: args(f64(nil, 2, 0, 2))},
		{name: "empty", op: "ai.onnxrun::FakeQuantize", in: args(row(), f64([]float64{0.5})), want: args(row()), attrs: []graph.Attr{graph.Float("lo", -4), graph.Float("hi", 3)}},
		{name: "no planes", op: "AffineGrid", in: args(f64(nil, 0, 2, 3), i64([]int64{0, 1, 3, 4}, 4)), want: args(f64(nil, 0, 2, 3))},
	})
}

// TestGradientsOfNaN: NaN goes through whatever computes with it, by the gradient that comes in and by the elements themselves.
func TestGradientsOfNaN(t *testing.T) {
	hurt := func(x *tensor.Tensor) *tensor.Tensor {
		x = x.Clone()
		tensor.Data[float64](x)[0] = nan
		return x
	}
	a, b := drawn(1, 0.5, 2, 2, 3), drawn(2, 0.5, 2, 3, 2)
	v, planes := drawn(3, 0.5, 2, 3), drawn(4, 0.5, 2, 1, 2, 3, 3)
	for _, c := range []struct {
		op   string
		in   []*tensor.Tensor
		only bool // linear: only the gradient that comes in
	}{
		{op: "MatMul", in: args(a, b), only: true}, {op: "Gemm", in: args(a, b), only: true}, {op: "Conv", in: args(planes, drawn(5, -1, 1, 2, 2, 2, 2)), only: true},
		{op: "Softmax", in: args(a)}, {op: "LogSoftmax", in: args(a)}, {op: "ReduceLogSumExp", in: args(a)}, {op: "ReduceL2", in: args(a)}, {op: "ReduceProd", in: args(a)},
		{op: "LayerNormalization", in: args(a, v, v)}, {op: "RMSNormalization", in: args(a, v)}, {op: "InstanceNormalization", in: args(planes, row(1, 2), row(0, 1))},
		{op: "Mul", in: args(a, a), only: true}, {op: "Div", in: args(a, a), only: true}, {op: "Pow", in: args(a, a)}, {op: "Exp", in: args(a)}, {op: "Log", in: args(a)}, {op: "Sigmoid", in: args(a)},
		{op: "Tanh", in: args(a)}, {op: "Gelu", in: args(a)}, {op: "AveragePool", in: args(planes), only: true}, {op: "Transpose", in: args(a), only: true},
	} {
		var attrs []graph.Attr
		if c.op == "AveragePool" {
			attrs = append(attrs, graph.Ints("kernel_shape", 2, 2))
		}
		hasNaN := func(x *tensor.Tensor) bool {
			for i := range x.Len() {
				if x.Float(i) != x.Float(i) {
					return true
				}
			}
			return false
		}
		check := func(what string, in []*tensor.Tensor, cot *tensor.Tensor) {
			t.Helper()
			got, err := optest.Gradients(Registry(), c.op, optest.Case{In: in, Attrs: attrs}, cot)
			if err != nil {
				t.Fatal(c.op, err)
			}
			if !hasNaN(got[0]) {
				t.Errorf("%s: NaN %s does not reach the gradient %v", c.op, what, tensor.Data[float64](got[0]))
			}
		}
		got, err := (&optest.Interp{Reg: Registry()}).RunNode(&graph.Node{Op: Registry().Lookup("", c.op, 0), Attrs: attrs, In: valuesOf(c.in), Out: []*graph.Value{{}}}, c.in)
		if err != nil {
			t.Fatal(c.op, err)
		}
		ones := got[0].Clone()
		for i := range ones.Len() {
			tensor.Data[float64](ones)[i] = 1
		}
		check("from behind", c.in, hurt(ones))
		if !c.only {
			for i := range ones.Len() { // not all alike, which some normalizations take off
				tensor.Data[float64](ones)[i] = 1 + float64(i%3)
			}
			check("of an element", append(args(hurt(c.in[0])), c.in[1:]...), ones)
		}
	}
}

func valuesOf(in []*tensor.Tensor) []*graph.Value {
	list := make([]*graph.Value, len(in))
	for i, x := range in {
		list[i] = &graph.Value{Type: graph.TypeOf(x)}
	}
	return list
}

// TestEmptyForward: operators on nothing that gradients brought to light.
func TestEmptyForward(t *testing.T) {
	optest.Run(t, Registry(), "SoftmaxCrossEntropyLoss", []optest.Case{
		{Name: "no batch, one loss each", In: args(f32(nil, 0, 4), i64(nil, 0)), Attrs: []graph.Attr{graph.Str("reduction", "none")}, Want: args(f32(nil, 0))},
		{Name: "no batch, their sum", In: args(f32(nil, 0, 4), i64(nil, 0)), Attrs: []graph.Attr{graph.Str("reduction", "sum")}, Want: args(f32([]float32{0}, []int{}...))},
	})
	optest.Run(t, Registry(), "DFT", []optest.Case{
		{Name: "padding alone", In: args(f32(nil, 0, 2, 1), i64([]int64{2}), i64([]int64{0})), Want: args(f32(make([]float32, 8), 2, 2, 2))},
	})
	none, mask := f32(nil, 1, 1, 0, 2), f32(make([]float32, 12), 1, 1, 3, 4)
	optest.Run(t, Registry(), "Attention", []optest.Case{
		{Name: "mask for other queries", In: args(none, f32(make([]float32, 8), 1, 1, 4, 2), f32(make([]float32, 8), 1, 1, 4, 2), mask), Err: graph.ErrShape, Text: "mask"},
		{Name: "mask for other keys", In: args(f32(make([]float32, 6), 1, 1, 3, 2), none, none, mask), Err: graph.ErrShape, Text: "mask"},
	})
}
