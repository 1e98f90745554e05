package models

import (
	"fmt"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/models/nn"
)

// MLP is a multi-layer perceptron: linear layers from sizes[0] inputs to the last of sizes outputs, with an activation (see [nn.Activations]) and dropout between them.
// It maps "input" [batch, sizes[0]] to "logits" [batch, outputs]. Parameters: layers.0.weight, layers.0.bias, layers.1.weight, ….
func MLP(sizes []int, activation string, dropout float64, seed uint64) (*graph.Graph, error) {
	if len(sizes) < 2 {
		return nil, graph.Shapef("a perceptron of sizes %d", sizes)
	}
	if err := positive(sizes...); err != nil {
		return nil, err
	}
	return one("mlp", seed, floats("input", sizes[0]), "logits", func(n *nn.Net, x *graph.Value) *graph.Value {
		return perceptron(n.Scope("layers"), x, sizes[1:], activation, dropout)
	})
}

// perceptron are linear layers with an activation and dropout between them.
func perceptron(n *nn.Net, x *graph.Value, sizes []int, activation string, dropout float64) *graph.Value {
	for i, size := range sizes {
		if i > 0 {
			x = n.Dropout(n.Activation(activation, x), dropout)
		}
		x = n.Linear(fmt.Sprint(i), x, size)
	}
	return x
}

// Autoencoder maps "input" [batch, sizes[0]] through narrower layers to "code" [batch, the last size] and back to "output" [batch, sizes[0]], in the range of
// the last activation: "sigmoid" for pixels, "identity" for any. Parameters: encoder.0.weight, …, decoder.0.weight, ….
func Autoencoder(sizes []int, activation, last string, seed uint64) (*graph.Graph, error) {
	if len(sizes) < 2 {
		return nil, graph.Shapef("an autoencoder of sizes %d", sizes)
	}
	if err := positive(sizes...); err != nil {
		return nil, err
	}
	x := &graph.Value{Name: "input", Type: graph.TensorType(tensor.Float32, graph.Sym("batch"), graph.Size(sizes[0]))}
	return Build("autoencoder", seed, []*graph.Value{x}, []string{"output", "code"}, func(n *nn.Net, in []*graph.Value) []*graph.Value {
		back := make([]int, 0, len(sizes)-1)
		for i := len(sizes) - 2; i >= 0; i-- {
			back = append(back, sizes[i])
		}
		code := perceptron(n.Scope("encoder"), in[0], sizes[1:], activation, 0)
		y := n.Activation(last, perceptron(n.Scope("decoder"), n.Activation(activation, code), back, activation, 0))
		return []*graph.Value{y, code}
	})
}
