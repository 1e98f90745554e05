package models

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/models/nn"
)

// ResNet are the settings of a residual network.
type ResNet struct {
	Classes    int
	Image      [2]int // height and width; 224 × 224 by default
	SmallImage bool   // a first convolution of 3 × 3 without stride and pooling, for images of about 32 × 32
}

// ResNet18 maps "image" [batch, 3, height, width] to "logits" [batch, classes]: He et al., https://arxiv.org/abs/1512.03385, as torchvision has it, with its parameters' names and initial values.
func ResNet18(r ResNet, seed uint64) (*graph.Graph, error) {
	return r.build("resnet18", basic, []int{2, 2, 2, 2}, seed)
}

// ResNet34 is like ResNet18 with 16 blocks instead of 8.
func ResNet34(r ResNet, seed uint64) (*graph.Graph, error) {
	return r.build("resnet34", basic, []int{3, 4, 6, 3}, seed)
}

// ResNet50 is like ResNet34 with bottleneck blocks, the stride at their 3 × 3 convolution.
func ResNet50(r ResNet, seed uint64) (*graph.Graph, error) {
	return r.build("resnet50", bottleneck, []int{3, 4, 6, 3}, seed)
}

// block appends a residual block of the given channels inside.
type block func(n *nn.Net, x *graph.Value, in, channels, stride int) (*graph.Value, int)

func (r ResNet) build(name string, add block, depths []int, seed uint64) (*graph.Graph, error) {
	if r.Image == [2]int{} {
		r.Image = [2]int{224, 224}
	}
	if err := positive(r.Classes, r.Image[0], r.Image[1]); err != nil {
		return nil, err
	}
	return one(name, seed, floats("image", 3, r.Image[0], r.Image[1]), "logits", func(n *nn.Net, x *graph.Value) *graph.Value {
		convs := n.Draw(nn.KaimingNormal(nn.FanOut, math.Sqrt2))
		if r.SmallImage {
			x = n.Relu(convNorm(convs, "conv1", "bn1", x, 64, 3, 1))
		} else {
			x = n.MaxPool(n.Relu(convNorm(convs, "conv1", "bn1", x, 64, 7, 2)), window(3, 2, 1))
		}
		in := 64
		for stage, depth := range depths {
			for i := range depth {
				stride := 1
				if stage > 0 && i == 0 {
					stride = 2
				}
				x, in = add(convs.Scope(fmt.Sprintf("layer%d.%d", stage+1, i)), x, in, 64<<stage, stride)
			}
		}
		return n.Linear("fc", n.GlobalAvgPool(x), r.Classes)
	})
}

// convNorm is a convolution that keeps the size up to its stride, and BatchNorm.
func convNorm(n *nn.Net, conv, norm string, x *graph.Value, out, kernel, stride int) *graph.Value {
	c := square(kernel, stride, kernel/2)
	c.NoBias = true
	return n.BatchNorm(norm, n.Conv2d(conv, x, out, c))
}

func basic(n *nn.Net, x *graph.Value, in, channels, stride int) (*graph.Value, int) {
	y := n.Relu(convNorm(n, "conv1", "bn1", x, channels, 3, stride))
	y = convNorm(n, "conv2", "bn2", y, channels, 3, 1)
	return n.Relu(n.B.Op("Add", y, shortcut(n, x, in, channels, stride))), channels
}

func bottleneck(n *nn.Net, x *graph.Value, in, channels, stride int) (*graph.Value, int) {
	y := n.Relu(convNorm(n, "conv1", "bn1", x, channels, 1, 1))
	y = n.Relu(convNorm(n, "conv2", "bn2", y, channels, 3, stride))
	y = convNorm(n, "conv3", "bn3", y, 4*channels, 1, 1)
	return n.Relu(n.B.Op("Add", y, shortcut(n, x, in, 4*channels, stride))), 4 * channels
}

// shortcut is x, or its projection where the block changes the shape.
func shortcut(n *nn.Net, x *graph.Value, in, out, stride int) *graph.Value {
	if in == out && stride == 1 {
		return x
	}
	return convNorm(n, "downsample.0", "downsample.1", x, out, 1, stride)
}
