package runtime_test

import (
	"errors"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// A rule that panics on what a model says is an error, of inference and of expansion.
func TestPanicInRule(t *testing.T) {
	for name, op := range map[string]*graph.Op{
		"infer":  {Name: "Bad", Since: 1, Infer: func(c *graph.Infer) error { c.In[9].Type = graph.Type{}; return nil }},
		"expand": {Name: "Bad", Since: 1, Expand: func(_ *graph.Builder, n *graph.Node) []*graph.Value { return n.In[9:] }},
	} {
		v := &graph.Value{Name: "y"}
		n := &graph.Node{Op: op, Out: []*graph.Value{v}}
		if err := graph.InferNode(ops.Registry(), n); !errors.Is(err, graph.ErrInvalid) {
			t.Errorf("%s: %v, want an invalid model", name, err)
		}
	}
}

// Ranks and types that these operators once trusted.
func TestHostileRanks(t *testing.T) {
	x := func(d tensor.DType, shape ...int) *graph.Value {
		return &graph.Value{Name: "x", Type: graph.TensorType(d, graph.Dims(shape...)...)}
	}
	for name, in := range map[string][]*graph.Value{
		"ConvTranspose":   {x(tensor.Float32), x(tensor.Float32)},
		"RotaryEmbedding": {x(tensor.Float32, 1, 2, 3, 4), x(tensor.Float32, 1, 3, 2), x(tensor.Float32, 1, 3, 2), x(tensor.Int64, 1, 3)},
	} {
		n := &graph.Node{Op: ops.Registry().Lookup("", name, 0), In: in, Out: []*graph.Value{{Name: "y"}}}
		if err := graph.InferNode(ops.Registry(), n); !errors.Is(err, graph.ErrShape) {
			t.Errorf("%s: %v, want a shape error", name, err)
		}
	}
}
