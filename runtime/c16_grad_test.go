package runtime_test

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// TestC16Gradients: gradients of what lies between convolutions are computed in blocks, too.
func TestC16Gradients(t *testing.T) {
	k := func(name string, v ...int64) graph.Attr { return graph.Ints(name, v...) }
	weightGrad := func(b formBuilder, x, g *graph.Value, args ...graph.Arg) *graph.Value {
		w := b.Op("ai.onnxrun::ConvWeightGrad", append([]graph.Arg{x, g}, args...)...)
		return b.op("Mul", w, 0.03) // of many products: about as large as one
	}
	norm := func(b formBuilder, y *graph.Value, channels int) *graph.Value {
		stats := []graph.Arg{y, b.weights(1, channels), b.weights(0, channels), b.weights(0, channels), b.weights(2, channels)}
		return b.OpN(1, "BatchNormalization", append(stats, graph.Int("training_mode", 1))...)[0]
	}
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(16), graph.Size(9), graph.Size(8)), []form{
		{"weights", "BlockC16 ConvDirect ConvWeightGradC16 Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			return weightGrad(b, x, b.conv(x, 16, 20, 3), b.Ints(20, 16, 3, 3), k("pads", 1, 1, 1, 1))
		}},
		{"weights of a depthwise convolution", "BlockC16 ConvDepthwise ConvWeightGradC16 Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.Op("Conv", x, b.weights(0, 16, 1, 3, 3), graph.Int("group", 16), k("strides", 2, 2))
			return weightGrad(b, x, y, b.Ints(16, 1, 3, 3), graph.Int("group", 16), k("strides", 2, 2))
		}},
		{"norm and bound", "BlockC16 ConvDirect BatchNormC16 BatchNormGradC16 UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			c := b.conv(x, 16, 20, 1)
			y := b.Op("Relu", norm(b, c, 20))
			g := b.Op("Where", b.Op("Greater", y, b.Scalar(tensor.Float32, 0)), y, b.Scalar(tensor.Float32, 0))
			return b.OpN(3, "ai.onnxrun::BatchNormGrad", c, b.weights(1, 20), g)[0]
		}},
		{"norm, residual and two bounds", "BlockC16 ConvDirect BatchNormC16 BoundGrad BatchNormGradC16 Add UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			c := b.conv(x, 16, 20, 1)
			y := b.Op("Clip", b.Op("Add", norm(b, c, 20), c), b.Scalar(tensor.Float32, 0), b.Scalar(tensor.Float32, 0.5))
			zero := b.Scalar(tensor.Float32, 0)
			g := b.Op("Where", b.Op("Less", y, b.Scalar(tensor.Float32, 0.5)), b.Op("Where", b.Op("Greater", y, zero), y, zero), zero)
			return b.Op("Add", b.OpN(3, "ai.onnxrun::BatchNormGrad", c, b.weights(1, 20), g)[0], g)
		}},
		{"what reads the shape", "BlockC16 ConvDirect Shape Concat ReduceProd Cast BatchNormC16 Concat Expand BlockC16 Add UnblockC16 Div", func(b formBuilder, x *graph.Value) *graph.Value {
			c := b.conv(x, 16, 20, 1)
			size := b.Op("Cast", b.Op("Size", c), graph.Int("to", int(tensor.Float32)))
			y := b.Op("Add", norm(b, c, 20), b.Op("Expand", b.weights(0, 20, 1, 1), b.Op("Shape", c)))
			return b.Op("Div", y, size)
		}},
		{"another activation", "BlockC16 ConvDirect BatchNormC16 Sigmoid UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Sigmoid", norm(b, b.conv(x, 16, 20, 1), 20))
		}},
		{"a norm of what is not blocked", "BatchNormalization BatchNormGrad", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.OpN(3, "ai.onnxrun::BatchNormGrad", x, b.weights(1, 16), norm(b, x, 16))[0]
		}},
		{"largest", "BlockC16 ConvDirect MaxPool MaxPoolGrad UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			c := b.conv(x, 16, 20, 1)
			window := []graph.Arg{k("kernel_shape", 3, 3), k("strides", 2, 2), k("pads", 1, 1, 1, 1)}
			y := b.Op("MaxPool", append([]graph.Arg{c}, window...)...)
			return b.Op("ai.onnxrun::MaxPoolGrad", append([]graph.Arg{c, y, y}, window...)...)
		}},
		{"weights that saw a part", "Slice ConvWeightGrad Mul", func(b formBuilder, x *graph.Value) *graph.Value { // the last rows of x are in no window
			return weightGrad(b, x, b.Op("Slice", x, b.Ints(0, 0), b.Ints(4, 3), b.Ints(2, 3)), b.Ints(16, 16, 1, 1), k("strides", 2, 2))
		}},
	}, pass.FuseBoundGrad, pass.C16Exact, pass.Prune)
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(3), graph.Size(9), graph.Size(8)), []form{
		{"weights where a net begins", "ConvDirect ConvWeightGradC16 Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			return weightGrad(b, x, b.conv(x, 3, 20, 3), b.Ints(20, 3, 3, 3), k("pads", 1, 1, 1, 1))
		}},
	}, pass.C16Exact)
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(12), graph.Size(40)), []form{
		{"weights of lines", "Relu BlockC16 BlockC16 ConvWeightGradC16 Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			return weightGrad(b, x, b.Op("Relu", x), b.Ints(12, 12, 3), k("pads", 1, 1))
		}},
	}, pass.C16Exact)
}
