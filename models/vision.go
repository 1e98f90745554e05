package models

import (
	"fmt"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/models/nn"
)

// square are the sizes of a convolution with the same numbers for both axes.
func square(kernel, stride, padding int) nn.Conv {
	return nn.Conv{Kernel: []int{kernel}, Stride: []int{stride}, Padding: []int{padding}}
}

func window(kernel, stride, padding int) nn.Pool {
	return nn.Pool{Kernel: []int{kernel}, Stride: []int{stride}, Padding: []int{padding}}
}

// LeNet5 maps "image" [batch, 1, 28, 28] to "logits" [batch, classes]: LeCun, Bottou, Bengio, Haffner, 1998 (https://doi.org/10.1109/5.726791), with ReLU and maximum pooling.
// Parameters: conv1, conv2, fc1, fc2, fc3, each with weight and bias.
func LeNet5(classes int, seed uint64) (*graph.Graph, error) {
	return one("lenet5", seed, floats("image", 1, 28, 28), "logits", func(n *nn.Net, x *graph.Value) *graph.Value {
		x = n.MaxPool(n.Relu(n.Conv2d("conv1", x, 6, square(5, 1, 2))), window(2, 2, 0))
		x = n.MaxPool(n.Relu(n.Conv2d("conv2", x, 16, square(5, 1, 0))), window(2, 2, 0))
		x = n.Relu(n.Linear("fc1", n.Flatten(x), 120))
		x = n.Relu(n.Linear("fc2", x, 84))
		return n.Linear("fc3", x, classes)
	})
}

// AlexNet maps "image" [batch, 3, 224, 224] to "logits" [batch, classes], as torchvision has it (https://arxiv.org/abs/1404.5997): 61 million parameters,
// features.0, 3, 6, 8, 10 and classifier.1, 4, 6.
func AlexNet(classes int, dropout float64, seed uint64) (*graph.Graph, error) {
	return one("alexnet", seed, floats("image", 3, 224, 224), "logits", func(n *nn.Net, x *graph.Value) *graph.Value {
		f, c := n.Scope("features"), n.Scope("classifier")
		x = n.MaxPool(n.Relu(f.Conv2d("0", x, 64, square(11, 4, 2))), window(3, 2, 0))
		x = n.MaxPool(n.Relu(f.Conv2d("3", x, 192, square(5, 1, 2))), window(3, 2, 0))
		x = n.Relu(f.Conv2d("6", x, 384, square(3, 1, 1)))
		x = n.Relu(f.Conv2d("8", x, 256, square(3, 1, 1)))
		x = n.MaxPool(n.Relu(f.Conv2d("10", x, 256, square(3, 1, 1))), window(3, 2, 0))
		x = n.Relu(c.Linear("1", n.Dropout(n.Flatten(x), dropout), 4096))
		x = n.Relu(c.Linear("4", n.Dropout(x, dropout), 4096))
		return c.Linear("6", x, classes)
	})
}

// ConvNet is a small network for digits: it maps "image" [batch, 1, 28, 28] to "logits" [batch, classes] by five convolutions with BatchNorm, of width, 2·width and 4·width channels.
// Parameters have the numbers of PyTorch's Sequential: 0.weight, 1.weight, …. scripts/mnist.sh trains it on MNIST.
func ConvNet(classes, width int, seed uint64) (*graph.Graph, error) {
	return one("convnet", seed, floats("image", 1, 28, 28), "logits", func(n *nn.Net, x *graph.Value) *graph.Value {
		at := 0
		name := func(modules int) string {
			at += modules
			return fmt.Sprint(at - modules)
		}
		for stage, depth := range []int{1, 2, 2} {
			for range depth {
				c := square(3, 1, 1)
				c.NoBias = true
				x = n.Conv2d(name(1), x, width<<stage, c)
				x = n.Relu(n.BatchNorm(name(2), x))
			}
			at++ // a pooling
			if stage < 2 {
				x = n.MaxPool(x, window(2, 2, 0))
			}
		}
		at++ // Flatten
		return n.Linear(name(1), n.GlobalAvgPool(x), classes)
	})
}
