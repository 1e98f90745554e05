package runtime_test

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// TestC16Pools: what lies between convolutions stays in blocks.
func TestC16Pools(t *testing.T) {
	k := func(name string, v ...int64) graph.Attr { return graph.Ints(name, v...) }
	type build = func(b formBuilder, x *graph.Value) *graph.Value
	between := func(f build) build {
		return func(b formBuilder, x *graph.Value) *graph.Value { return b.conv(f(b, b.conv(x, 16, 40, 1)), 40, 16, 1) }
	}
	floats := func(b formBuilder, v ...float32) *graph.Value { return b.Const(tensor.Must(tensor.Of(v, len(v)))) }
	blocked := func(op string) string { return "BlockC16 ConvDirect " + op + " ConvDirect UnblockC16" }
	plain := func(op string) string {
		return "BlockC16 ConvDirect UnblockC16 " + op + " BlockC16 ConvDirect UnblockC16"
	}
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(16), graph.Size(9), graph.Size(8)), []form{
		{"depthwise", "BlockC16 ConvDirect ConvDepthwise ConvDirect UnblockC16", between(func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Relu", b.Op("Conv", x, b.weights(0, 40, 1, 3, 3), b.weights(0, 40), graph.Int("group", 40), k("pads", 1, 1, 1, 1), k("strides", 2, 2)))
		})},
		{"groups of two", "BlockC16 ConvDirect ConvDirect ConvDirect UnblockC16", between(func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Conv", x, b.weights(0, 40, 2, 3, 3), graph.Int("group", 20), k("pads", 1, 1, 1, 1))
		})},
		{"max", blocked("MaxPool"), between(func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("MaxPool", x, k("kernel_shape", 3, 2), k("strides", 2, 1), k("pads", 1, 0, 1, 1), graph.Int("ceil_mode", 1))
		})},
		{"max of the same size", blocked("MaxPool"), between(func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("MaxPool", x, k("kernel_shape", 4, 4), graph.Str("auto_pad", "SAME_UPPER"))
		})},
		{"max with wide pads", plain("MaxPool Clip"), between(func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Clip", b.Op("MaxPool", x, k("kernel_shape", 2, 2), k("pads", 2, 0, 0, 0)), b.Scalar(tensor.Float32, -9))
		})},
		{"mean", blocked("AveragePool"), between(func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("AveragePool", x, k("kernel_shape", 3, 3), k("pads", 1, 1, 1, 1), graph.Int("count_include_pad", 1))
		})},
		{"global mean", blocked("ReduceMean"), between(func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("ReduceMean", x, b.Ints(-1, 2))
		})},
		{"global maximum", blocked("ReduceMax"), between(func(b formBuilder, x *graph.Value) *graph.Value { return b.Op("GlobalMaxPool", x) })},
		{"mean of channels", "BlockC16 ConvDirect UnblockC16 ReduceMean", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("ReduceMean", b.conv(x, 16, 20, 1), b.Ints(1, 2))
		}},
		{"mean without its axes", "BlockC16 ConvDirect ReduceMean UnblockC16 Squeeze MatMul", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("MatMul", b.Op("ReduceMean", b.conv(x, 16, 20, 1), b.Ints(2, 3), graph.Int("keepdims", 0)), b.weights(0, 20, 3))
		}},
		{"nearest by scales", blocked("Resize"), between(func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Resize", x, (*graph.Value)(nil), floats(b, 1, 1, 2, 3), graph.Str("mode", "nearest"), graph.Str("coordinate_transformation_mode", "asymmetric"))
		})},
		{"linear to sizes", blocked("Resize"), between(func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Resize", x, (*graph.Value)(nil), (*graph.Value)(nil), b.Ints(13, 7), k("axes", 3, 2), graph.Str("mode", "linear"))
		})},
		{"resize of channels", "BlockC16 ConvDirect UnblockC16 Resize", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Resize", b.conv(x, 16, 16, 1), (*graph.Value)(nil), floats(b, 1, 2, 2, 2))
		}},
		{"slice of blocks", "BlockC16 ConvDirect Slice Slice Add UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.conv(x, 16, 64, 1)
			return b.Op("Add", b.Op("Slice", y, b.Ints(-48), b.Ints(-16), b.Ints(1)), b.Op("Slice", y, b.Ints(32), b.Ints(1<<62), b.Ints(-3)))
		}},
		{"slice of parts of blocks", "BlockC16 ConvDirect UnblockC16 Slice", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Slice", b.conv(x, 16, 64, 1), b.Ints(8), b.Ints(24), b.Ints(1))
		}},
		{"slice of rows", "BlockC16 ConvDirect UnblockC16 Slice", func(b formBuilder, x *graph.Value) *graph.Value {
			return b.Op("Slice", b.conv(x, 16, 64, 1), b.Ints(0), b.Ints(4), b.Ints(2))
		}},
		{"split", "BlockC16 ConvDirect Split Tanh Mul UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			parts := b.OpN(2, "Split", b.conv(x, 16, 64, 1), graph.Int("axis", 1), graph.Int("num_outputs", 2))
			return b.Op("Mul", parts[0], b.Op("Tanh", parts[1]))
		}},
		{"split of parts of blocks", "BlockC16 ConvDirect UnblockC16 Split Mul", func(b formBuilder, x *graph.Value) *graph.Value {
			parts := b.OpN(2, "Split", b.conv(x, 16, 40, 1), b.Ints(20, 20), graph.Int("axis", 1))
			return b.Op("Mul", parts[0], parts[1])
		}},
	}, pass.C16)
	checkForms(t, matrix(graph.Sym("batch"), graph.Size(16), graph.Sym("time")), []form{
		{"one axis", "BlockC16 ConvDirect MaxPool AveragePool ReduceMean UnblockC16", func(b formBuilder, x *graph.Value) *graph.Value {
			y := b.Op("Conv", x, b.weights(0, 24, 16, 1))
			y = b.Op("MaxPool", y, k("kernel_shape", 2), k("pads", 1, 0))
			return b.Op("GlobalAveragePool", b.Op("AveragePool", y, k("kernel_shape", 2), k("pads", 1, 1), k("strides", 2)))
		}},
	}, pass.C16)
}
