package nn_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/npy"
	"github.com/onnxrun/onnxrun/models/nn"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// values are the values of a case by name: those it is given, and those it computes.
type values map[string]*graph.Value

func states(s nn.States) values {
	v := values{"y": s.Out, "h": s.H}
	if s.C != nil {
		v["c"] = s.C
	}
	return v
}

func y(v *graph.Value) values { return values{"y": v} }

// goldens are the cases of testdata, made by scripts/nn_goldens.py.
var goldens = map[string]func(n *nn.Net, in values) values{
	"lstm_bidirectional": func(n *nn.Net, in values) values {
		return states(n.LSTM("", in["x"], 4, nn.Recurrent{Layers: 2, Bidirectional: true}))
	},
	"lstm_lengths": func(n *nn.Net, in values) values {
		return states(n.LSTM("", in["x"], 4, nn.Recurrent{Layers: 2, Bidirectional: true, Lengths: in["lengths"]}))
	},
	"gru_bidirectional": func(n *nn.Net, in values) values {
		return states(n.GRU("", in["x"], 4, nn.Recurrent{Layers: 2, Bidirectional: true}))
	},
	"gru_no_bias": func(n *nn.Net, in values) values { return states(n.GRU("", in["x"], 4, nn.Recurrent{NoBias: true})) },
	"rnn_relu": func(n *nn.Net, in values) values {
		return states(n.RNN("", in["x"], 4, nn.Recurrent{Layers: 2, Bidirectional: true, Activation: "relu"}))
	},
	"attention_masked": func(n *nn.Net, in values) values {
		return y(n.MultiHeadAttention("", in["x"], in["x"], in["x"], nn.Attention{Heads: 2, Causal: true, IgnoreKey: in["ignore"]}))
	},
	"attention_cross": func(n *nn.Net, in values) values {
		return y(n.MultiHeadAttention("", in["q"], in["k"], in["v"], nn.Attention{Heads: 2}))
	},
	"attention_channels": func(n *nn.Net, in values) values {
		return y(n.MultiHeadAttention("", in["q"], in["k"], in["v"], nn.Attention{Heads: 2, NoBias: true}))
	},
	"encoder_post": func(n *nn.Net, in values) values {
		return y(n.TransformerEncoderLayer("", in["x"], nn.Transformer{Attention: nn.Attention{Heads: 2, Dropout: 0.1}, Inner: 12}))
	},
	"encoder_pre": func(n *nn.Net, in values) values {
		return y(n.TransformerEncoderLayer("", in["x"], nn.Transformer{Attention: nn.Attention{Heads: 2, Dropout: 0.1}, Inner: 12, Activation: "gelu", NormFirst: true}))
	},
	"conv1d": func(n *nn.Net, in values) values {
		return y(n.Conv1d("", in["x"], 6, nn.Conv{Kernel: []int{3}, Stride: []int{2}, Padding: []int{2}, Dilation: []int{2}, Groups: 2}))
	},
	"conv2d": func(n *nn.Net, in values) values {
		return y(n.Conv2d("", in["x"], 6, nn.Conv{Kernel: []int{3, 2}, Stride: []int{2, 1}, Padding: []int{1, 2}, Dilation: []int{1, 2}, Groups: 2}))
	},
	"conv_transpose1d": func(n *nn.Net, in values) values {
		return y(n.ConvTranspose1d("", in["x"], 6, nn.Conv{Kernel: []int{4}, Stride: []int{2}, Padding: []int{1}}))
	},
	"conv_transpose2d": func(n *nn.Net, in values) values {
		return y(n.ConvTranspose2d("", in["x"], 6, nn.Conv{Kernel: []int{3}, Stride: []int{2}, Padding: []int{1}, OutputPadding: []int{1}, Groups: 2, Dilation: []int{1, 2}}))
	},
	"batch_norm": func(n *nn.Net, in values) values { return y(n.BatchNorm("", in["x"])) },
	"layer_norm": func(n *nn.Net, in values) values { return y(n.LayerNorm("", in["x"], nn.Norm{Axes: 2})) },
	"rms_norm":   func(n *nn.Net, in values) values { return y(n.RMSNorm("", in["x"])) },
	"group_norm": func(n *nn.Net, in values) values { return y(n.GroupNorm("", in["x"], 2)) },
	"prelu":      func(n *nn.Net, in values) values { return y(n.PRelu("", in["x"], 4)) },
	"linear":     func(n *nn.Net, in values) values { return y(n.Linear("", in["x"], 3)) },
	"embedding":  func(n *nn.Net, in values) values { return y(n.Embedding("", in["x"], 10, 3)) },
	"avg_pool": func(n *nn.Net, in values) values {
		return y(n.AvgPool(in["x"], nn.Pool{Kernel: []int{3}, Stride: []int{2}, Padding: []int{1}}))
	},
	"max_pool": func(n *nn.Net, in values) values {
		return y(n.MaxPool(in["x"], nn.Pool{Kernel: []int{3, 2}, Stride: []int{2, 1}, Padding: []int{1, 0}, Ceil: true}))
	},
	"activations": func(n *nn.Net, in values) values {
		out := values{}
		for _, name := range nn.Activations() {
			out[name] = n.Activation(name, in["x"])
		}
		return out
	},
}

// TestGoldens compares every layer with PyTorch's, whose parameters must have the same names and shapes. With ONNXRUN_EXPORT naming a folder, layers and inputs are
// left there for scripts/trained_ort.py to compare with ONNX Runtime.
func TestGoldens(t *testing.T) {
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(goldens) {
		t.Errorf("%d files for %d cases", len(files), len(goldens))
	}
	for name, build := range goldens {
		t.Run(name, func(t *testing.T) {
			params, given, want := readGolden(t, "testdata/"+name+".npz")
			b := graph.NewBuilder(ops.Registry(), nil)
			in := values{}
			for k, x := range given {
				shape := make([]graph.Dim, x.Rank())
				for i, size := range x.Shape() {
					shape[i] = graph.Size(size)
				}
				shape[0] = graph.Sym("batch")
				in[k] = b.Input(k, graph.TensorType(x.DType(), shape...))
			}
			out := build(nn.New(b, 1), in)
			for _, v := range b.Graph.Consts {
				if x := params[v.Name]; x != nil {
					if !x.Shape().Equal(v.Const.Shape()) {
						t.Fatalf("%s is %s, PyTorch's %s", v.Name, v.Const, x)
					}
					v.Const = x
					delete(params, v.Name)
				}
			}
			if len(params) > 0 {
				t.Fatalf("no parameters %v", params)
			}
			if len(out) != len(want) {
				t.Fatalf("%d outputs, PyTorch has %d", len(out), len(want))
			}
			for k, v := range out {
				if err := b.Err(); err != nil {
					t.Fatal(err)
				}
				v := b.Op("Identity", v)
				v.Name = "out/" + k
				b.Output(v)
			}
			s, err := runtime.Compile(b.Graph)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			got, err := s.Run(context.Background(), given)
			if err != nil {
				t.Fatal(err)
			}
			for k, ref := range want {
				compare(t, k, got["out/"+k], ref)
			}
			if dir := os.Getenv("ONNXRUN_EXPORT"); dir != "" {
				write(t, filepath.Join(dir, "nn_"+name), b.Graph, given)
			}
		})
	}
}

// write saves a layer as a model with its inputs.
func write(t *testing.T, file string, g *graph.Graph, given map[string]*tensor.Tensor) {
	t.Helper()
	g.Opsets[""] = 17
	graph.SetOpsets(ops.Registry(), g)
	if err := onnx.Save(file+".onnx", g); err != nil {
		t.Fatal(err)
	}
	var arrays []npy.Named
	for k, x := range given {
		arrays = append(arrays, npy.Named{Name: "in/" + k, Tensor: x})
	}
	f, err := os.Create(file + ".npz")
	if err == nil {
		err = errors.Join(npy.WriteZip(f, arrays), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func compare(t *testing.T, name string, got, want *tensor.Tensor) {
	t.Helper()
	if !got.Shape().Equal(want.Shape()) {
		t.Fatalf("%s is %s, want %s", name, got, want)
	}
	most, scale := 0.0, 1e-6
	for i := range want.Len() {
		most, scale = max(most, math.Abs(got.Float(i)-want.Float(i))), max(scale, math.Abs(want.Float(i)))
	}
	if !(most/scale < 2e-6) {
		t.Errorf("%s differs by %.2g of its largest element", name, most/scale)
	}
}

func readGolden(t *testing.T, file string) (params, in, out map[string]*tensor.Tensor) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := npy.ReadZip(f, info.Size(), 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]map[string]*tensor.Tensor{"param": {}, "in": {}, "out": {}}
	for _, a := range arrays {
		kind, name, _ := strings.Cut(a.Name, "/")
		parts[kind][name] = a.Tensor
	}
	return parts["param"], parts["in"], parts["out"]
}
