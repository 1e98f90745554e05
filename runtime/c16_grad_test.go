package runtime_test

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
)

// TestC16Gradients: gradients of what lies between convolutions are computed in blocks, too.
func TestC16Gradients(t *testing.T) {
	k := func(name string, v ...int64) graph.Attr { return graph.Ints(name, v...) }
	weightGrad := func(b formBuilder, x, g *graph.Value, args ...graph.Arg) *graph.Value {
		w := b.Op("ai.onnxrun::ConvWeightGrad", append([]graph.Arg{x, g}, args...)...)
		return b.op("Mul", w, 0.03) // of many products: about as large as one
	}
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(16), graph.Size(9), graph.Size(8)), []form{
		{"weights", "BlockC16 ConvDirect ConvWeightGradC16 Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			return weightGrad(b, x, b.conv(x, 16, 20, 3), b.Ints(20, 16, 3, 3), k("pads", 1, 1, 1, 1))
		}},
		{"weights of a depthwise convolution", "BlockC16 ConvDepthwise ConvWeightGradC16 Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.Op("Conv", x, b.weights(0, 16, 1, 3, 3), graph.Int("group", 16), k("strides", 2, 2))
			return weightGrad(b, x, y, b.Ints(16, 1, 3, 3), graph.Int("group", 16), k("strides", 2, 2))
		}},
		{"weights that saw a part", "Slice ConvWeightGrad Mul", func(b formBuilder, x *graph.Value) *graph.Value { // the last rows of x are in no window
			return weightGrad(b, x, b.Op("Slice", x, b.Ints(0, 0), b.Ints(4, 3), b.Ints(2, 3)), b.Ints(16, 16, 1, 1), k("strides", 2, 2))
		}},
	}, pass.C16Exact)
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
