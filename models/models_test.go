package models_test

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/npy"
	"github.com/onnxrun/onnxrun/models"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime"
)

// built are models with the number of elements that the parameters of the same module of PyTorch have.
var built = map[string]struct {
	build  func(seed uint64) (*graph.Graph, error)
	params int
	large  bool
}{
	"mlp": {func(s uint64) (*graph.Graph, error) { return models.MLP([]int{784, 256, 256, 10}, "relu", 0.1, s) }, 269322, false},
	"autoencoder": {func(s uint64) (*graph.Graph, error) {
		return models.Autoencoder([]int{64, 32, 8}, "relu", "sigmoid", s)
	}, 4744, false},
	"lenet5":  {func(s uint64) (*graph.Graph, error) { return models.LeNet5(10, s) }, 61706, false},
	"convnet": {func(s uint64) (*graph.Graph, error) { return models.ConvNet(10, 16, s) }, 70330, false},
	"resnet18": {func(s uint64) (*graph.Graph, error) {
		return models.ResNet18(models.ResNet{Classes: 1000, Image: [2]int{64, 64}}, s)
	}, 11689512, true},
	"resnet18_small": {func(s uint64) (*graph.Graph, error) {
		return models.ResNet18(models.ResNet{Classes: 10, Image: [2]int{32, 32}, SmallImage: true}, s)
	}, 11173962, true},
	"resnet34": {func(s uint64) (*graph.Graph, error) {
		return models.ResNet34(models.ResNet{Classes: 1000, Image: [2]int{64, 64}}, s)
	}, 21797672, true},
	"resnet50": {func(s uint64) (*graph.Graph, error) {
		return models.ResNet50(models.ResNet{Classes: 1000, Image: [2]int{64, 64}}, s)
	}, 25557032, true},
	"alexnet": {func(s uint64) (*graph.Graph, error) { return models.AlexNet(1000, 0.5, s) }, 61100840, true},
	"lstm_forecaster": {func(s uint64) (*graph.Graph, error) {
		return models.LSTMForecaster(models.LSTM{Inputs: 8, Hidden: 32, Outputs: 1, Layers: 2, Dropout: 0.1}, s)
	}, 13857, false},
	"lstm_classifier": {func(s uint64) (*graph.Graph, error) {
		return models.LSTMClassifier(models.LSTM{Inputs: 8, Hidden: 16, Outputs: 5, Layers: 2, Bidirectional: true, Lengths: true}, s)
	}, 9893, false},
	"transformer": {func(s uint64) (*graph.Graph, error) {
		return models.TransformerClassifier(models.Transformer{Vocabulary: 50, Positions: 16, Classes: 3, Hidden: 32, Heads: 4, Inner: 64, Layers: 2, Dropout: 0.1}, s)
	}, 19299, false},
	"transformer_norm_first": {func(s uint64) (*graph.Graph, error) {
		return models.TransformerClassifier(models.Transformer{Vocabulary: 50, Positions: 16, Classes: 3, Hidden: 32, Heads: 4, Inner: 64, Layers: 2, Activation: "relu", NormFirst: true}, s)
	}, 19363, false},
}

// TestModels builds every model, counts its parameters, and runs it before and after it was written to a file. With ONNXRUN_EXPORT naming a folder, models, inputs and
// outputs are left there for scripts/trained_ort.py to compare with ONNX Runtime.
func TestModels(t *testing.T) {
	dir := os.Getenv("ONNXRUN_EXPORT")
	for name, m := range built {
		t.Run(name, func(t *testing.T) {
			if m.large && testing.Short() {
				t.Skip("large")
			}
			g, err := m.build(1)
			if err != nil {
				t.Fatal(err)
			}
			if n := elements(g); n != m.params {
				t.Errorf("%d parameters, PyTorch has %d", n, m.params)
			}
			if first := g.Inputs[0].Type.Shape[0].String(); first != "batch" {
				t.Errorf("the batch is %s", first)
			}
			feeds := feed(g, 3)
			out := run(t, g, feeds)
			folder := dir
			if folder == "" {
				folder = t.TempDir()
			}
			file := filepath.Join(folder, name+".onnx")
			if err := onnx.Save(file, g); err != nil {
				t.Fatal(err)
			}
			again, err := onnx.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range run(t, again, feeds) {
				for i := range v.Len() {
					if a, b := v.Float(i), out[k].Float(i); a != b || math.IsNaN(a) {
						t.Fatalf("%s[%d] is %g, from the file %g", k, i, b, a)
					}
				}
			}
			if dir != "" {
				write(t, filepath.Join(dir, name+".npz"), feeds, out)
			}
		})
	}
}

// elements counts the elements of parameters, which have dots in their names; running statistics are none.
func elements(g *graph.Graph) int {
	n := 0
	for _, v := range g.Consts {
		if strings.Contains(v.Name, ".") && !strings.Contains(v.Name, ".running_") {
			n += v.Const.Len()
		}
	}
	return n
}

// feed is a batch of the inputs of g, of sequences of 7 steps.
func feed(g *graph.Graph, batch int) map[string]*tensor.Tensor {
	r := rand.New(rand.NewPCG(1, 2))
	feeds := map[string]*tensor.Tensor{}
	for _, v := range g.Inputs {
		shape := make([]int, len(v.Type.Shape))
		for i, d := range v.Type.Shape {
			if n, ok := d.Int(); ok {
				shape[i] = n
			} else {
				shape[i] = map[string]int{"batch": batch, "time": 7}[d.String()]
			}
		}
		t := tensor.Must(tensor.New(v.Type.DType, shape...))
		switch v.Type.DType {
		case tensor.Float32:
			for i := range t.Len() {
				tensor.Data[float32](t)[i] = float32(r.NormFloat64())
			}
		case tensor.Int64:
			for i := range t.Len() {
				tensor.Data[int64](t)[i] = r.Int64N(50)
			}
		case tensor.Int32:
			for i := range t.Len() {
				tensor.Data[int32](t)[i] = 1 + r.Int32N(7)
			}
		case tensor.Bool:
			for i := range t.Len() {
				tensor.Data[bool](t)[i] = i%7 > 3+i/7
			}
		}
		feeds[v.Name] = t
	}
	return feeds
}

func run(t *testing.T, g *graph.Graph, feeds map[string]*tensor.Tensor) map[string]*tensor.Tensor {
	t.Helper()
	s, err := runtime.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := s.Run(context.Background(), feeds)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func write(t *testing.T, file string, feeds, out map[string]*tensor.Tensor) {
	t.Helper()
	var arrays []npy.Named
	for k, v := range feeds {
		arrays = append(arrays, npy.Named{Name: "in/" + k, Tensor: v})
	}
	for k, v := range out {
		arrays = append(arrays, npy.Named{Name: "out/" + k, Tensor: v})
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := npy.WriteZip(f, arrays); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestPaddingIsIgnored: what stands behind the end of a sequence does not change its output.
func TestPaddingIsIgnored(t *testing.T) {
	for name, input := range map[string]string{"lstm_classifier": "sequence", "transformer": "tokens"} {
		g, err := built[name].build(2)
		if err != nil {
			t.Fatal(err)
		}
		feeds := feed(g, 1)
		if name == "lstm_classifier" {
			tensor.Data[int32](feeds["lengths"])[0] = 4
		}
		a := run(t, g, feeds)["logits"]
		x := feeds[input].Clone()
		switch d := x.DType(); d {
		case tensor.Float32:
			tensor.Data[float32](x)[x.Len()-1] += 9
		default:
			tensor.Data[int64](x)[x.Len()-1] ^= 1
		}
		feeds[input] = x
		b := run(t, g, feeds)["logits"]
		for i := range a.Len() {
			if a.Float(i) != b.Float(i) {
				t.Errorf("%s: logit %d is %g, with other padding %g", name, i, a.Float(i), b.Float(i))
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for name, err := range map[string]error{
		"sizes":    second(models.MLP([]int{3}, "relu", 0, 1)),
		"zero":     second(models.MLP([]int{3, 0}, "relu", 0, 1)),
		"function": second(models.MLP([]int{3, 4, 5}, "cosine", 0, 1)),
		"dropout":  second(models.MLP([]int{3, 4, 5}, "relu", 1.5, 1)),
		"classes":  second(models.LeNet5(0, 1)),
		"width":    second(models.ConvNet(10, -1, 1)),
		"resnet":   second(models.ResNet18(models.ResNet{}, 1)),
		"lstm":     second(models.LSTMClassifier(models.LSTM{Inputs: 1, Outputs: 1}, 1)),
		"heads":    second(models.TransformerClassifier(models.Transformer{Vocabulary: 5, Positions: 5, Classes: 2, Hidden: 6, Heads: 4, Inner: 3, Layers: 1}, 1)),
		"code":     second(models.Autoencoder([]int{4}, "relu", "relu", 1)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func second(_ *graph.Graph, err error) error { return err }
