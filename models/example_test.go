package models_test

import (
	"context"
	"fmt"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/data"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/models"
	"github.com/onnxrun/onnxrun/models/nn"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime"
)

// An architecture of one's own: two inputs, layers with a residual connection and dropout, one output. It learns whether a point is nearer to one place than to another, is
// written to a file and run from there.
func ExampleBuild() {
	fail := func(err error) bool {
		if err != nil {
			fmt.Println(err)
		}
		return err != nil
	}
	place := graph.TensorType(tensor.Float32, graph.Sym("batch"), graph.Size(2))
	inputs := []*graph.Value{{Name: "point", Type: place}, {Name: "place", Type: place}}
	g, err := models.Build("nearer", 1, inputs, []string{"logits"}, func(n *nn.Net, in []*graph.Value) []*graph.Value {
		x := n.Relu(n.Linear("first", n.B.Op("Concat", in[0], in[1], graph.Int("axis", 1)), 32))
		x = n.B.Op("Add", x, n.Relu(n.Linear("second", n.Dropout(x, 0.1), 32)))
		return []*graph.Value{n.Linear("head", x, 2)}
	})
	if fail(err) {
		return
	}
	points, places, near := make([]float32, 512), make([]float32, 512), make([]int64, 256)
	for i := range near {
		x, y := float32(i%16)/8-1, float32(i/16)/8-1
		copy(points[2*i:], []float32{x, y})
		copy(places[2*i:], []float32{0.5, 0.5})
		if (x-0.5)*(x-0.5)+(y-0.5)*(y-0.5) < x*x+y*y {
			near[i] = 1
		}
	}
	all, err := data.Arrays(data.Array{Name: "point", Tensor: tensor.Must(tensor.Of(points, 256, 2))}, data.Array{Name: "place", Tensor: tensor.Must(tensor.Of(places, 256, 2))},
		data.Array{Name: "y", Tensor: tensor.Must(tensor.Of(near, 256))})
	if fail(err) {
		return
	}
	batches, err := data.NewLoader(all, data.Options{Batch: 32, Shuffle: true})
	if fail(err) {
		return
	}
	m, err := finetune.New(g)
	if fail(err) {
		return
	}
	step, err := finetune.NewStep(m, finetune.Config{Loss: loss.NewCrossEntropy(), Optimizer: optim.NewAdamW(1e-2)})
	if fail(err) {
		return
	}
	if _, err := (&finetune.Trainer{Step: step, Data: batches, Epochs: 30}).Run(context.Background()); fail(err) {
		return
	}
	file, err := onnx.Marshal(m.Graph) // m.Save writes it to a file
	if fail(err) {
		return
	}
	again, err := onnx.LoadBytes(file)
	if fail(err) {
		return
	}
	s, err := runtime.Compile(again)
	if fail(err) {
		return
	}
	defer s.Close()
	out, err := s.Run(context.Background(), map[string]*tensor.Tensor{
		"point": tensor.Must(tensor.Of([]float32{0.6, 0.4, -0.3, 0.2}, 2, 2)),
		"place": tensor.Must(tensor.Of([]float32{0.5, 0.5, 0.5, 0.5}, 2, 2)),
	})
	if fail(err) {
		return
	}
	logits := tensor.Data[float32](out["logits"])
	fmt.Println(logits[1] > logits[0], logits[3] > logits[2])
	// Output: true false
}
