package runtime_test

import (
	"math"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// formBuilder writes formulas: numbers are constants of type d.
type formBuilder struct {
	*graph.Builder
	d *tensor.DType
}

func (b formBuilder) op(name string, args ...any) *graph.Value {
	in := make([]graph.Arg, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case float64:
			in[i] = b.Scalar(*b.d, a)
		case int:
			in[i] = b.Scalar(*b.d, float64(a))
		case graph.Arg:
			in[i] = a
		}
	}
	return b.Op(name, in...)
}

func (b formBuilder) vector(v ...float32) *graph.Value {
	x := make([]float64, len(v))
	for i, f := range v {
		x[i] = float64(f)
	}
	return b.Const(tensor.Must(tensor.FromFloats(*b.d, x, len(v))))
}

func (b formBuilder) cast(x *graph.Value, d tensor.DType) *graph.Value {
	return b.Op("Cast", x, graph.Int("to", int(d)))
}

// mean is over the axes, or the last one.
func (b formBuilder) mean(x *graph.Value, axes ...int) *graph.Value {
	if len(axes) == 0 {
		axes = []int{-1}
	}
	return b.Op("ReduceMean", x, b.Ints(axes...))
}

type form struct {
	name  string
	want  string // the operators that the fusions leave
	build func(b formBuilder, x *graph.Value) *graph.Value
}

func checkForms(t *testing.T, typ graph.Type, forms []form, passes ...func(*graph.Registry, *graph.Graph) (bool, error)) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			d := tensor.Float32
			b := formBuilder{graph.NewBuilder(ops.Registry(), nil), &d}
			b.Output(f.build(b, b.Input("x", typ)))
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
			g := b.Graph.Clone()
			list := append([]pass.Pass{}, pass.Inference...)
			for _, p := range passes {
				list = append(list, pass.Pass{Name: "fusion", Run: p})
			}
			if err := pass.Apply(ops.Registry(), g, append(list, pass.Inference...)); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, n := range g.Nodes {
				got = append(got, n.Op.Name)
			}
			if s := strings.Join(got, " "); s != f.want {
				t.Errorf("left %s, want %s\n%s", s, f.want, g)
			}
			tol := 1e-5 // sums may run in another order
			if d.IsHalf() {
				tol = 1e-3 // intermediate results are not rounded any more
			}
			sameResultsWithin(t, b.Graph, g, tol)
		})
	}
}

func TestFuseGelu(t *testing.T) {
	erf := func(b formBuilder, x *graph.Value) *graph.Value { return b.op("Erf", b.op("Div", x, math.Sqrt2)) }
	c := math.Sqrt(2 / math.Pi)
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(5)), []form{
		{"torch", "Gelu", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.op("Mul", x, b.op("Add", erf(b, x), 1)), 0.5)
		}},
		{"keras", "Gelu", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.op("Mul", 0.5, x), b.op("Add", 1, erf(b, x)))
		}},
		{"reciprocal root", "Gelu", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.op("Mul", 0.5, b.op("Add", 1, b.op("Erf", b.op("Mul", x, 1/math.Sqrt2)))), x)
		}},
		{"a half inside", "Gelu", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", x, b.op("Add", 0.5, b.op("Mul", erf(b, x), 0.5)))
		}},
		{"halved by division", "Gelu", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Div", b.op("Mul", x, b.op("Add", erf(b, x), 1)), 2)
		}},
		{"gpt2", "Gelu", func(b formBuilder, x *graph.Value) *graph.Value {
			u := b.op("Add", x, b.op("Mul", 0.044715, b.op("Pow", x, 3)))
			return b.op("Mul", b.op("Mul", 0.5, x), b.op("Add", 1, b.op("Tanh", b.op("Mul", c, u))))
		}},
		{"cube by products", "Gelu", func(b formBuilder, x *graph.Value) *graph.Value {
			u := b.op("Add", x, b.op("Mul", 0.044715, b.op("Mul", b.op("Mul", x, x), x)))
			return b.op("Mul", x, b.op("Mul", 0.5, b.op("Add", b.op("Tanh", b.op("Mul", c, u)), 1)))
		}},
		{"fast", "Gelu", func(b formBuilder, x *graph.Value) *graph.Value {
			u := b.op("Mul", b.op("Mul", x, c), b.op("Add", 1, b.op("Mul", b.op("Mul", 0.044715, x), x)))
			return b.op("Mul", b.op("Mul", 0.5, x), b.op("Add", 1, b.op("Tanh", u)))
		}},
		{"another root", "Div Erf Add Mul Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.op("Mul", x, b.op("Add", b.op("Erf", b.op("Div", x, 1.5)), 1)), 0.5)
		}},
		{"another factor", "Div Erf Add Mul Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.op("Mul", x, b.op("Add", erf(b, x), 1)), 0.6)
		}},
		{"another value", "Relu Div Erf Add Mul Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.op("Mul", b.op("Relu", x), b.op("Add", erf(b, x), 1)), 0.5)
		}},
		{"another reader", "Div Erf Add Mul Mul Sub", func(b formBuilder, x *graph.Value) *graph.Value {
			e := erf(b, x)
			return b.op("Sub", e, b.op("Mul", b.op("Mul", x, b.op("Add", e, 1)), 0.5))
		}},
		{"a constant of higher rank", "Div Erf Add Mul Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			one := b.Const(tensor.Must(tensor.Of([]float32{1}, 1, 1, 1)))
			return b.op("Mul", b.op("Mul", x, b.op("Add", erf(b, x), one)), 0.5)
		}},
	}, pass.FuseGelu)
}

func TestFuseActivation(t *testing.T) {
	relu6 := func(b formBuilder, x *graph.Value) *graph.Value { return b.op("Clip", b.op("Add", x, 3), 0, 6) }
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(5)), []form{
		{"silu", "Swish", func(b formBuilder, x *graph.Value) *graph.Value { return b.op("Mul", b.op("Sigmoid", x), x) }},
		{"quick gelu", "Swish", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", x, b.op("Sigmoid", b.op("Mul", x, 1.702)))
		}},
		{"silu by hand", "Swish", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Div", x, b.op("Add", 1, b.op("Exp", b.op("Neg", x))))
		}},
		{"sigmoid by hand", "Sigmoid", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Div", 1, b.op("Add", 1, b.op("Exp", b.op("Neg", x))))
		}},
		{"hard swish", "HardSwish", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", x, b.op("Div", relu6(b, x), 6))
		}},
		{"hard swish, product first", "HardSwish", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Div", b.op("Mul", x, relu6(b, x)), 6)
		}},
		{"hard swish of hard sigmoid", "HardSwish", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", x, b.op("HardSigmoid", x, graph.Float("alpha", 1./6)))
		}},
		{"hard sigmoid", "HardSigmoid", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.op("Min", b.op("Relu", b.op("Add", x, 3)), 6), 1./6)
		}},
		{"mish", "Mish", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", x, b.op("Tanh", b.op("Log", b.op("Add", b.op("Exp", x), 1))))
		}},
		{"gate of another value", "Sigmoid Abs Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.op("Sigmoid", x), b.op("Abs", x))
		}},
		{"another slope", "HardSigmoid Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", x, b.op("HardSigmoid", x))
		}},
		{"other bounds", "Add Clip Div", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Div", b.op("Clip", b.op("Add", x, 3), 0, 5), 6)
		}},
	}, pass.FuseActivation)
}

func TestFuseSoftmax(t *testing.T) {
	sum := func(b formBuilder, x *graph.Value, axis int) *graph.Value { return b.Op("ReduceSum", x, b.Ints(axis)) }
	top := func(b formBuilder, x *graph.Value, axis int) *graph.Value { return b.Op("ReduceMax", x, b.Ints(axis)) }
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(5)), []form{
		{"softmax", "Softmax", func(b formBuilder, x *graph.Value) *graph.Value {
			e := b.op("Exp", b.op("Sub", x, top(b, x, -1)))
			return b.op("Div", e, sum(b, e, 1))
		}},
		{"without maximum", "Softmax", func(b formBuilder, x *graph.Value) *graph.Value {
			e := b.op("Exp", x)
			return b.op("Div", e, sum(b, e, 0))
		}},
		{"logarithm", "LogSoftmax", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Log", b.op("Softmax", x, graph.Int("axis", 0)))
		}},
		{"log softmax", "LogSoftmax", func(b formBuilder, x *graph.Value) *graph.Value {
			d := b.op("Sub", x, top(b, x, -1))
			return b.op("Sub", d, b.op("Log", sum(b, b.op("Exp", d), -1)))
		}},
		{"the maximum of another axis", "ReduceMax Sub Softmax", func(b formBuilder, x *graph.Value) *graph.Value {
			e := b.op("Exp", b.op("Sub", x, top(b, x, 0)))
			return b.op("Div", e, sum(b, e, 1))
		}},
		{"both axes", "Exp ReduceSum Div", func(b formBuilder, x *graph.Value) *graph.Value {
			e := b.op("Exp", x)
			return b.op("Div", e, b.Op("ReduceSum", e))
		}},
	}, pass.FuseSoftmax)
}

func TestFuseLayerNorm(t *testing.T) {
	// norm is the normalization without scale and bias, over the given axes.
	norm := func(b formBuilder, x *graph.Value, axes ...int) *graph.Value {
		d := b.op("Sub", x, b.mean(x, axes...))
		return b.op("Div", d, b.op("Sqrt", b.op("Add", b.mean(b.op("Pow", d, 2), axes...), 1e-5)))
	}
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(3), graph.Size(4)), []form{
		{"torch", "LayerNormalization", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Add", b.op("Mul", norm(b, x), b.vector(1, 2, 3, 4)), b.vector(5, 6, 7, 8))
		}},
		{"without bias", "LayerNormalization", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.vector(1, 2, 3, 4), norm(b, x))
		}},
		{"bare, two axes", "LayerNormalization", func(b formBuilder, x *graph.Value) *graph.Value { return norm(b, x, 2, -2) }},
		{"reciprocal", "LayerNormalization", func(b formBuilder, x *graph.Value) *graph.Value {
			d := b.op("Sub", x, b.mean(x))
			r := b.op("Reciprocal", b.op("Sqrt", b.op("Add", 1e-6, b.mean(b.op("Mul", d, d)))))
			return b.op("Add", b.op("Mul", b.op("Mul", d, r), b.vector(1, 2, 3, 4)), b.vector(5, 6, 7, 8))
		}},
		{"tensorflow", "LayerNormalization", func(b formBuilder, x *graph.Value) *graph.Value {
			mean := b.mean(x)
			d := b.op("Sub", x, mean)
			r := b.op("Reciprocal", b.op("Sqrt", b.op("Add", b.mean(b.op("Mul", d, d)), 1e-3)))
			f := b.op("Mul", r, b.vector(1, 2, 3, 4))
			return b.op("Add", b.op("Mul", x, f), b.op("Sub", b.vector(5, 6, 7, 8), b.op("Mul", mean, f)))
		}},
		{"halves", "Cast LayerNormalization Cast", func(b formBuilder, x *graph.Value) *graph.Value {
			h := b.cast(x, tensor.Float16)
			y := b.cast(norm(b, b.cast(h, tensor.Float32)), tensor.Float16)
			*b.d = tensor.Float16
			return b.cast(b.op("Add", b.op("Mul", y, b.vector(1, 1, .5, 2)), b.vector(0, 0, 1, 2)), tensor.Float32)
		}},
		{"scale per channel", "InstanceNormalization", func(b formBuilder, x *graph.Value) *graph.Value {
			channels := func(v ...float32) *graph.Value { return b.Const(tensor.Must(tensor.Of(v, 3, 1))) }
			return b.op("Add", b.op("Mul", norm(b, x), channels(1, 2, 3)), channels(5, 6, 7))
		}},
		{"groups", "Reshape GroupNormalization", func(b formBuilder, x *graph.Value) *graph.Value {
			channels := func(v ...float32) *graph.Value { return b.Const(tensor.Must(tensor.Of(v, 6, 1))) }
			x = b.Op("Reshape", x, b.Ints(-1, 6, 2))
			y := b.op("InstanceNormalization", b.Op("Reshape", x, b.Ints(0, 3, -1)), b.vector(1, 1, 1), b.vector(0, 0, 0))
			y = b.Op("Reshape", y, b.Op("Shape", x))
			return b.op("Add", b.op("Mul", y, channels(1, 2, 3, 4, 5, 6)), channels(5, 6, 7, 8, 9, 1))
		}},
		{"first axis", "ReduceMean Sub Pow ReduceMean Add Sqrt Div", func(b formBuilder, x *graph.Value) *graph.Value { return norm(b, x, 1) }},
		{"other axes", "ReduceMean Sub Pow ReduceMean Add Sqrt Div", func(b formBuilder, x *graph.Value) *graph.Value {
			d := b.op("Sub", x, b.mean(x, 2))
			return b.op("Div", d, b.op("Sqrt", b.op("Add", b.mean(b.op("Pow", d, 2), 1, 2), 1e-5)))
		}},
		{"scale by a matrix", "LayerNormalization Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", norm(b, x), b.Const(tensor.Must(tensor.Of([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 3, 4))))
		}},
		{"two scales", "LayerNormalization Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.op("Mul", norm(b, x), b.vector(1, 2, 3, 4)), b.vector(1, 2, 3, 4))
		}},
	}, pass.FuseLayerNorm)
}

func TestFuseRMSNorm(t *testing.T) {
	root := func(b formBuilder, x *graph.Value) *graph.Value {
		return b.op("Sqrt", b.op("Add", b.mean(b.op("Pow", x, 2)), 1e-6))
	}
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(3), graph.Size(4)), []form{
		{"qwen", "RMSNormalization", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.vector(1, 2, 3, 4), b.op("Mul", x, b.op("Div", 1, root(b, x))))
		}},
		{"t5", "RMSNormalization", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.op("Div", x, root(b, x)), b.vector(1, 2, 3, 4))
		}},
		{"power", "RMSNormalization", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", x, b.op("Pow", b.op("Add", b.mean(b.op("Mul", x, x)), 1e-6), -0.5))
		}},
		{"llama halves", "Cast RMSNormalization Cast", func(b formBuilder, x *graph.Value) *graph.Value {
			w := b.cast(b.cast(x, tensor.Float16), tensor.Float32)
			y := b.cast(b.op("Mul", w, b.op("Reciprocal", root(b, w))), tensor.Float16)
			*b.d = tensor.Float16
			return b.cast(b.op("Mul", b.vector(1, 1, .5, 2), y), tensor.Float32)
		}},
		{"another axis", "Mul ReduceMean Add Sqrt Div", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Div", x, b.op("Sqrt", b.op("Add", b.mean(b.op("Mul", x, x), 1), 1e-6)))
		}},
		{"another value", "Relu Pow ReduceMean Add Sqrt Div", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Div", b.op("Relu", x), root(b, x))
		}},
	}, pass.FuseLayerNorm, pass.FuseRMSNorm)
}

func TestFuseSkipNorm(t *testing.T) {
	typ := matrix(graph.Sym("batch"), graph.Size(3), graph.Size(4))
	checkForms(t, typ, []form{
		{"layer norm", "Exp SkipLayerNorm", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("LayerNormalization", b.op("Add", x, b.op("Exp", x)), b.vector(1, 2, 3, 4), b.vector(5, 6, 7, 8))
		}},
		{"sum read again", "Exp SkipRMSNorm Relu Sub", func(b formBuilder, x *graph.Value) *graph.Value {
			s := b.op("Add", x, b.op("Exp", x))
			r := b.op("Relu", s)
			return b.op("Sub", r, b.op("RMSNormalization", s, b.vector(1, 2, 3, 4)))
		}},
		{"scale computed from the sum", "Exp Add ReduceMax LayerNormalization", func(b formBuilder, x *graph.Value) *graph.Value {
			s := b.op("Add", x, b.op("Exp", x))
			return b.op("LayerNormalization", s, b.Op("ReduceMax", s, b.Ints(0, 1), graph.Int("keepdims", 0)))
		}},
		{"sum of different shapes", "Add LayerNormalization", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("LayerNormalization", b.op("Add", x, b.vector(1, 2, 3, 4)), b.vector(1, 2, 3, 4))
		}},
		{"two axes", "Exp Add LayerNormalization", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("LayerNormalization", b.op("Add", x, b.op("Exp", x)), b.vector(1, 2, 3, 4), graph.Int("axis", 1))
		}},
	}, pass.FuseSkipNorm)
}

func TestPushTranspose(t *testing.T) {
	turn := func(b formBuilder, x *graph.Value, perm ...int64) *graph.Value {
		return b.Op("Transpose", x, graph.Ints("perm", perm...))
	}
	checkForms(t, matrix(graph.Size(2), graph.Size(3), graph.Size(4)), []form{
		{"two in a row", "Transpose", func(b formBuilder, x *graph.Value) *graph.Value {
			return turn(b, turn(b, x, 1, 2, 0), 1, 0, 2)
		}},
		{"inverse pair around functions", "Relu Sigmoid", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Sigmoid", turn(b, b.op("Relu", turn(b, x, 1, 2, 0)), 2, 0, 1))
		}},
		{"constants", "Add Mul Relu", func(b formBuilder, x *graph.Value) *graph.Value {
			h := b.op("Add", turn(b, x, 0, 2, 1), b.vector(1, 2, 3)) // along axis 1 of x
			h = b.op("Mul", b.Const(tensor.Must(tensor.Of([]float32{1, 2, 3, 4}, 4, 1))), h)
			return b.op("Relu", turn(b, h, 0, 2, 1))
		}},
		{"a scalar before", "Sub Relu", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Relu", turn(b, b.op("Sub", 1, turn(b, x, 2, 1, 0)), 2, 1, 0))
		}},
		{"residual", "Exp Add Transpose", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Add", turn(b, x, 1, 2, 0), turn(b, b.op("Exp", x), 1, 2, 0))
		}},
		{"residual that others read", "Exp Transpose Sub Transpose Concat", func(b formBuilder, x *graph.Value) *graph.Value {
			u := turn(b, b.op("Exp", x), 1, 2, 0)
			return b.Op("Concat", b.op("Sub", turn(b, x, 1, 2, 0), u), u, graph.Int("axis", 0))
		}},
		{"different permutations", "Reshape Transpose Relu Add", func(b formBuilder, x *graph.Value) *graph.Value {
			x = b.Op("Reshape", x, b.Ints(2, 2, 6))
			return b.op("Add", turn(b, x, 1, 0, 2), turn(b, b.op("Relu", x), 0, 1, 2))
		}},
		{"softmax along an axis", "Softmax Relu", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Relu", turn(b, b.op("Softmax", turn(b, x, 1, 2, 0), graph.Int("axis", 0)), 2, 0, 1))
		}},
		{"nothing moves", "Slice Pad Relu", func(b formBuilder, x *graph.Value) *graph.Value { // beside these, a slice of all and a pad of nothing
			x = b.Op("Slice", x, b.Ints(0, 0), b.Ints(9, 2), b.Ints(0, 1))
			x = b.Op("Slice", x, b.Ints(0), b.Ints(99), b.Ints(1))
			x = b.Op("Pad", x, b.Ints(0, 0, 0, 0, 0, 0))
			return b.op("Relu", b.Op("Pad", x, b.Ints(0, 1, 0, 0, -1, 0)))
		}},
		{"mean", "ReduceMean Transpose", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("ReduceMean", turn(b, x, 2, 1, 0), b.Ints(-1), graph.Int("keepdims", 0)) // axis 0 of x; 4 × 3 stay
		}},
		{"mean of two axes", "ReduceMean", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("ReduceMean", turn(b, x, 1, 2, 0), b.Ints(0, 1), graph.Int("keepdims", 0))
		}},
		{"axes of extent 1", "Reshape Reshape Relu", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Relu", turn(b, b.Op("Reshape", x, b.Ints(2, 1, 12)), 1, 0, 2))
		}},
		{"a vector along the turned axis of another rank", "Transpose Add", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Add", turn(b, x, 1, 2, 0), b.Const(tensor.Must(tensor.Of([]float32{1, 2}, 1, 1, 1, 2))))
		}},
	}, pass.Transpose)
}

func TestFuseScale(t *testing.T) {
	w := func(b formBuilder) *graph.Value {
		return b.Const(tensor.Must(tensor.Of([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 4, 2)))
	}
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(3), graph.Size(4)), []form{
		{"layer scale", "MatMul Add", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.op("Add", b.op("MatMul", x, w(b)), b.vector(1, -2))
			return b.op("Mul", y, b.Const(tensor.Must(tensor.Of([]float32{3, 5}, 1, 2))))
		}},
		{"a number, no bias", "MatMul", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", 0.125, b.op("MatMul", x, w(b)))
		}},
		{"by rows", "MatMul Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.op("MatMul", x, w(b)), b.Const(tensor.Must(tensor.Of([]float32{3, 5, 7}, 3, 1))))
		}},
		{"product that others read", "MatMul Mul Sub", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.op("MatMul", x, w(b))
			return b.op("Sub", b.op("Mul", y, 2), y)
		}},
	}, pass.FuseScale)
}

func TestTransposeC16(t *testing.T) {
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(2), graph.Size(3), graph.Size(32)), []form{
		{"there and back", "Reshape Transpose Relu Transpose Reshape", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.op("Relu", b.op("ai.onnxrun::BlockC16", b.Op("Transpose", x, graph.Ints("perm", 0, 3, 1, 2))))
			return b.Op("Transpose", b.op("ai.onnxrun::UnblockC16", y, graph.Int("channels", 32)), graph.Ints("perm", 0, 2, 3, 1))
		}},
		{"another order", "Transpose BlockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("ai.onnxrun::BlockC16", b.Op("Transpose", x, graph.Ints("perm", 0, 3, 2, 1)))
		}},
		{"half a block", "Reshape BlockC16 UnblockC16 Transpose", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.op("ai.onnxrun::BlockC16", b.Op("Reshape", x, b.Ints(-1, 24, 4, 2)))
			return b.Op("Transpose", b.op("ai.onnxrun::UnblockC16", y, graph.Int("channels", 24)), graph.Ints("perm", 0, 2, 3, 1))
		}},
	}, pass.TransposeC16)
}

func TestGatherRows(t *testing.T) {
	// roll moves the first k along an axis to its end.
	roll := func(b formBuilder, x *graph.Value, axis, k int) *graph.Value {
		head := b.Op("Slice", x, b.Ints(0), b.Ints(k), b.Ints(axis))
		return b.Op("Concat", b.Op("Slice", x, b.Ints(k), b.Ints(1000), b.Ints(axis)), head, graph.Int("axis", axis))
	}
	windows := func(b formBuilder, x *graph.Value) *graph.Value {
		return b.Op("Transpose", b.Op("Reshape", x, b.Ints(2, 2, 2, 3, 2, 16)), graph.Ints("perm", 0, 1, 3, 2, 4, 5))
	}
	checkForms(t, matrix(graph.Dims(2, 4, 6, 16)...), []form{
		{"rolled windows", "Reshape Gather Reshape Relu", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Relu", b.Op("Reshape", windows(b, roll(b, roll(b, x, 1, 1), 2, 2)), b.Ints(-1, 4, 16)))
		}},
		{"merged patches", "Reshape Gather Reshape Relu", func(b formBuilder, x *graph.Value) *graph.Value {
			every := func(x *graph.Value, axis, from int) *graph.Value {
				return b.Op("Slice", x, b.Ints(from), b.Ints(1000), b.Ints(axis), b.Ints(2))
			}
			even, odd := every(x, 1, 0), every(x, 1, 1)
			return b.op("Relu", b.Op("Concat", every(even, 2, 0), every(odd, 2, 0), every(even, -2, 1), every(odd, -2, 1), graph.Int("axis", -1)))
		}},
		{"read twice", "Reshape Gather Reshape Relu Sub", func(b formBuilder, x *graph.Value) *graph.Value {
			h := roll(b, x, 0, 1)
			return b.op("Sub", h, b.op("Relu", h))
		}},
		{"an output on the way", "Reshape Gather Reshape Reshape Gather Reshape", func(b formBuilder, x *graph.Value) *graph.Value {
			h := roll(b, x, 1, 3)
			b.Output(h)
			return windows(b, h)
		}},
		{"one move", "Reshape Transpose", windows},
		{"rows are cut", "Slice Slice Concat", func(b formBuilder, x *graph.Value) *graph.Value { return roll(b, x, 3, 4) }},
		{"rows are turned at last", "Reshape Gather Reshape Transpose Relu", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.Op("Transpose", roll(b, x, 1, 1), graph.Ints("perm", 0, 3, 1, 2))
			return b.op("Relu", y)
		}},
		{"two sources", "Slice Exp Slice Concat Relu", func(b formBuilder, x *graph.Value) *graph.Value {
			part := func(x *graph.Value) *graph.Value { return b.Op("Slice", x, b.Ints(0), b.Ints(1), b.Ints(1)) }
			return b.op("Relu", b.Op("Concat", part(x), part(b.op("Exp", x)), graph.Int("axis", 1)))
		}},
	}, pass.GatherRows)
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(4), graph.Size(16)), []form{
		{"a size is not known", "Slice Slice Concat", func(b formBuilder, x *graph.Value) *graph.Value { return roll(b, x, 1, 1) }},
	}, pass.GatherRows)
}

// TestFuseRotary: the forms of Hugging Face's rotate_half and of chunk, and what is not one.
func TestFuseRotary(t *testing.T) {
	cut := func(b formBuilder, x *graph.Value, lo, hi int) *graph.Value {
		return b.op("Slice", x, b.Ints(lo), b.Ints(hi), b.Ints(-1), b.Ints(1))
	}
	row := func(b formBuilder, v ...float32) *graph.Value { return b.Op("Cos", b.vector(v...)) }
	turn := func(b formBuilder, x, turned, cos, sin *graph.Value) *graph.Value {
		return b.op("Add", b.op("Mul", x, cos), b.op("Mul", turned, sin))
	}
	pair := func(b formBuilder, high, low *graph.Value) *graph.Value {
		return b.op("Concat", b.op("Neg", high), low, graph.Int("axis", -1))
	}
	cos, sin := []float32{1, 2, 3, 4, 5, 6}, []float32{6, 5, 4, 3, 2, 1}
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(2), graph.Size(6)), []form{
		{"slices", "RotateHalves", func(b formBuilder, x *graph.Value) *graph.Value {
			return turn(b, x, pair(b, cut(b, x, 3, math.MaxInt64), cut(b, x, 0, 3)), row(b, cos...), row(b, sin...))
		}},
		{"slices from the end", "RotateHalves", func(b formBuilder, x *graph.Value) *graph.Value {
			return turn(b, x, pair(b, cut(b, x, -3, 6), cut(b, x, 0, -3)), row(b, cos...), row(b, sin...))
		}},
		{"chunks", "RotateHalves", func(b formBuilder, x *graph.Value) *graph.Value {
			parts := b.OpN(2, "Split", x, b.Ints(3, 3), graph.Int("axis", 2))
			return turn(b, x, pair(b, parts[1], parts[0]), row(b, cos...), row(b, sin...))
		}},
		{"unequal chunks", "Split Neg Concat Mul Mul Add", func(b formBuilder, x *graph.Value) *graph.Value {
			parts := b.OpN(2, "Split", x, b.Ints(2, 4), graph.Int("axis", 2))
			return turn(b, x, pair(b, parts[1], parts[0]), row(b, cos...), row(b, sin...))
		}},
		{"unequal slices", "Slice Slice Neg Concat Mul Mul Add", func(b formBuilder, x *graph.Value) *graph.Value {
			return turn(b, x, pair(b, cut(b, x, 2, 6), cut(b, x, 0, 2)), row(b, cos...), row(b, sin...))
		}},
		{"the other half negative", "Slice Slice Neg Concat Mul Mul Add", func(b formBuilder, x *graph.Value) *graph.Value {
			return turn(b, x, pair(b, cut(b, x, 0, 3), cut(b, x, 3, 6)), row(b, cos...), row(b, sin...))
		}},
		{"of another value", "Relu Slice Slice Neg Concat Mul Mul Add", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.op("Relu", x)
			return turn(b, x, pair(b, cut(b, y, 3, 6), cut(b, y, 0, 3)), row(b, cos...), row(b, sin...))
		}},
		{"one cosine for a row", "Slice Slice Neg Concat Mul Mul Add", func(b formBuilder, x *graph.Value) *graph.Value {
			return turn(b, x, pair(b, cut(b, x, 3, 6), cut(b, x, 0, 3)), row(b, 2), row(b, sin...))
		}},
		{"more rows than x", "Slice Slice Neg Concat Mul Mul Add", func(b formBuilder, x *graph.Value) *graph.Value {
			wide := b.op("Expand", row(b, sin...), b.Ints(3, 1, 1, 6))
			return turn(b, x, pair(b, cut(b, x, 3, 6), cut(b, x, 0, 3)), row(b, cos...), wide)
		}},
		{"another axis", "Slice Neg Slice Concat Mul Mul Add", func(b formBuilder, x *graph.Value) *graph.Value {
			half := func(lo, hi int) *graph.Value { return b.op("Slice", x, b.Ints(lo), b.Ints(hi), b.Ints(1)) }
			turned := b.op("Concat", b.op("Neg", half(1, 2)), half(0, 1), graph.Int("axis", 1))
			return turn(b, x, turned, row(b, cos...), row(b, sin...))
		}},
		{"another reader", "Slice Slice Neg Concat Mul Mul Add Sub", func(b formBuilder, x *graph.Value) *graph.Value {
			turned := pair(b, cut(b, x, 3, 6), cut(b, x, 0, 3))
			return b.op("Sub", turn(b, x, turned, row(b, cos...), row(b, sin...)), turned)
		}},
	}, pass.FuseRotary)
}

// TestLowerEinsum: products of stacks in the orders that attention is written in, and sums that are none.
func TestLowerEinsum(t *testing.T) {
	ein := func(eq string, shape ...int) func(b formBuilder, x *graph.Value) *graph.Value {
		return func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Einsum", x, b.Op("Neg", b.Input("y", matrix(graph.Dims(shape...)...))), graph.Str("equation", eq))
		}
	}
	checkForms(t, matrix(graph.Dims(2, 3, 4, 5)...), []form{
		{"scores", "Neg Transpose MatMul", ein("bhqd,bhkd->bhqk", 2, 3, 6, 5)},
		{"values", "Neg MatMul", ein("b h q k, b h k d -> b h q d", 2, 3, 5, 7)},
		{"heads beside the position", "Neg Transpose Transpose MatMul", ein("bqhd,bkhd->bhqk", 2, 6, 4, 5)},
		{"transposed", "Neg Transpose MatMul Transpose", ein("bhqd,bhkd->bkqh", 2, 3, 6, 5)},
		{"two sums", "Neg Einsum", ein("bhqd,bhqk->bhk", 2, 3, 4, 6)},
		{"a sum of one side", "Neg Einsum", ein("bhqd,bhk->bhqk", 2, 3, 6)},
		{"repeated", "Neg Einsum", ein("bhqd,bhkd->bhqk", 1, 3, 6, 5)},
		{"a diagonal", "Neg Einsum", ein("bhqd,kkdm->bhqm", 2, 2, 5, 3)},
		{"dots", "Neg Einsum", ein("...qd,...kd->...qk", 2, 3, 6, 5)},
		{"elementwise", "Neg Einsum", ein("bhqd,bhqd->bhqd", 2, 3, 4, 5)},
	}, pass.LowerEinsum)
}
