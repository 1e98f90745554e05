package onnxgo

import (
	theirs "github.com/owulveryck/onnx-go"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/onnx"
)

// Load reads a model with this module's reader, which checks it and knows its operator sets, functions and graphs inside of nodes, and gives it as a
// model of onnx-go with its backend. Inputs are counted without the initializers. GetNodeByName finds nothing: onnx-go fills its
// list of names only while it reads itself.
func Load(model []byte, opts ...Option) (*theirs.Model, *Graph, error) {
	src, err := onnx.LoadBytes(model)
	if err != nil {
		return nil, nil, err
	}
	g := NewGraph(opts...)
	g.source = src
	m := theirs.NewModel(g)
	add := func(v *graph.Value) *Node {
		n := g.NewNode().(*Node)
		n.name = v.Name
		g.AddNode(n)
		return n
	}
	for _, v := range src.Inputs {
		n := add(v)
		g.inputs = append(g.inputs, n)
		m.Input = append(m.Input, n.id)
	}
	for _, v := range src.Outputs {
		n := add(v)
		g.outputs = append(g.outputs, n)
		m.Output = append(m.Output, n.id)
	}
	if err := g.compile(); err != nil {
		return nil, nil, err
	}
	return m, g, nil
}

var (
	_ theirs.Backend     = (*Graph)(nil)
	_ theirs.DataCarrier = (*Node)(nil)
	_ theirs.Namer       = (*Node)(nil)
)
