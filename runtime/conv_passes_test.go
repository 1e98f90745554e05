package runtime_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// weights is a constant of random numbers around center.
func (b formBuilder) weights(center float32, shape ...int) *graph.Value {
	r := rand.New(rand.NewPCG(uint64(len(b.Graph.Consts)), 7))
	x := make([]float32, tensor.Shape(shape).Elems())
	for i := range x {
		x[i] = center + float32(r.NormFloat64())/8
	}
	return b.Const(tensor.Must(tensor.Of(x, shape...)))
}

// conv is a convolution with weights of its own, by kernels k × k that keep the size.
func (b formBuilder) conv(x *graph.Value, in, out, k int, attrs ...graph.Arg) *graph.Value {
	p := int64(k / 2)
	args := append([]graph.Arg{x, b.weights(0, out, in, k, k), b.weights(0, out), graph.Ints("pads", p, p, p, p)}, attrs...)
	return b.Op("Conv", args...)
}

func TestFuseConv(t *testing.T) {
	image := matrix(graph.Sym("batch"), graph.Size(4), graph.Sym("h"), graph.Size(6))
	norm := func(b formBuilder, y *graph.Value, channels int) *graph.Value {
		return b.Op("BatchNormalization", y, b.weights(1, channels), b.weights(0, channels), b.weights(0, channels), b.weights(2, channels))
	}
	checkForms(t, image, []form{
		{"norm", "Conv", func(b formBuilder, x *graph.Value) *graph.Value { return norm(b, b.conv(x, 4, 6, 3), 6) }},
		{"norm without bias", "Conv", func(b formBuilder, x *graph.Value) *graph.Value {
			return norm(b, b.Op("Conv", x, b.weights(0, 4, 1, 1, 1), graph.Int("group", 4)), 4)
		}},
		{"norm of a transposed convolution", "ConvTranspose", func(b formBuilder, x *graph.Value) *graph.Value {
			return norm(b, b.Op("ConvTranspose", x, b.weights(0, 4, 3, 2, 2), graph.Int("group", 2), graph.Ints("strides", 2, 2)), 6)
		}},
		{"affine", "Conv", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.op("Mul", b.conv(x, 4, 6, 1), b.weights(1, 6, 1, 1))
			y = b.op("Sub", b.op("Add", b.weights(0, 1, 6, 1, 1), y), 0.25)
			return b.op("Div", y, 2)
		}},
		{"pad", "Conv", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.conv(b.Op("Pad", x, b.Ints(0, 0, 1, 2, 0, 0, 0, 1)), 4, 5, 3)
		}},
		{"another reader", "Conv BatchNormalization Add", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.conv(x, 4, 6, 1)
			return b.op("Add", y, norm(b, y, 6))
		}},
		{"constant along the width", "Conv Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.conv(x, 4, 6, 1), b.weights(1, 6))
		}},
		{"constant from two", "Sub", func(b formBuilder, x *graph.Value) *graph.Value { return b.op("Sub", b.weights(1, 4, 1, 1), x) }},
		{"reversed difference", "Conv Sub", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Sub", b.weights(1, 6, 1, 1), b.conv(x, 4, 6, 1))
		}},
		{"pad by others than zeros", "Pad Conv", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.conv(b.Op("Pad", x, b.Ints(0, 0, 1, 1, 0, 0, 1, 1), b.Scalar(tensor.Float32, 1)), 4, 5, 3)
		}},
		{"pad by reflection", "Pad Conv", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.conv(b.Op("Pad", x, b.Ints(0, 0, 1, 1, 0, 0, 1, 1), graph.Str("mode", "reflect")), 4, 5, 3)
		}},
		{"pad that crops", "Pad Conv", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.conv(b.Op("Pad", x, b.Ints(0, 0, 0, -1, 0, 0, 1, 1)), 4, 5, 1)
		}},
		{"pad of channels", "Pad Conv", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.conv(b.Op("Pad", x, b.Ints(0, 1, 0, 0, 0, 0, 0, 0)), 5, 5, 1)
		}},
	}, pass.FuseConv)
}

// TestC16Varying: convolutions whose weights are no constants, as in training, pack them in the run; also those of a transposed convolution of stride 1.
func TestC16Varying(t *testing.T) {
	of := func(b formBuilder, x *graph.Value, shape ...int) *graph.Value {
		return b.op("Mul", b.weights(0, shape...), b.op("Sigmoid", b.op("ReduceMean", x, graph.Int("keepdims", 0))))
	}
	pads := graph.Ints("pads", 1, 1, 1, 1)
	image := matrix(graph.Sym("batch"), graph.Size(16), graph.Size(8), graph.Size(9))
	conv := func(b formBuilder, x *graph.Value) *graph.Value {
		return b.Op("Relu", b.Op("Conv", x, of(b, x, 32, 16, 3, 3), pads))
	}
	gradient := func(b formBuilder, x *graph.Value) *graph.Value {
		return b.Op("ConvTranspose", x, of(b, x, 16, 48, 3, 3), pads)
	}
	checkForms(t, image, []form{
		{"convolution", "ReduceMean Sigmoid Mul BlockC16 ConvWinograd UnblockC16", conv},
		{"gradient", "ReduceMean Sigmoid Mul BlockC16 ConvWinograd UnblockC16", gradient},
		{"stride", "ReduceMean Sigmoid Mul BlockC16 PackConvDirect ConvDirect UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Conv", x, of(b, x, 32, 16, 3, 3), pads, graph.Ints("strides", 2, 2))
		}},
		{"each channel", "ReduceMean Sigmoid Mul BlockC16 PackConvDepthwise ConvDepthwise UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Conv", x, of(b, x, 16, 1, 3, 3), pads, graph.Int("group", 16))
		}},
	}, pass.SubPixel, pass.C16)
	checkForms(t, image, []form{
		{"exact convolution", "ReduceMean Sigmoid Mul BlockC16 PackConvDirect ConvDirect UnblockC16", conv},
		{"exact gradient", "ReduceMean Sigmoid Mul BlockC16 PackConvDirect ConvDirect UnblockC16", gradient},
	}, pass.SubPixel, pass.C16Exact)
}

// TestC16 looks at regions, not at the choice between ways to convolve: without Winograd, that is the same for all sizes.
func TestC16(t *testing.T) {
	image := matrix(graph.Sym("batch"), graph.Size(16), graph.Sym("h"), graph.Size(6))
	checkForms(t, image, []form{
		{"activation", "BlockC16 ConvDirect UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value { return b.Op("Relu", b.conv(x, 16, 20, 3)) }},
		{"residual", "BlockC16 ConvDirect ConvDirect UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.Op("Relu", b.conv(x, 16, 16, 1))
			return b.op("Clip", b.op("Add", y, b.conv(y, 16, 16, 3)), 0, 6)
		}},
		{"residual that comes later", "BlockC16 ConvDirect ConvDirect UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.conv(x, 16, 32, 3)
			return b.op("Add", y, b.conv(x, 16, 32, 1))
		}},
		{"activation that others see through", "BlockC16 ConvDirect Sigmoid Mul Add UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.conv(x, 16, 16, 1)
			s := b.op("Sigmoid", y)
			return b.op("Add", b.op("Mul", y, s), s)
		}},
		{"gate", "BlockC16 ConvDirect ReduceMean ConvDirect ConvDirect Mul UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.conv(x, 16, 40, 1)
			s := b.op("Relu", b.conv(b.op("GlobalAveragePool", y), 40, 8, 1))
			return b.op("Mul", y, b.op("HardSigmoid", b.conv(s, 8, 40, 1)))
		}},
		{"constant per channel", "BlockC16 ConvDirect PRelu UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("PRelu", b.conv(x, 16, 20, 1), b.weights(0.2, 20, 1, 1))
		}},
		{"concat", "BlockC16 ConvDirect ConvDirect Concat ConvDirect UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.Op("Concat", b.conv(x, 16, 32, 1), b.conv(x, 16, 5, 1), graph.Int("axis", 1))
			return b.conv(y, 37, 16, 1)
		}},
		{"concat of parts of blocks", "BlockC16 ConvDirect ConvDirect UnblockC16 UnblockC16 Concat", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Concat", b.conv(x, 16, 5, 1), b.conv(x, 16, 32, 1), graph.Int("axis", 1))
		}},
		{"concat of rows", "BlockC16 ConvDirect ConvDirect UnblockC16 UnblockC16 Concat", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Concat", b.conv(x, 16, 16, 1), b.conv(x, 16, 16, 1), graph.Int("axis", 2))
		}},
		{"plain reader", "BlockC16 ConvDirect UnblockC16 Transpose", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Transpose", b.op("Tanh", b.conv(x, 16, 20, 1)), graph.Ints("perm", 0, 2, 3, 1))
		}},
		{"two convolutions of one input", "BlockC16 ConvDirect ConvDirect Mul UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.op("Mul", b.conv(x, 16, 16, 1), b.conv(x, 16, 16, 3))
		}},
		{"weights that vary with the images", "Slice Conv Relu", func(b formBuilder, x *graph.Value) *graph.Value {
			w := b.op("Slice", x, b.Ints(0), b.Ints(1), b.Ints(0))
			return b.op("Relu", b.Op("Conv", x, w, graph.Str("auto_pad", "SAME_UPPER")))
		}},
		{"nothing to convolve", "Relu Add", func(b formBuilder, x *graph.Value) *graph.Value { return b.op("Add", b.op("Relu", x), 1) }},
	}, pass.C16Exact)
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(3), graph.Size(9), graph.Size(7)), []form{
		{"first", "ConvDirect UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value { return b.Op("Relu", b.conv(x, 3, 32, 3)) }},
		{"same size", "ConvDirect UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Conv", x, b.weights(0, 16, 3, 2, 3), graph.Str("auto_pad", "SAME_LOWER"), graph.Ints("strides", 2, 2))
		}},
	}, pass.C16Exact)
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(16), graph.Sym("time")), []form{
		{"one axis", "BlockC16 ConvDirect Mul UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.Op("Conv", x, b.weights(0, 24, 8, 2), graph.Ints("pads", 1, 0), graph.Ints("dilations", 1), graph.Int("group", 2))
			return b.op("Mul", b.op("Relu", y), b.weights(1, 24, 1))
		}},
	}, pass.C16Exact)
	checkForms(t, matrix(graph.Size(1), graph.Size(2), graph.Size(4), graph.Size(5), graph.Size(6)), []form{
		{"three axes", "Conv", func(b formBuilder, x *graph.Value) *graph.Value { return b.Op("Conv", x, b.weights(0, 3, 2, 2, 2, 2)) }},
	}, pass.C16Exact)
}

// TestC16Inside looks at graphs inside nodes: each is a region of its own.
func TestC16Inside(t *testing.T) {
	d := tensor.Float32
	b := formBuilder{graph.NewBuilder(ops.Registry(), nil), &d}
	x := b.Input("x", matrix(graph.Sym("batch"), graph.Size(16), graph.Size(3), graph.Size(4)))
	y := b.op("Relu", b.conv(x, 16, 16, 1))
	branch := func(k int) *graph.Graph {
		in := formBuilder{b.Sub(&graph.Graph{}), &d}
		in.Output(in.op("Relu", in.conv(y, 16, 16, k)))
		if in.Err() != nil {
			t.Fatal(in.Err())
		}
		return in.Graph
	}
	cond := b.op("Greater", b.op("ReduceSum", x, graph.Int("keepdims", 0)), 0)
	b.Output(b.op("If", cond, graph.GraphAttr("then_branch", branch(1)), graph.GraphAttr("else_branch", branch(3))))
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	g := b.Graph.Clone()
	if err := pass.Apply(ops.Registry(), g, []pass.Pass{{Name: "c16", Run: pass.C16Exact}, {Name: "fold", Run: pass.Fold}, {Name: "prune", Run: pass.Prune}}); err != nil {
		t.Fatal(err)
	}
	var got []string
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		got = append(got, n.Op.Name)
		return true
	})
	want := "BlockC16 ConvDirect ReduceSum Greater UnblockC16 If BlockC16 ConvDirect UnblockC16 BlockC16 ConvDirect UnblockC16"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("left %s, want %s\n%s", s, want, g)
	}
	sameResultsWithin(t, b.Graph, g, 1e-5)
}
