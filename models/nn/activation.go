package nn

import (
	"fmt"
	"maps"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// Relu is max(x, 0).
func (n *Net) Relu(x *graph.Value) *graph.Value { return n.B.Op("Relu", x) }

// Gelu is x·Φ(x), Φ the normal distribution (https://arxiv.org/abs/1606.08415).
func (n *Net) Gelu(x *graph.Value) *graph.Value { return n.B.Op("Gelu", x) }

// Silu is x·sigmoid(x), also called Swish.
func (n *Net) Silu(x *graph.Value) *graph.Value { return n.B.Op("Mul", x, n.B.Op("Sigmoid", x)) }

// PRelu is x where it is positive, else x times a parameter: weight [channels], 0.25, a slope for each channel of [N, C, ...], or [1].
func (n *Net) PRelu(name string, x *graph.Value, channels int) *graph.Value {
	s := n.layer(name)
	if c := s.extent(x, 1); channels != 1 && channels != c {
		s.B.Fail(graph.Shapef("%d slopes for %d channels", channels, c))
	}
	w := s.Param("weight", Constant(0.25), channels)
	if s.B.Err() != nil {
		return nil
	}
	if axes := x.Type.Rank() - 2; channels > 1 && axes > 0 {
		behind := make([]int, axes)
		for i := range behind {
			behind[i] = i + 1
		}
		w = s.B.Op("Unsqueeze", w, s.B.Ints(behind...))
	}
	return s.B.Op("PRelu", x, w)
}

// activations are functions without parameters by PyTorch's names, with its default settings.
var activations = map[string]func(n *Net, x *graph.Value) *graph.Value{
	"identity": func(_ *Net, x *graph.Value) *graph.Value { return x },
	"relu":     (*Net).Relu,
	"relu6": func(n *Net, x *graph.Value) *graph.Value {
		return n.B.Op("Min", n.Relu(x), n.B.Scalar(x.Type.DType, 6))
	},
	"leaky_relu":  simple("LeakyRelu", graph.Float("alpha", 0.01)),
	"elu":         simple("Elu"),
	"selu":        simple("Selu"),
	"celu":        simple("Celu"),
	"gelu":        (*Net).Gelu,
	"gelu_tanh":   simple("Gelu", graph.Str("approximate", "tanh")),
	"silu":        (*Net).Silu,
	"mish":        simple("Mish"),
	"tanh":        simple("Tanh"),
	"sigmoid":     simple("Sigmoid"),
	"softplus":    simple("Softplus"),
	"softsign":    simple("Softsign"),
	"hardsigmoid": simple("HardSigmoid", graph.Float("alpha", 1.0/6)),
	"hardswish":   simple("HardSwish"),
	"softmax":     simple("Softmax", graph.Int("axis", -1)),
	"log_softmax": simple("LogSoftmax", graph.Int("axis", -1)),
}

func simple(op string, attrs ...graph.Attr) func(*Net, *graph.Value) *graph.Value {
	return func(n *Net, x *graph.Value) *graph.Value { return n.op(op, []*graph.Value{x}, attrs...) }
}

// Activation applies the function of that name, one of [Activations].
func (n *Net) Activation(name string, x *graph.Value) *graph.Value {
	f := activations[name]
	if f == nil {
		n.B.Fail(fmt.Errorf("no activation %q: there are %v", name, Activations()))
	}
	if n.B.Err() != nil {
		return nil
	}
	return f(n, x)
}

// Activations are the names that [Net.Activation] takes, sorted.
func Activations() []string { return slices.Sorted(maps.Keys(activations)) }
