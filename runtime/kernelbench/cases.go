package kernelbench

import (
	"fmt"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Case is a kernel to measure: a graph of it, with one input. Weights and inputs are small random numbers.
type Case struct {
	Name string
	In   []int // shape of the input
	// Build gives the output for the input. weight makes constants.
	Build func(b *graph.Builder, x *graph.Value, weight func(shape ...int) *graph.Value) *graph.Value
	// Memory says that memory, not arithmetic, is the limit that counts.
	Memory bool
	// MACs are the multiply-adds of a private operator, which the graph does not tell. Its limit is what takes longer: they, or to copy as many bytes as the
	// input has to where they fit beside it, in whatever caches hold both.
	MACs int
}

// Cases are the shapes that models are made of: see docs/performance.md. Chains show a layer as it runs inside a network.
var Cases = slicesOf(products, convolutions, depthwise, rowwise)

func slicesOf(lists ...[]Case) (out []Case) {
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

var products = []Case{
	matmul(1024, 1024, 1024), matmul(2048, 2048, 2048), // square
	matmul(384, 384, 1536), matmul(384, 1536, 384), // MiniLM
	matmul(128, 768, 3072), matmul(128, 3072, 768), matmul(128, 768, 768), matmul(197, 768, 768), // BERT, ViT
	matmul(1500, 384, 384), matmul(16, 768, 768), matmul(4, 768, 3072), // Whisper, short inputs
	matmul(1, 4096, 4096), matmul(1, 768, 50257), matmul(1, 768, 3072), // decoding
}

var convolutions = []Case{
	conv(64, 64, 56, 3, 1, 1, 4), conv(128, 128, 28, 3, 1, 1, 4), conv(256, 256, 14, 3, 1, 1, 4), conv(512, 512, 7, 3, 1, 1, 4), // ResNet, 3 × 3
	conv(64, 64, 56, 1, 1, 1, 4), conv(256, 256, 14, 1, 1, 1, 4), // 1 × 1
	conv(128, 128, 56, 3, 2, 1, 1), conv(3, 64, 224, 7, 2, 1, 1), conv(3, 32, 224, 3, 2, 1, 1), // strided, first layers
	conv(32, 32, 112, 3, 1, 32, 4), conv(144, 144, 56, 3, 1, 144, 4), conv(384, 384, 14, 3, 1, 384, 4), conv(240, 240, 28, 5, 1, 240, 4), // depthwise
}

// depthwise are single layers as they run inside a network, blocked before and after.
var depthwise = []Case{depthwiseLayer(32, 112, 3), depthwiseLayer(144, 56, 3), depthwiseLayer(384, 14, 3), depthwiseLayer(240, 28, 5), depthwiseLayer(672, 7, 5)}

// depthwiseLayer is a convolution of each channel by itself, with padding, of size × size images, on blocks of 16 channels.
func depthwiseLayer(channels, size, kernel int) Case {
	return Case{
		Name: fmt.Sprintf("depthwise layer %d × %d, %d channels of %d × %d", kernel, kernel, channels, size, size),
		In:   []int{1, channels / 16, size, size, 16}, MACs: channels * size * size * kernel * kernel,
		Build: func(b *graph.Builder, x *graph.Value, weight func(...int) *graph.Value) *graph.Value {
			p, k := int64(kernel/2), int64(kernel)
			packed := b.Op("ai.onnxrun::PackConvDepthwise", weight(channels, 1, kernel, kernel), graph.Int("group", channels))
			return b.Op("ai.onnxrun::ConvDepthwise", x, packed, weight(channels), graph.Ints("pads", p, p, p, p), graph.Ints("kernel_shape", k, k),
				graph.Int("in_channels", channels), graph.Int("channels", channels), graph.Int("group", channels), graph.Str("activation", "Relu"))
		},
	}
}

var rowwise = []Case{
	unary("Relu", 128, 3072), unary("Exp", 128, 3072), unary("Sigmoid", 128, 3072), unary("Tanh", 128, 3072), unary("Erf", 128, 3072), unary("Gelu", 128, 3072),
	unary("Softmax", 12, 128, 128), layerNorm(128, 768),
	{Name: "transpose 1024 × 1024", In: []int{1024, 1024}, Memory: true, Build: func(b *graph.Builder, x *graph.Value, _ func(...int) *graph.Value) *graph.Value {
		return b.Op("Transpose", x)
	}},
}

// matmul is the product of an m × k input and a constant k × n matrix; one row is a matter of memory.
func matmul(m, k, n int) Case {
	return Case{Name: fmt.Sprintf("matmul %d × %d × %d", m, k, n), In: []int{m, k}, Memory: m == 1,
		Build: func(b *graph.Builder, x *graph.Value, weight func(...int) *graph.Value) *graph.Value {
			return b.Op("MatMul", x, weight(k, n))
		}}
}

// conv is a chain of convolutions of size × size images, each followed by Relu.
func conv(in, out, size, kernel, stride, group, chain int) Case {
	name := fmt.Sprintf("conv %d × %d, %d → %d channels of %d × %d", kernel, kernel, in, out, size, size)
	if stride > 1 {
		name += fmt.Sprintf(", stride %d", stride)
	}
	if group > 1 {
		name += ", depthwise"
	}
	return Case{Name: name, In: []int{1, in, size, size}, Build: func(b *graph.Builder, x *graph.Value, weight func(...int) *graph.Value) *graph.Value {
		p := int64(kernel / 2)
		for range chain {
			x = b.Op("Relu", b.Op("Conv", x, weight(out, in/group, kernel, kernel), weight(out), graph.Ints("pads", p, p, p, p),
				graph.Ints("strides", int64(stride), int64(stride)), graph.Int("group", group)))
		}
		return x
	}}
}

func unary(op string, shape ...int) Case {
	return Case{Name: fmt.Sprintf("%s %v", op, tensor.Shape(shape)), In: shape, Memory: true,
		Build: func(b *graph.Builder, x *graph.Value, _ func(...int) *graph.Value) *graph.Value { return b.Op(op, x) }}
}

func layerNorm(rows, n int) Case {
	return Case{Name: fmt.Sprintf("LayerNormalization [%d,%d]", rows, n), In: []int{rows, n}, Memory: true,
		Build: func(b *graph.Builder, x *graph.Value, weight func(...int) *graph.Value) *graph.Value {
			return b.Op("LayerNormalization", x, weight(n), weight(n))
		}}
}
