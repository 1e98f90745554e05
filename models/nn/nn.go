// Package nn has the layers of neural networks as functions that append nodes to a graph, with PyTorch's names, layouts and initial values: a network
// that is written here and one that is exported from PyTorch hold the same tensors under the same names.
//
//	n := nn.New(b, 1)
//	h := n.Relu(n.Linear("fc1", x, 256))
//	y := n.Linear("fc2", h, 10)
//
// Layers are built as inference sees them: Dropout passes everything on and BatchNorm uses its running statistics, until a trainer turns them on.
package nn

import (
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Net builds layers into a graph. Parameters are constants of the graph, named by the scopes and the layer as in "layer1.0.conv1.weight". Errors are kept by the builder;
// after the first one layers return nil values, which other layers accept.
type Net struct {
	B     *graph.Builder
	scope string
	seed  uint64
	draw  Init // of the weights of layers, nil for the layer's own
	names map[string]bool
	size  *int // elements of all parameters
}

// maxElements bounds the parameters of a network, so that a size with a zero too many is an error.
const maxElements = 1<<31 - 1

// New is an empty network. Each parameter has a random generator of its own, seeded by seed and the parameter's name: the same seed gives the same bits, and
// the initial value of a layer does not depend on the others.
func New(b *graph.Builder, seed uint64) *Net {
	return &Net{B: b, seed: seed, names: map[string]bool{}, size: new(int)}
}

// Scope is the same network for layers inside the module name.
func (n *Net) Scope(name string) *Net {
	s := *n
	s.scope = n.join(name)
	return &s
}

// Draw is the same network for layers whose weights (not biases) are drawn by init.
func (n *Net) Draw(init Init) *Net {
	s := *n
	s.draw = init
	return &s
}

// Param adds a float32 parameter with values drawn by init.
func (n *Net) Param(name string, init Init, shape ...int) *graph.Value {
	if n.B.Err() != nil {
		return nil
	}
	name = n.join(name)
	if n.names[name] {
		n.B.Fail(graph.Shapef("parameter %q is there twice", name))
		return nil
	}
	n.names[name] = true
	k, ok := tensor.Shape(shape).Size()
	if !ok || k > maxElements-*n.size {
		n.B.Fail(graph.Shapef("parameter %q of %v: a network has at most %d elements", name, shape, maxElements))
		return nil
	}
	*n.size += k
	t, err := tensor.New(tensor.Float32, shape...)
	if err != nil {
		n.B.Fail(err)
		return nil
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	init(rand.New(rand.NewPCG(n.seed, h.Sum64())), tensor.Data[float32](t), shape)
	v := n.B.Const(t)
	v.Name = name
	return v
}

// weight is a parameter named weight, unless the network's Draw says otherwise drawn by init.
func (n *Net) weight(init Init, shape ...int) *graph.Value {
	if n.draw != nil {
		init = n.draw
	}
	return n.Param("weight", init, shape...)
}

// layer is the scope of a layer; the nodes that follow are named by it.
func (n *Net) layer(name string) *Net {
	s := n.Scope(name)
	n.B.Prefix("/" + strings.ReplaceAll(s.scope, ".", "/"))
	return s
}

func (n *Net) join(name string) string {
	switch {
	case n.scope == "":
		return name
	case name == "":
		return n.scope
	}
	return n.scope + "." + name
}

// extent is the size of an axis of x (negative ones count from the end), which the shape of a parameter needs.
func (n *Net) extent(x *graph.Value, axis int) int {
	if n.B.Err() != nil {
		return 1
	}
	if x == nil {
		n.B.Fail(graph.Shapef("a layer has no input"))
		return 1
	}
	i := axis
	if i < 0 {
		i += x.Type.Rank()
	}
	if i < 0 || i >= x.Type.Rank() {
		n.B.Fail(graph.Shapef("axis %d of %s", axis, x.Type))
		return 1
	}
	size, ok := x.Type.Shape[i].Int()
	if !ok || size < 1 {
		n.B.Fail(graph.Shapef("a layer needs the size of axis %d of %s", axis, x.Type))
		return 1
	}
	return size
}

// positive refuses sizes below 1.
func (n *Net) positive(what string, size ...int) bool {
	for _, s := range size {
		if s < 1 {
			n.B.Fail(graph.Shapef("%s of %d", what, size))
			return false
		}
	}
	return n.B.Err() == nil
}

// op appends a node; absent inputs at its end are left out.
func (n *Net) op(name string, in []*graph.Value, attrs ...graph.Attr) *graph.Value {
	for len(in) > 0 && in[len(in)-1] == nil {
		in = in[:len(in)-1]
	}
	args := make([]graph.Arg, 0, len(in)+len(attrs))
	for _, v := range in {
		args = append(args, v)
	}
	for _, a := range attrs {
		args = append(args, a)
	}
	return n.B.Op(name, args...)
}
