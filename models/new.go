package models

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/internal/params"
)

// architecture is a model that [New] makes: its parameters, with their defaults, know how to build it.
type architecture struct {
	name string
	make func() builder
}

type builder interface {
	build(seed uint64) (*graph.Graph, error)
}

type (
	mlp struct {
		Sizes      []int
		Activation string
		Dropout    float64
	}
	autoencoder struct {
		Sizes      []int
		Activation string
		Last       string
	}
	lenet5  struct{ Classes int }
	alexnet struct {
		Classes int
		Dropout float64
	}
	convnet struct{ Classes, Width int }
	resnet  struct {
		ResNet
		f func(ResNet, uint64) (*graph.Graph, error)
	}
	recurrent struct {
		LSTM
		f func(LSTM, uint64) (*graph.Graph, error)
	}
	encoder struct{ Transformer }
)

func (m *mlp) build(seed uint64) (*graph.Graph, error) {
	return MLP(m.Sizes, m.Activation, m.Dropout, seed)
}
func (m *autoencoder) build(seed uint64) (*graph.Graph, error) {
	return Autoencoder(m.Sizes, m.Activation, m.Last, seed)
}
func (m *lenet5) build(seed uint64) (*graph.Graph, error) { return LeNet5(m.Classes, seed) }
func (m *alexnet) build(seed uint64) (*graph.Graph, error) {
	return AlexNet(m.Classes, m.Dropout, seed)
}
func (m *convnet) build(seed uint64) (*graph.Graph, error)   { return ConvNet(m.Classes, m.Width, seed) }
func (m *resnet) build(seed uint64) (*graph.Graph, error)    { return m.f(m.ResNet, seed) }
func (m *recurrent) build(seed uint64) (*graph.Graph, error) { return m.f(m.LSTM, seed) }
func (m *encoder) build(seed uint64) (*graph.Graph, error) {
	return TransformerClassifier(m.Transformer, seed)
}

var architectures = []architecture{
	{"mlp", func() builder { return &mlp{Activation: "relu"} }},
	{"autoencoder", func() builder { return &autoencoder{Activation: "relu", Last: "sigmoid"} }},
	{"lenet5", func() builder { return &lenet5{Classes: 10} }},
	{"alexnet", func() builder { return &alexnet{Classes: 1000, Dropout: 0.5} }},
	{"convnet", func() builder { return &convnet{Classes: 10, Width: 16} }},
	{"resnet18", func() builder { return &resnet{ResNet{Classes: 1000}, ResNet18} }},
	{"resnet34", func() builder { return &resnet{ResNet{Classes: 1000}, ResNet34} }},
	{"resnet50", func() builder { return &resnet{ResNet{Classes: 1000}, ResNet50} }},
	{"lstm_forecaster", func() builder { return &recurrent{LSTM{Inputs: 1, Hidden: 64, Outputs: 1}, LSTMForecaster} }},
	{"lstm_classifier", func() builder { return &recurrent{LSTM{Inputs: 1, Hidden: 64, Outputs: 2}, LSTMClassifier} }},
	{"transformer_classifier", func() builder {
		return &encoder{Transformer{Vocabulary: 30522, Positions: 512, Classes: 2, Hidden: 256, Heads: 4, Inner: 1024, Layers: 4, Dropout: 0.1}}
	}},
}

// Names lists the architectures that [New] knows.
func Names() []string {
	var list []string
	for _, a := range architectures {
		list = append(list, a.name)
	}
	return list
}

// New is the architecture of that name with parameters by the names that their Go functions and structs have, in any case: "mlp" with sizes and activation,
// "resnet18" with classes, image and smallimage. What is missing has a default; what is unknown is refused.
func New(name string, values map[string]any, seed uint64) (*graph.Graph, error) {
	i := slices.IndexFunc(architectures, func(a architecture) bool { return a.name == name })
	if i < 0 {
		return nil, fmt.Errorf("no architecture %q; there are %s", name, strings.Join(Names(), ", "))
	}
	a := architectures[i].make()
	if err := params.Set(values, a); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	g, err := a.build(seed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return g, nil
}
