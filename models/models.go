// Package models has architectures as functions that return a graph for inference: freshly initialized, with a symbolic batch, ready to be trained, run and exported.
// Parameters have the names of PyTorch's implementations where there is a usual one, so that their weights fit.
package models

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/models/nn"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// oldestOpset is what models are exported in unless their operators need a newer one.
const oldestOpset = 17

// input declares an input of a model, [batch, shape…].
type input struct {
	name  string
	dtype tensor.DType
	shape []graph.Dim
}

func floats(name string, shape ...int) input {
	return input{name, tensor.Float32, graph.Dims(shape...)}
}

// Build is the graph with the inputs and outputs that layers makes of them; seed determines the initial values. It is how one's own architectures become models:
// layers returns the outputs in order, which are named by outputs.
func Build(name string, seed uint64, inputs []*graph.Value, outputs []string, layers func(n *nn.Net, in []*graph.Value) []*graph.Value) (*graph.Graph, error) {
	b := graph.NewBuilder(ops.Registry(), nil)
	b.Graph.Name = name
	b.Graph.Opsets[""] = oldestOpset
	b.Graph.Inputs = inputs
	out := layers(nn.New(b, seed), inputs)
	if err := b.Err(); err != nil {
		return nil, err
	}
	if len(out) != len(outputs) {
		return nil, graph.Shapef("%d outputs for the names %q", len(out), outputs)
	}
	for i, v := range out {
		if v.Def == nil {
			return nil, graph.Shapef("output %q is not computed", outputs[i])
		}
		v.Name = outputs[i]
		b.Output(v)
	}
	graph.SetOpsets(ops.Registry(), b.Graph)
	return b.Graph, graph.Verify(b.Graph)
}

// one is Build for one input and one output.
func one(name string, seed uint64, in input, output string, layers func(n *nn.Net, x *graph.Value) *graph.Value) (*graph.Graph, error) {
	x := &graph.Value{Name: in.name, Type: graph.TensorType(in.dtype, append([]graph.Dim{graph.Sym("batch")}, in.shape...)...)}
	return Build(name, seed, []*graph.Value{x}, []string{output}, func(n *nn.Net, in []*graph.Value) []*graph.Value {
		return []*graph.Value{layers(n, in[0])}
	})
}

// positive refuses sizes below 1.
func positive(sizes ...int) error {
	for _, s := range sizes {
		if s < 1 {
			return graph.Shapef("a model of sizes %d", sizes)
		}
	}
	return nil
}
