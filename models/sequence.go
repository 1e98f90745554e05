package models

import (
	"fmt"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/models/nn"
)

// LSTM are the settings of a recurrent model over sequences of any length.
type LSTM struct {
	Inputs, Hidden, Outputs int
	Layers                  int // 1 by default
	Bidirectional           bool
	Dropout                 float64 // between layers and before the head
	Lengths                 bool    // a second input "lengths", int32 [batch]: how many steps of each sequence count
}

// LSTMForecaster maps "sequence" [batch, time, inputs] to "forecast" [batch, outputs]: what follows the sequence. Parameters: lstm.…, head.weight, head.bias.
func LSTMForecaster(l LSTM, seed uint64) (*graph.Graph, error) {
	return l.build("lstm_forecaster", "forecast", seed)
}

// LSTMClassifier maps "sequence" [batch, time, inputs] to "logits" [batch, outputs]. Parameters: lstm.…, head.weight, head.bias.
func LSTMClassifier(l LSTM, seed uint64) (*graph.Graph, error) {
	return l.build("lstm_classifier", "logits", seed)
}

func (l LSTM) build(name, output string, seed uint64) (*graph.Graph, error) {
	if err := positive(l.Inputs, l.Hidden, l.Outputs); err != nil {
		return nil, err
	}
	in := []*graph.Value{{Name: "sequence", Type: graph.TensorType(tensor.Float32, graph.Sym("batch"), graph.Sym("time"), graph.Size(l.Inputs))}}
	if l.Lengths {
		in = append(in, &graph.Value{Name: "lengths", Type: graph.TensorType(tensor.Int32, graph.Sym("batch"))})
	}
	return Build(name, seed, in, []string{output}, func(n *nn.Net, in []*graph.Value) []*graph.Value {
		r := nn.Recurrent{Layers: l.Layers, Bidirectional: l.Bidirectional, Dropout: l.Dropout}
		if l.Lengths {
			r.Lengths = in[1]
		}
		last := n.LSTM("lstm", in[0], l.Hidden, r).Last
		return []*graph.Value{n.Linear("head", n.Dropout(last, l.Dropout), l.Outputs)}
	})
}

// Transformer are the settings of a Transformer encoder over sequences of tokens.
type Transformer struct {
	Vocabulary, Positions, Classes int
	Hidden, Heads, Inner, Layers   int
	Activation                     string // gelu by default
	NormFirst                      bool
	Dropout                        float64
}

// TransformerClassifier maps "tokens", int64 [batch, time] with time up to Positions, and "padding", bool [batch, time], true where a sequence has ended, to "logits" [batch, classes]:
// the mean over the encoded tokens before the head. Parameters: token_embedding.weight, position_embedding.weight, encoder.layers.0.…, (encoder.norm.…,) head.weight, head.bias.
func TransformerClassifier(t Transformer, seed uint64) (*graph.Graph, error) {
	if err := positive(t.Vocabulary, t.Positions, t.Classes, t.Hidden, t.Heads, t.Inner, t.Layers); err != nil {
		return nil, err
	}
	if t.Activation == "" {
		t.Activation = "gelu"
	}
	batch, time := graph.Sym("batch"), graph.Sym("time")
	in := []*graph.Value{{Name: "tokens", Type: graph.TensorType(tensor.Int64, batch, time)}, {Name: "padding", Type: graph.TensorType(tensor.Bool, batch, time)}}
	return Build("transformer_classifier", seed, in, []string{"logits"}, func(n *nn.Net, in []*graph.Value) []*graph.Value {
		tokens, padding := in[0], in[1]
		b := n.B
		table := n.Draw(nn.Normal(0, 0.02))
		length := b.Op("Gather", b.Op("Shape", tokens), b.Const(tensor.Scalar(int64(1))))
		place := b.Op("Range", b.Const(tensor.Scalar(int64(0))), length, b.Const(tensor.Scalar(int64(1))))
		x := b.Op("Add", table.Embedding("token_embedding", tokens, t.Vocabulary, t.Hidden), table.Embedding("position_embedding", place, t.Positions, t.Hidden))
		x = n.Dropout(x, t.Dropout)
		layer := nn.Transformer{Attention: nn.Attention{Heads: t.Heads, Dropout: t.Dropout, IgnoreKey: padding}, Inner: t.Inner, Activation: t.Activation, NormFirst: t.NormFirst}
		for i := range t.Layers {
			x = n.TransformerEncoderLayer(fmt.Sprintf("encoder.layers.%d", i), x, layer)
		}
		if t.NormFirst {
			x = n.LayerNorm("encoder.norm", x)
		}
		// The mean over what is no padding.
		keep := b.Op("Unsqueeze", b.Op("Cast", b.Op("Not", padding), graph.Int("to", int(tensor.Float32))), b.Ints(2))
		sum := func(v *graph.Value) *graph.Value {
			return b.Op("ReduceSum", v, b.Ints(1), graph.Int("keepdims", 0))
		}
		mean := b.Op("Div", sum(b.Op("Mul", x, keep)), b.Op("Max", sum(keep), b.Scalar(tensor.Float32, 1)))
		return []*graph.Value{n.Linear("head", n.Dropout(mean, t.Dropout), t.Classes)}
	})
}
