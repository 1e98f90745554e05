package finetune_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// logOfNothing is a loss of −∞.
type logOfNothing struct{}

func (logOfNothing) Targets([]graph.Type) []loss.Target { return nil }

func (logOfNothing) Of(b *graph.Builder, out, _ []*graph.Value) *graph.Value {
	return b.Op("ReduceMean", b.Op("Log", b.Op("Sub", out[0], out[0])), graph.Int("keepdims", 0))
}

// TestNotFinite: a loss that is not finite changes nothing, and the error names what was not finite first.
func TestNotFinite(t *testing.T) {
	s, batch := lenetStep(t)
	run(t, s, batch, 1)
	input := ""
	for name := range batch {
		if name != "y" {
			input = name
		}
	}
	before := s.State()
	var saved [][]byte
	for _, x := range before.Tensors {
		saved = append(saved, append([]byte{}, x.Value.Bytes()...))
	}
	x := batch[input].Clone()
	tensor.Data[float32](x)[17] = float32(math.NaN())
	_, err := s.Run(context.Background(), map[string]*tensor.Tensor{input: x, "y": batch["y"]})
	var e *finetune.NotFinite
	if !errors.As(err, &e) || e.Update != 1 || e.Where != `input "`+input+`"` {
		t.Fatal(err)
	}
	for i, x := range s.State().Tensors {
		if string(x.Value.Bytes()) != string(saved[i]) {
			t.Errorf("%s changed", x.Name)
		}
	}
	run(t, s, batch, 1) // and goes on
	m := lenet(t)
	p := m.Trained()[2]
	tensor.Data[float32](p.Value.Const)[0] = float32(math.NaN())
	for name, c := range map[string]struct {
		model *finetune.Model
		loss  loss.Loss
		want  string
	}{
		"parameter": {m, loss.NewCrossEntropy(), `parameter "` + p.Name + `"`},
		"node":      {lenet(t), logOfNothing{}, "Log"},
	} {
		s, err := finetune.NewStep(c.model, finetune.Config{Loss: c.loss, Optimizer: optim.NewSGD(1)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Run(context.Background(), batch); !errors.As(err, &e) || !strings.Contains(e.Where, c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
