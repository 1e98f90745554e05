package finetune_test

import (
	"context"
	"fmt"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/data"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/metric"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx"
)

// stripes are pictures of 28 × 28 with stripes: rows in class 0, columns in class 1.
func stripes(n int) (x, y *tensor.Tensor) {
	pixels, classes := make([]float32, n*784), make([]int64, n)
	for i := range n {
		classes[i] = int64(i % 2)
		for k := range 784 {
			at := k / 28
			if i%2 == 1 {
				at = k % 28
			}
			pixels[i*784+k] = float32((at + i/2) / 3 % 2)
		}
	}
	return tensor.Must(tensor.Of(pixels, n, 1, 28, 28)), tensor.Must(tensor.Of(classes, n))
}

// A model that knows handwritten digits learns to tell rows from columns: a new head with two classes is put on it and trains, with validation and the
// best weights kept, and what comes out is an .onnx file again.
func Example() {
	g, err := onnx.Load("../testdata/lenet5/model.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := finetune.New(g)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := m.NewHead("", finetune.Head{Classes: 2}); err != nil {
		fmt.Println(err)
		return
	}
	if err := m.TrainLast(1); err != nil { // the head alone
		fmt.Println(err)
		return
	}
	step, err := finetune.NewStep(m, finetune.Config{Loss: loss.NewCrossEntropy(), Optimizer: optim.NewAdam(1e-2)})
	if err != nil {
		fmt.Println(err)
		return
	}
	x, y := stripes(24)
	all, err := data.Arrays(data.Array{Name: m.Graph.Inputs[0].Name, Tensor: x}, data.Array{Name: "y", Tensor: y})
	if err != nil {
		fmt.Println(err)
		return
	}
	train, valid, err := data.SplitStratified(all, "y", 0.75, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	batches, _ := data.NewLoader(train, data.Options{Batch: 6, Shuffle: true})
	held, _ := data.NewLoader(valid, data.Options{Batch: 6})
	accuracy := &metric.On{Metric: metric.NewAccuracy(1, metric.Options{}), Label: "accuracy", Target: "y"}
	trainer := &finetune.Trainer{Step: step, Data: batches, Epochs: 10, Valid: held, Metrics: []finetune.Metric{accuracy}, KeepBest: true}
	done, err := trainer.Run(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(done.Updates, "updates, accuracy", done.Valid["accuracy"])
	if _, err := onnx.Marshal(m.Graph); err != nil { // m.Save writes a file
		fmt.Println(err)
	}
	// Output: 30 updates, accuracy 1
}

// Convolutions stay as they are, the layers after them train. A pattern that matches nothing is an error, which lists what there is.
func ExampleModel_Freeze() {
	g, err := onnx.Load("../testdata/lenet5/model.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := finetune.New(g)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := m.Freeze("conv*"); err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range m.Trained() {
		fmt.Println(p.Name, p.Value.Const.Shape())
	}
	fmt.Println(m.Freeze("convolution*"))
	// Output:
	// fc1.weight [120,400]
	// fc1.bias [120]
	// fc2.weight [84,120]
	// fc2.bias [84]
	// fc3.weight [10,84]
	// fc3.bias [10]
	// no parameter matches "convolution*"; there are conv1.weight, conv1.bias, conv2.weight, conv2.bias, fc1.weight, fc1.bias, fc2.weight, fc2.bias, …
}
