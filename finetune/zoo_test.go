package finetune_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx"
)

// meanSquare is the mean square of an output: a loss that every model has.
type meanSquare int

func (meanSquare) Targets([]graph.Type) []loss.Target { return nil }

func (k meanSquare) Of(b *graph.Builder, out, _ []*graph.Value) *graph.Value {
	o := b.Op("Cast", out[k], graph.Int("to", int(tensor.Float32)))
	return b.Op("ReduceMean", b.Op("Mul", o, o), graph.Int("keepdims", 0))
}

// cannotTrain are what the errors of models that do not train say: operators of ONNX Runtime, and those that compute with integers.
var cannotTrain = []string{"com.microsoft::", "SimplifiedLayerNormalization", "DynamicQuantizeLinear", "QLinear", "ai.onnx.ml::", "StringNormalizer", "ConcatFromSequence"}

// TestZooTrains makes one update of every model of the zoo that has weights. A small move against the gradient must lower the loss by about its length times
// the square of the gradient's norm, whatever the model: gradients of all operators are right where models use them.
func TestZooTrains(t *testing.T) {
	root := os.Getenv("ONNXRUN_ZOO")
	if root == "" {
		t.Skip("ONNXRUN_ZOO does not name the folder of models")
	}
	paths, err := filepath.Glob(filepath.Join(root, "small", "*", "model.onnx"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no models in ", root, err)
	}
	trained, idle, refused := 0, 0, 0
	for _, path := range paths {
		name := filepath.Base(filepath.Dir(path))
		switch ratio, err := descend(path); {
		case errors.Is(err, errIdle):
			idle++
		case err != nil:
			refused++
			known := false
			for _, s := range cannotTrain {
				known = known || strings.Contains(err.Error(), s)
			}
			if !known {
				t.Errorf("%s: %v", name, err)
			}
		default:
			trained++
			if strings.HasPrefix(name, "fasterrcnn") { // which boxes it gives changes with the weights, by leaps
				continue
			}
			if !(math.Abs(ratio-1) < 0.15) {
				t.Errorf("%s: the loss fell %v times as far as the gradient says", name, ratio)
			}
		}
	}
	t.Logf("%d models train, %d have no weights on the way to a number, %d have operators without gradients", trained, idle, refused)
}

var errIdle = errors.New("nothing to train")

// descend is how far the loss of a model falls in one small step against the gradient, divided by how far the gradient says.
func descend(path string) (float64, error) {
	var first, last, norm, rate float64
	best := math.Inf(1)
	// Larger moves are bent, smaller ones drown in the rounding of float32: one of three must show the slope.
	for k, part := range []float64{0, 1e-2, 1e-3, 1e-4} {
		if k > 0 {
			rate = part * first / norm / norm
		}
		g, err := onnx.Load(path)
		if err != nil {
			return 0, err
		}
		m, err := finetune.New(g)
		if err != nil {
			return 0, err
		}
		if err := m.Infer(); err != nil {
			return 0, err
		}
		out := -1
		for i, v := range m.Graph.Outputs {
			if v.Type.DType.IsFloat() && out < 0 {
				out = i
			}
		}
		if out < 0 || len(m.Trained()) == 0 {
			return 0, errIdle
		}
		cfg := finetune.Config{Loss: meanSquare(out), Optimizer: optim.NewSGD(rate), Clip: finetune.Clip{Norm: math.MaxFloat32}, BatchNorm: finetune.BatchNormFrozen, NoDropout: true}
		s, err := finetune.NewStep(m, cfg)
		if err != nil && strings.Contains(err.Error(), "depends on none") {
			return 0, errIdle
		}
		if err != nil {
			return 0, err
		}
		feeds, err := firstInputs(filepath.Dir(path), m.Graph)
		if err != nil {
			return 0, err
		}
		steps := 1 + min(k, 1) // the first time without a move, to know the norm
		for range steps {
			r, err := s.Run(context.Background(), feeds)
			if err != nil {
				return 0, err
			}
			if k == 0 {
				first, norm = r.Loss, r.GradNorm
			}
			last = r.Loss
		}
		if norm == 0 || first == 0 {
			return 0, errIdle
		}
		if k > 0 {
			if ratio := (first - last) / (rate * norm * norm); math.Abs(ratio-1) < math.Abs(best-1) {
				best = ratio
			}
		}
		if math.Abs(best-1) < 0.05 {
			break
		}
	}
	return best, nil
}

// firstInputs are the inputs of the model's first test data.
func firstInputs(dir string, g *graph.Graph) (map[string]*tensor.Tensor, error) {
	feeds := map[string]*tensor.Tensor{}
	for i, v := range g.Inputs {
		b, err := os.ReadFile(filepath.Join(dir, "test_data_set_0", fmt.Sprintf("input_%d.pb", i)))
		if err != nil {
			return nil, err
		}
		if _, feeds[v.Name], err = onnx.ReadTensor(b, v.Type); err != nil {
			return nil, err
		}
	}
	return feeds, nil
}
