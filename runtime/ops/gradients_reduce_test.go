package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// reductions are the operators that reduce axes, with a range without ties and zeros, and rows far out.
var reductions = []struct {
	op  string
	lo  float64
	far []*tensor.Tensor
}{
	{"ReduceSum", -2, args(row(1e8, -1e8, 1e-8))},
	{"ReduceMean", -2, args(row(1e8, -1e8, 1e-8))},
	{"ReduceProd", -2, args(row(1e8, -1e3, 0.5), row(2, 0, 3), row(0, 2, 0))},
	{"ReduceMax", -2, args(row(1e8, -1e8, 1e-8), row(-1e3, 1e3))},
	{"ReduceMin", -2, args(row(1e8, -1e8, 1e-8), row(-1e3, 1e3))},
	{"ReduceL1", 0.1, args(row(1e8, -1e3, 0.5))},
	{"ReduceL2", -2, args(row(1e8, -1e8), row(1e3, 1, 0))},
	{"ReduceSumSquare", -2, args(row(1e8, -1e8), row(1e3, 0))},
	{"ReduceLogSum", 0.1, args(row(1e8, 1e8), row(1e3, 0.5))},
	{"ReduceLogSumExp", -2, args(row(30, 30-2), row(-30, -30-1), row(600, -600))},
}

func TestReductionGradients(t *testing.T) {
	for _, g := range reductions {
		keep, drop, noop := graph.Int("keepdims", 1), graph.Int("keepdims", 0), graph.Int("noop_with_empty_axes", 1)
		var cases []optest.Case
		add := func(name string, shape []int, axes *tensor.Tensor, attrs ...graph.Attr) {
			in := args(drawn(3, g.lo, 2, shape...))
			if axes != nil {
				in = append(in, axes)
			}
			cases = append(cases, optest.Case{Name: name, In: in, Attrs: attrs})
		}
		add("all", []int{2, 3}, nil)
		add("all dropped", []int{2, 3}, nil, drop)
		add("last", []int{2, 3}, ints(1), keep)
		add("negative axis", []int{2, 3, 2}, ints(-2), drop)
		add("two axes", []int{2, 3, 2}, ints(2, 0), drop)
		add("two axes kept", []int{2, 3, 2}, ints(0, -1), keep)
		add("no axes", []int{2, 3}, i64(nil, 0), drop)
		add("an extent of one", []int{2, 1}, ints(1), drop)
		add("scalar", nil, nil)
		if g.op != "ReduceL1" && g.op != "ReduceLogSum" { // of one number they are |x| and log x: rows of their own
			add("nothing to do", []int{2, 3}, i64(nil, 0), noop, keep)
		}
		add("empty", []int{0, 3}, ints(1), keep)
		add("empty dropped", []int{2, 0, 3}, ints(0), drop)
		if g.op != "ReduceMax" && g.op != "ReduceMin" { // there is no largest of nothing
			add("of nothing", []int{2, 0}, ints(1), keep)
		}
		for _, x := range g.far {
			cases = append(cases, optest.Case{Name: "far", In: args(x)})
		}
		optest.Grad(t, Registry(), g.op, cases)
	}
}

// TestReductionGradientsAtTies: all largest share the gradient equally, norms of zero have none, and NaN and the infinities stay in their rows.
func TestReductionGradientsAtTies(t *testing.T) {
	last := ints(1)
	special := f64([]float64{nan, 1, 1, 2, inf, 1}, 3, 2)
	checkExact(t, []exactGradient{
		{name: "ties", op: "ReduceMax", in: args(row(1, 3, 3, 3)), want: args(row(0, 1./3, 1./3, 1./3))},
		{name: "ties", op: "ReduceMin", in: args(row(1, 3, 1, 3)), want: args(row(0.5, 0, 0.5, 0))},
		{name: "signed zeros", op: "ReduceMax", in: args(row(0, zero, -1)), want: args(row(0.5, 0.5, 0))},
		{name: "infinities", op: "ReduceMax", in: args(row(inf, inf, -inf)), want: args(row(0.5, 0.5, 0))},
		{name: "zeros", op: "ReduceL1", in: args(row(0, zero, -2)), want: args(row(0, 0, -1))},
		{name: "zeros", op: "ReduceL2", in: args(row(0, zero)), want: args(row(0, 0))},
		{name: "zeros", op: "ReduceSumSquare", in: args(row(0, zero)), want: args(row(0, 0))},
		{name: "one zero", op: "ReduceProd", in: args(row(2, 0, 5)), want: args(row(0, 10, 0))},
		{name: "two zeros", op: "ReduceProd", in: args(row(2, 0, 0)), want: args(row(0, 0, 0))},
		{name: "equal and far", op: "ReduceLogSumExp", in: args(row(1e3, 1e3)), want: args(row(0.5, 0.5))},
		{name: "far apart", op: "ReduceLogSumExp", in: args(row(1e8, -1e8)), want: args(row(1, 0))},
		{name: "special rows", op: "ReduceSum", in: args(special, last), want: args(f64([]float64{1, 1, 1, 1, 1, 1}, 3, 2))},
		{name: "special rows", op: "ReduceSumSquare", in: args(special, last), want: args(f64([]float64{nan, 2, 2, 4, inf, 2}, 3, 2))},
		{name: "minus infinity", op: "ReduceLogSumExp", in: args(row(-inf, 0)), want: args(row(0, 1))},
	})
}

// TestSoftmaxGradients: along every axis, with sums of one element, of none, and of elements so far apart that all but one are zero.
func TestSoftmaxGradients(t *testing.T) {
	far := f64([]float64{1e3, 1e3, -1e8, 1e8, 1e8, 5, -600, 600, 0, 1e-8, -1e-8, 0}, 4, 3)
	for _, op := range []string{"Softmax", "LogSoftmax"} {
		axis := func(a int) []graph.Attr { return []graph.Attr{graph.Int("axis", a)} }
		optest.Grad(t, Registry(), op, []optest.Case{
			{Name: "last", In: args(drawn(1, -3, 3, 2, 3, 4))},
			{Name: "first", In: args(drawn(1, -3, 3, 2, 3, 4)), Attrs: axis(0)},
			{Name: "negative", In: args(drawn(1, -3, 3, 2, 3, 4)), Attrs: axis(-2)},
			{Name: "one element", In: args(drawn(1, -3, 3, 2, 1))},
			{Name: "scalar shape", In: args(row(4))},
			{Name: "empty", In: args(drawn(1, -3, 3, 0, 3))},
			{Name: "of nothing", In: args(drawn(1, -3, 3, 2, 0))},
			{Name: "far", In: args(f64([]float64{30, 30 - 1, -600, 600, 20, -20, 1e-8, -1e-8, 0}, 3, 3))},
			{Name: "opset 11", Since: 11, In: args(drawn(1, -3, 3, 2, 3, 2)), Attrs: axis(1)},
		})
		for i, cot := range []*tensor.Tensor{drawn(1, -1, 1, 4, 3), drawn(2, -1, 1, 4, 3)} { // no step is small enough beside 1e8: whatever comes is finite
			got, err := optest.Gradients(Registry(), op, optest.Case{In: args(far)}, cot)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range tensor.Data[float64](got[0]) {
				if !(v > -4 && v < 4) {
					t.Errorf("%s, cotangent %d: gradient %d is %v", op, i, k, v)
				}
			}
		}
	}
	checkExact(t, []exactGradient{
		{name: "masked", op: "Softmax", in: args(row(-inf, 0, 0)), cot: row(1, 1, 0), want: args(row(0, 0.25, -0.25))},
		{name: "masked", op: "LogSoftmax", in: args(row(-inf, 0, 0)), cot: row(0, 1, 0), want: args(row(0, 0.5, -0.5))},
		{name: "NaN", op: "Softmax", in: args(f64([]float64{nan, 0, 1, 1}, 2, 2)), cot: f64([]float64{1, 0, 1, 1}, 2, 2), want: args(f64([]float64{nan, nan, 0, 0}, 2, 2))},
	})
}

func TestProductGradients(t *testing.T) {
	var cases []optest.Case
	for _, s := range [][2][]int{
		{{2, 3}, {3, 4}}, {{3}, {3}}, {{3}, {3, 2}}, {{2, 3}, {3}}, {{2, 2, 3}, {3, 4}}, {{2, 3}, {2, 3, 1}}, {{2, 1, 2, 3}, {4, 3, 2}},
		{{3}, {2, 3, 2}}, {{2, 2, 3}, {3}}, {{0, 3}, {3, 2}}, {{2, 0}, {0, 3}}, {{2, 3}, {3, 0}}, {{0, 2, 3}, {3, 2}}, {{1, 1}, {1, 1}},
	} {
		cases = append(cases, optest.Case{Name: tensor.Shape(s[0]).String() + tensor.Shape(s[1]).String(), In: args(drawn(1, -2, 2, s[0]...), drawn(2, -2, 2, s[1]...))})
	}
	optest.Grad(t, Registry(), "MatMul", append(cases,
		optest.Case{Name: "far", In: args(f64([]float64{1e8, 1e-8, -1e3, 1e3}, 2, 2), f64([]float64{1e3, -1e-3, 1, 1e8}, 2, 2))},
		optest.Case{Name: "zeros", In: args(f64([]float64{0, 0, 0, 0}, 2, 2), f64([]float64{0, 1, 0, 2}, 2, 2))}))

	cases = nil
	for i := range 4 {
		a, b := []int{2, 3}, []int{3, 4}
		if i&1 != 0 {
			a = []int{3, 2}
		}
		if i&2 != 0 {
			b = []int{4, 3}
		}
		attrs := []graph.Attr{graph.Int("transA", i&1), graph.Int("transB", i>>1), graph.Float("alpha", 0.5), graph.Float("beta", 1.5)}
		x, y := drawn(1, -2, 2, a...), drawn(2, -2, 2, b...)
		cases = append(cases, optest.Case{Name: "two", In: args(x, y), Attrs: attrs[:3]})
		for _, c := range [][]int{{2, 4}, {4}, {2, 1}, {1, 4}, nil} {
			cases = append(cases, optest.Case{Name: "three", In: args(x, y, drawn(3, -2, 2, c...)), Attrs: attrs})
		}
	}
	optest.Grad(t, Registry(), "Gemm", append(cases,
		optest.Case{Name: "plain", In: args(drawn(1, -2, 2, 2, 3), drawn(2, -2, 2, 3, 2))},
		optest.Case{Name: "no rows", In: args(drawn(1, -2, 2, 0, 3), drawn(2, -2, 2, 3, 2), drawn(3, -2, 2, 2))},
		optest.Case{Name: "nothing to sum", In: args(drawn(1, -2, 2, 2, 0), drawn(2, -2, 2, 0, 2), drawn(3, -2, 2, 2))},
		optest.Case{Name: "far", In: args(f64([]float64{1e8, 1e3}, 1, 2), f64([]float64{1e3, 1e-3}, 2, 1), row(1e3))}))
}
