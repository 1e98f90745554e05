package runtime_test

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

var fuseElementwise = []pass.Pass{{Name: "fuse_elementwise", Run: pass.FuseElementwise}}

var elementwisePasses = []passCase{
	{"fuse_elementwise", fuseElementwise, func(b *graph.Builder) { // a gate with a scale per channel; the square of its input is read twice
		x := b.Input("x", matrix(graph.Sym("n"), graph.Size(3), graph.Sym("h"), graph.Size(4)))
		scale := b.Const(tensor.Must(tensor.Of([]float32{1, 2, 3}, 3, 1, 1)))
		h := b.Op("Clip", b.Op("Mul", b.Op("Pow", x, b.Scalar(tensor.Float32, 2)), scale), b.Scalar(tensor.Float32, -1), b.Scalar(tensor.Float32, 6))
		b.Output(b.Op("Div", b.Op("Mul", h, b.Op("HardSwish", h)), b.Op("Add", b.Op("Exp", x), b.Scalar(tensor.Float32, 1))))
	}},
	{"fuse_elementwise_two", fuseElementwise, func(b *graph.Builder) { // what another operator reads ends a chain, what is an output does not
		x := b.Input("x", matrix(graph.Size(4), graph.Size(4)))
		a := b.Op("Abs", b.Op("Neg", x))
		b.Output(a)
		s := b.Op("Sub", b.Op("Sigmoid", a), x)
		b.Output(b.Op("Add", b.Op("Softmax", s), b.Op("Tanh", b.Op("Max", s, x))))
	}},
	{"fuse_elementwise_not", fuseElementwise, func(b *graph.Builder) {
		x := b.Input("x", matrix(graph.Sym("n"), graph.Size(4)))
		row := b.Input("row", matrix(graph.Size(4)))
		b.Output(b.Op("Add", x, b.Op("Exp", row))) // n times as many exponentials
		half := b.Op("Cast", x, graph.Int("to", int(tensor.Float64)))
		b.Output(b.Op("Neg", b.Op("Exp", half))) // no float32
		b.Output(b.Op("Relu", b.Op("Pow", x, b.Scalar(tensor.Float32, 3))))
		lone := b.Op("Relu", x)
		b.Output(lone)
		b.Output(b.Op("Transpose", lone))
	}},
}
