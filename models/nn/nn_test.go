package nn_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/models/nn"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// build is a network over x, f32[batch, shape…].
func build(seed uint64, layers func(n *nn.Net, x *graph.Value), shape ...int) *graph.Builder {
	b := graph.NewBuilder(ops.Registry(), nil)
	dims := append([]graph.Dim{graph.Sym("batch")}, graph.Dims(shape...)...)
	layers(nn.New(b, seed), b.Input("x", graph.TensorType(tensor.Float32, dims...)))
	return b
}

func param(t *testing.T, b *graph.Builder, name string) *tensor.Tensor {
	t.Helper()
	for _, v := range b.Graph.Consts {
		if v.Name == name {
			return v.Const
		}
	}
	t.Fatalf("no parameter %q: %v", name, b.Err())
	return nil
}

// TestUsualInit: the bounds that PyTorch's layers draw from; uniform draws fill them.
func TestUsualInit(t *testing.T) {
	b := build(1, func(n *nn.Net, x *graph.Value) {
		conv := n.Conv2d("conv", x, 48, nn.Conv{Kernel: []int{3}, Groups: 2})
		n.ConvTranspose2d("up", x, 32, nn.Conv{Kernel: []int{3}})
		flat := n.Flatten(conv)
		n.Linear("fc", flat, 100)
		steps := b3(n, x)
		n.LSTM("lstm", steps, 25, nn.Recurrent{})
		n.MultiHeadAttention("attn", steps, steps, steps, nn.Attention{Heads: 4})
	}, 32, 6, 8)
	for name, bound := range map[string]float64{
		"conv.weight": 1 / math.Sqrt(16*9), "conv.bias": 1 / math.Sqrt(16*9), "up.weight": 1 / math.Sqrt(32*9), "up.bias": 1 / math.Sqrt(32*9),
		"fc.weight": 1 / math.Sqrt(48*4*6), "fc.bias": 1 / math.Sqrt(48*4*6), "lstm.weight_ih_l0": 0.2, "lstm.weight_hh_l0": 0.2, "lstm.bias_ih_l0": 0.2, "lstm.bias_hh_l0": 0.2,
		"attn.in_proj_weight": math.Sqrt(6.0 / (4 * 48)), "attn.in_proj_bias": 0, "attn.out_proj.weight": 1 / math.Sqrt(48), "attn.out_proj.bias": 0,
	} {
		p, most := param(t, b, name), 0.0
		for i := range p.Len() {
			most = max(most, math.Abs(p.Float(i)))
		}
		if most > bound*(1+1e-6) || most < bound*0.9 {
			t.Errorf("%s reaches %g, want %g", name, most, bound)
		}
	}
}

// b3 is x [N, C, H, W] as N sequences [C, H·W].
func b3(n *nn.Net, x *graph.Value) *graph.Value {
	return n.B.Op("Reshape", x, n.B.Ints(0, 0, 48))
}

func TestSeeds(t *testing.T) {
	small := func(n *nn.Net, x *graph.Value) { n.Scope("head").Linear("fc", x, 5) }
	larger := func(n *nn.Net, x *graph.Value) { small(n, n.Linear("body", x, 7)) }
	a, b, c, other := build(3, small, 7), build(3, small, 7), build(3, larger, 7), build(4, small, 7)
	w := param(t, a, "head.fc.weight").Bytes()
	if !bytes.Equal(w, param(t, b, "head.fc.weight").Bytes()) || !bytes.Equal(w, param(t, c, "head.fc.weight").Bytes()) {
		t.Error("the same seed and name give other values")
	}
	if bytes.Equal(w, param(t, other, "head.fc.weight").Bytes()) {
		t.Error("another seed gives the same values")
	}
	if bytes.Equal(param(t, c, "body.weight").Bytes()[:20], w[:20]) {
		t.Error("two layers have the same values")
	}
}

func TestDrawAndPadding(t *testing.T) {
	b := build(1, func(n *nn.Net, x *graph.Value) {
		n.Draw(nn.Constant(0.5)).Linear("fc", x, 2)
		n.PaddedEmbedding("table", n.B.Op("Cast", x, graph.Int("to", int(tensor.Int64))), 4, 3, 2)
	}, 3)
	for i := range 6 {
		if v := param(t, b, "fc.weight").Float(i); v != 0.5 {
			t.Fatalf("weight %g", v)
		}
	}
	if param(t, b, "fc.bias").Float(0) == 0.5 {
		t.Error("the bias is drawn as the weights are")
	}
	for i := range 12 {
		if v := param(t, b, "table.weight").Float(i); (v == 0) != (i/3 == 2) {
			t.Errorf("element %d of the table is %g", i, v)
		}
	}
}

func TestRefused(t *testing.T) {
	for want, layers := range map[string]func(n *nn.Net, x *graph.Value){
		`parameter "fc.weight" is there twice`:        func(n *nn.Net, x *graph.Value) { n.Linear("fc", n.Linear("fc", x, 6), 6) },
		"a linear layer of [0]":                       func(n *nn.Net, x *graph.Value) { n.Linear("fc", x, 0) },
		"needs the size of axis -1 of f32[6,5,batch]": func(n *nn.Net, x *graph.Value) { n.Linear("fc", n.B.Op("Transpose", x), 3) },
		"a convolution over 2 axes of f32[batch,5,6]": func(n *nn.Net, x *graph.Value) { n.Conv2d("c", x, 4, nn.Conv{Kernel: []int{3}}) },
		"from 5 to 4 channels in 2 groups":            func(n *nn.Net, x *graph.Value) { n.Conv1d("c", x, 4, nn.Conv{Kernel: []int{3}, Groups: 2}) },
		"kernel [3 3] for 1 axes":                     func(n *nn.Net, x *graph.Value) { n.Conv1d("c", x, 4, nn.Conv{Kernel: []int{3, 3}}) },
		"stride [-1]":                                 func(n *nn.Net, x *graph.Value) { n.Conv1d("c", x, 4, nn.Conv{Kernel: []int{3}, Stride: []int{-1}}) },
		"2 groups of 5 channels":                      func(n *nn.Net, x *graph.Value) { n.GroupNorm("g", x, 2) },
		"6 channels on 4 heads":                       func(n *nn.Net, x *graph.Value) { n.MultiHeadAttention("a", x, x, x, nn.Attention{Heads: 4}) },
		"a recurrent layer of f32[batch,30]":          func(n *nn.Net, x *graph.Value) { n.LSTM("l", n.Flatten(x), 4, nn.Recurrent{}) },
		`no recurrent layer of activation "elu"`:      func(n *nn.Net, x *graph.Value) { n.RNN("l", x, 4, nn.Recurrent{Activation: "elu"}) },
		"dropout of 1":                                func(n *nn.Net, x *graph.Value) { n.Dropout(x, 1) },
		"dropout of NaN":                              func(n *nn.Net, x *graph.Value) { n.Dropout(x, math.NaN()) },
		`no activation "cosine"`:                      func(n *nn.Net, x *graph.Value) { n.Activation("cosine", x) },
		"3 slopes for 5 channels":                     func(n *nn.Net, x *graph.Value) { n.PRelu("p", x, 3) },
		"padding row 9 of 4":                          func(n *nn.Net, x *graph.Value) { n.PaddedEmbedding("e", x, 4, 2, 9) },
		"a layer has no input":                        func(n *nn.Net, _ *graph.Value) { n.Linear("fc", nil, 2) },
		"an average pooling has no dilation, not [2]": func(n *nn.Net, x *graph.Value) { n.AvgPool(x, nn.Pool{Kernel: []int{2}, Dilation: []int{2}}) },
		"a pooling of f32[batch,30]":                  func(n *nn.Net, x *graph.Value) { n.MaxPool(n.Flatten(x), nn.Pool{Kernel: []int{2}}) },
		"attention of f32[batch,30], want [N, T, chan": func(n *nn.Net, x *graph.Value) {
			f := n.Flatten(x)
			n.MultiHeadAttention("a", f, f, f, nn.Attention{Heads: 2})
		},
	} {
		b := build(1, func(n *nn.Net, x *graph.Value) {
			layers(n, x)
			// What follows an error does nothing and does not panic.
			v := n.Linear("after", n.LSTM("then", n.Conv1d("more", nil, 3, nn.Conv{}), 3, nn.Recurrent{Layers: 2, Bidirectional: true}).Last, 2)
			n.TransformerEncoderLayer("last", v, nn.Transformer{})
			n.BatchNorm("norm", n.Activation("relu6", v))
			n.LayerNorm("norm", n.MaxPool(v, nn.Pool{}), nn.Norm{Axes: 2})
		}, 5, 6)
		if err := b.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
