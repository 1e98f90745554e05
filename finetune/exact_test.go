package finetune_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// TestExactConv: training uses minimal filtering for convolutions of weights that train, and for their gradients, unless it shall be exact; the losses are the
// same within its rounding errors.
func TestExactConv(t *testing.T) {
	train := func(exact bool) (losses []float64, filtered int) {
		r := rand.New(rand.NewPCG(5, 6))
		random := func(scale float64, shape ...int) *tensor.Tensor {
			x := make([]float32, tensor.Shape(shape).Elems())
			for i := range x {
				x[i] = float32(scale * r.NormFloat64())
			}
			return tensor.Must(tensor.Of(x, shape...))
		}
		b := graph.NewBuilder(ops.Registry(), nil)
		y := b.Input("x", graph.TensorType(tensor.Float32, graph.Sym("n"), graph.Size(32), graph.Size(8), graph.Size(8)))
		for range 2 {
			y = b.Op("Relu", b.Op("Conv", y, b.Const(random(0.08, 32, 32, 3, 3)), graph.Ints("pads", 1, 1, 1, 1)))
		}
		b.Output(b.Op("Flatten", b.Op("GlobalAveragePool", y)))
		if b.Err() != nil {
			t.Fatal(b.Err())
		}
		m, err := finetune.New(b.Graph)
		if err != nil {
			t.Fatal(err)
		}
		operators := map[string]bool{}
		s, err := finetune.NewStep(m, finetune.Config{
			Loss: loss.NewCrossEntropy(), Optimizer: optim.NewAdamW(1e-2), ExactConv: exact,
			Profile: func(e runtime.Event) {
				if e.Node.Op.Name == "ConvWinograd" {
					operators[e.Node.Out[0].Name] = true
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		labels := make([]int64, 4)
		for i := range labels {
			labels[i] = int64(7 * i)
		}
		batch := map[string]*tensor.Tensor{"x": random(1, 4, 32, 8, 8), "y": tensor.Must(tensor.Of(labels, 4))}
		for range 5 {
			res, err := s.Run(context.Background(), batch)
			if err != nil {
				t.Fatal(err)
			}
			losses = append(losses, res.Loss)
		}
		return losses, len(operators)
	}
	want, filtered := train(true)
	if filtered > 0 {
		t.Errorf("%d convolutions by minimal filtering in an exact training", filtered)
	}
	got, filtered := train(false)
	if filtered == 0 {
		t.Skip("this machine computes all convolutions directly")
	}
	if filtered != 3 { // two of the network, and the gradient of what is between
		t.Errorf("%d convolutions by minimal filtering, want 3", filtered)
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= 1e-4*want[0]) {
			t.Errorf("loss %d is %v, want %v", i, got[i], want[i])
		}
	}
	if !(want[4] < want[0]) {
		t.Errorf("losses %v do not fall", want)
	}
}
