package ops

import (
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// unaryGradient is an operator of one number, with the ranges between its kinks and elements far out.
type unaryGradient struct {
	op     string
	ranges [][2]float64
	far    []float64 // large, tiny and saturated elements
	attrs  []graph.Attr
	step   float64 // of the differences at far elements, relative to them, where 1e-5 is too much
	flat   bool    // it says nothing of NaN: its derivative is a constant, or chosen by comparisons
}

var (
	everywhere = [][2]float64{{-3, 3}}
	sides      = [][2]float64{{-3, -0.01}, {0.01, 3}}
	farOut     = []float64{-1e8, -1e3, -1e-8, 1e-8, 1e3, 1e8}
	curved     = []float64{-600, -40, -20, -1e-8, 0, 1e-8, 20, 40, 600} // saturated
)

var unaryGradients = []unaryGradient{
	{op: "Abs", ranges: sides, far: []float64{-1e8, -1e3, 1e3, 1e8}},
	{op: "Acos", ranges: [][2]float64{{-0.9, 0.9}}, far: []float64{-0.999, 0.999}, step: 1e-7},
	{op: "Acosh", ranges: [][2]float64{{1.2, 4}}, far: []float64{1.01, 1e3, 1e8}},
	{op: "Asin", ranges: [][2]float64{{-0.9, 0.9}}, far: []float64{-0.999, 1e-8, 0.999}, step: 1e-7},
	{op: "Asinh", ranges: everywhere, far: farOut},
	{op: "Atan", ranges: everywhere, far: farOut},
	{op: "Atanh", ranges: [][2]float64{{-0.9, 0.9}}, far: []float64{-0.995, 1e-8, 0.995}, step: 1e-7},
	{op: "Cast", ranges: everywhere, far: farOut, attrs: []graph.Attr{graph.Int("to", int(tensor.Float64))}, flat: true},
	{op: "Ceil", ranges: [][2]float64{{0.1, 0.9}, {-2.9, -2.1}}, far: []float64{-1e3 + 0.5, 1e3 + 0.5}, flat: true},
	{op: "Celu", ranges: sides, far: []float64{-600, -40, 20, 1e3, 1e8}, flat: true},
	{op: "Celu", ranges: sides, attrs: []graph.Attr{graph.Float("alpha", 2.5)}, flat: true},
	{op: "Cos", ranges: everywhere, far: []float64{-1e3, 1e-3, 1e3}, step: 1e-8},
	{op: "Cosh", ranges: everywhere, far: []float64{-300, 0.1, 300}, step: 1e-7},
	{op: "Elu", ranges: sides, far: []float64{-600, -40, 20, 1e3, 1e8}, flat: true},
	{op: "Elu", ranges: sides, attrs: []graph.Attr{graph.Float("alpha", 0.4)}, flat: true},
	{op: "Erf", ranges: everywhere, far: curved},
	{op: "Exp", ranges: everywhere, far: []float64{-700, -40, -1, 40, 600}, step: 1e-8},
	{op: "Floor", ranges: [][2]float64{{0.1, 0.9}, {-2.9, -2.1}}, far: []float64{-1e3 + 0.5, 1e3 + 0.5}, flat: true},
	{op: "Gelu", ranges: everywhere, far: append(curved, -1e8, 1e8)},
	{op: "Gelu", ranges: everywhere, far: append(curved, -1e8, 1e8), attrs: []graph.Attr{graph.Str("approximate", "tanh")}},
	{op: "HardSigmoid", ranges: [][2]float64{{-2.4, 2.4}, {2.6, 9}, {-9, -2.6}}, far: farOut, flat: true},
	{op: "HardSigmoid", ranges: [][2]float64{{-0.9, 1}}, attrs: []graph.Attr{graph.Float("alpha", 0.4), graph.Float("beta", 0.45)}, flat: true},
	{op: "HardSwish", ranges: [][2]float64{{-2.9, 2.9}, {3.1, 9}, {-9, -3.1}}, far: farOut, flat: true},
	{op: "Identity", ranges: everywhere, far: farOut, flat: true},
	{op: "LeakyRelu", ranges: sides, far: []float64{-1e8, -1e3, 1e3, 1e8}, flat: true},
	{op: "LeakyRelu", ranges: sides, attrs: []graph.Attr{graph.Float("alpha", -0.3)}, flat: true},
	{op: "Log", ranges: [][2]float64{{0.2, 4}}, far: []float64{0.05, 1e3, 1e8}},
	{op: "Mish", ranges: everywhere, far: append(curved, -1e3, 1e8)},
	{op: "Neg", ranges: everywhere, far: farOut, flat: true},
	{op: "Reciprocal", ranges: [][2]float64{{0.4, 3}, {-3, -0.4}}, far: []float64{-1e8, -1e3, 1e3, 1e8}},
	{op: "Relu", ranges: sides, far: []float64{-1e8, -1e3, 1e3, 1e8}, flat: true},
	{op: "Round", ranges: [][2]float64{{0.6, 1.4}, {-2.4, -1.6}}, far: []float64{-1e3, 1e3}, flat: true},
	{op: "Selu", ranges: sides, far: []float64{-600, -40, 20, 1e3, 1e8}, flat: true},
	{op: "Selu", ranges: sides, attrs: []graph.Attr{graph.Float("alpha", 0.5), graph.Float("gamma", 1.5)}, flat: true},
	{op: "Shrink", ranges: [][2]float64{{-0.45, 0.45}, {0.55, 3}, {-3, -0.55}}, far: farOut, flat: true},
	{op: "Shrink", ranges: sides, attrs: []graph.Attr{graph.Float("lambd", 0.005), graph.Float("bias", 0.3)}, flat: true},
	{op: "Sigmoid", ranges: everywhere, far: append(curved, -1e8, 1e8)},
	{op: "Sign", ranges: sides, far: []float64{-1e8, -1e3, 1e3, 1e8}, flat: true},
	{op: "Sin", ranges: everywhere, far: []float64{-1e3, 1e-3, 1e3}, step: 1e-8},
	{op: "Sinh", ranges: everywhere, far: []float64{-300, 0.1, 300}, step: 1e-7},
	{op: "Softplus", ranges: everywhere, far: append(curved, -1e8, 1e8)},
	{op: "Softsign", ranges: sides, far: []float64{-1e8, -1e3, 1e3, 1e8}},
	{op: "Sqrt", ranges: [][2]float64{{0.3, 4}}, far: []float64{0.05, 1e3, 1e8}},
	{op: "Swish", ranges: everywhere, far: append(curved, -1e8, 1e8)},
	{op: "Swish", ranges: everywhere, attrs: []graph.Attr{graph.Float("alpha", 1.7)}},
	{op: "Tan", ranges: [][2]float64{{-1.2, 1.2}}, far: []float64{1e-3, 1e3}, step: 1e-8},
	{op: "Tanh", ranges: everywhere, far: append(curved, -1e8, 1e8)},
	{op: "ThresholdedRelu", ranges: [][2]float64{{-3, 0.9}, {1.1, 4}}, far: farOut, flat: true},
	{op: "ThresholdedRelu", ranges: sides, attrs: []graph.Attr{graph.Float("alpha", 0)}, flat: true},
}

func TestUnaryGradients(t *testing.T) {
	for _, u := range unaryGradients {
		var cases []optest.Case
		for i, r := range u.ranges {
			cases = append(cases, optest.Case{Name: "random", In: args(drawn(uint64(i), r[0], r[1], 3, 5)), Attrs: u.attrs})
		}
		cases = append(cases, optest.Case{Name: "empty", In: args(drawn(1, 0, 1, 0, 3)), Attrs: u.attrs},
			optest.Case{Name: "one element", In: args(drawn(1, u.ranges[0][0], u.ranges[0][1])), Attrs: u.attrs})
		if u.far != nil {
			cases = append(cases, optest.Case{Name: "far", In: args(row(u.far...)), Attrs: u.attrs, Step: u.step})
		}
		optest.Grad(t, Registry(), u.op, cases)
	}
}

// TestUnaryGradientsOfTinyNumbers takes steps relative to the elements, where the derivative itself changes fast.
func TestUnaryGradientsOfTinyNumbers(t *testing.T) {
	for _, op := range []string{"Log", "Reciprocal", "Sqrt", "Abs", "Relu", "LeakyRelu", "Softsign", "Elu", "Celu", "Selu"} {
		optest.Grad(t, Registry(), op, []optest.Case{{Name: "tiny", In: args(row(1e-100, 3e-20, 1e-8, 2e-3)), Step: 1e-4 / 4}})
	}
}

// TestUnaryGradientsOfSpecialNumbers: NaN and the infinities stay in their elements, and where a derivative is a formula of x, that of NaN is NaN.
func TestUnaryGradientsOfSpecialNumbers(t *testing.T) {
	for _, u := range unaryGradients {
		t.Run(u.op, func(t *testing.T) {
			plain := drawn(3, u.ranges[0][0], u.ranges[0][1], 4)
			v := append([]float64{nan, inf, -inf, zero, 0}, tensor.Data[float64](plain)...)
			got, err := optest.Gradients(Registry(), u.op, optest.Case{In: args(row(v...)), Attrs: u.attrs})
			if err != nil {
				t.Fatal(err)
			}
			alone, err := optest.Gradients(Registry(), u.op, optest.Case{In: args(plain), Attrs: u.attrs})
			if err != nil {
				t.Fatal(err)
			}
			g := tensor.Data[float64](got[0])
			if !u.flat && !math.IsNaN(g[0]) {
				t.Errorf("the derivative at NaN is %v", g[0])
			}
			if d := optest.Diff(row(g[5:]...), alone[0], 1e-15, 0); d != "" {
				t.Error("beside special numbers, the gradient of plain ones ", d)
			}
			if a, b := g[3], g[4]; math.Abs(a) != math.Abs(b) && !(math.IsNaN(a) && math.IsNaN(b)) {
				t.Errorf("the derivative at −0 is %v, at 0 %v", a, b)
			}
		})
	}
}

// TestUnaryGradientsAtKinks: derivatives at 0 and at bounds are PyTorch's, and at the infinities their limits.
func TestUnaryGradientsAtKinks(t *testing.T) {
	of := func(op string, x, want []float64, attrs ...graph.Attr) exactGradient {
		return exactGradient{op: op, in: args(row(x...)), want: args(row(want...)), attrs: attrs}
	}
	checkExact(t, []exactGradient{
		of("Relu", []float64{0, zero, -inf, inf}, []float64{0, 0, 0, 1}),
		of("Abs", []float64{0, zero, -inf, inf}, []float64{0, 0, -1, 1}),
		of("Sign", []float64{0, -inf, inf, 2}, []float64{0, 0, 0, 0}),
		of("Ceil", []float64{0, 1, -2.5, inf}, []float64{0, 0, 0, 0}),
		of("Floor", []float64{0, 1, -2.5, inf}, []float64{0, 0, 0, 0}),
		of("Round", []float64{0, 0.5, -2.5, inf}, []float64{0, 0, 0, 0}),
		of("LeakyRelu", []float64{0, -inf, inf}, []float64{0.25, 0.25, 1}, graph.Float("alpha", 0.25)),
		of("Elu", []float64{0, -inf, inf}, []float64{0.5, 0, 1}, graph.Float("alpha", 0.5)),
		of("Celu", []float64{0, -inf, inf}, []float64{1, 0, 1}),
		of("HardSigmoid", []float64{-2, 2, -inf, inf, 0}, []float64{0, 0, 0, 0, 0.25}, graph.Float("alpha", 0.25)),
		of("HardSwish", []float64{-4, 4, -inf, inf, 0}, []float64{0, 1, 0, 1, 0.5}),
		of("ThresholdedRelu", []float64{1, -inf, inf}, []float64{0, 0, 1}),
		of("Shrink", []float64{0.5, -0.5, -inf, inf}, []float64{0, 0, 1, 1}),
		of("Sigmoid", []float64{-inf, inf, 0}, []float64{0, 0, 0.25}),
		of("Tanh", []float64{-inf, inf, 0}, []float64{0, 0, 1}),
		of("Exp", []float64{-inf, inf, 0}, []float64{0, inf, 1}),
		of("Log", []float64{0, inf}, []float64{inf, 0}),
		of("Sqrt", []float64{0, inf}, []float64{inf, 0}),
		of("Reciprocal", []float64{0, inf, -inf}, []float64{-inf, 0, 0}),
		of("Atan", []float64{-inf, inf}, []float64{0, 0}),
		of("Asin", []float64{-1, 1, 2}, []float64{inf, inf, nan}),
		of("Acos", []float64{-1, 1, 2}, []float64{-inf, -inf, nan}),
		of("Atanh", []float64{1, -1}, []float64{inf, inf}),
		of("Erf", []float64{-inf, inf}, []float64{0, 0}),
		of("Softplus", []float64{-inf, inf, 0}, []float64{0, 1, 0.5}),
		of("Softsign", []float64{-inf, inf, 0}, []float64{0, 0, 1}),
	})
}
