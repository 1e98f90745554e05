package compress

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// Range is how values are quantized: uint8 numbers q stand for (q − ZeroPoint)·Scale.
type Range struct {
	Scale     float64
	ZeroPoint int
}

// RangeOf is the range that holds the values from lo to hi, and 0, which is exact.
func RangeOf(lo, hi float64) Range {
	lo, hi = math.Min(lo, 0), math.Max(hi, 0)
	scale := (hi - lo) / 255
	if !(scale > 0) {
		scale = 1
	}
	zero := math.RoundToEven(-lo / scale)
	return Range{scale, int(math.Max(0, math.Min(255, zero)))}
}

const fakeQuantize = "ai.onnxrun::FakeQuantize"

// FakeQuantize makes a model feel what int8 will do to it: every use of the weights, and of the activations named, is rounded to what the integers can hold, while gradients
// pass unchanged within the range (quantization-aware training). Weights are symmetric in ±127, with the scale of their largest element at each step.
// After the training, [Finish] makes QuantizeLinear and DequantizeLinear of it.
func FakeQuantize(m *finetune.Model, weights []*finetune.Param, activations map[string]Range) error {
	b := graph.NewBuilder(ops.Registry(), m.Graph)
	b.Reserve()
	for _, p := range weights {
		g := m.Owner(p.Value)
		if g == nil {
			return fmt.Errorf("the model has no parameter %q", p.Name)
		}
		if err := insert(b.Sub(g), p.Value, nil, 0, -127, 127); err != nil {
			return err
		}
	}
	values := map[string]*graph.Value{}
	for _, v := range m.Graph.Inputs {
		values[v.Name] = v
	}
	for _, n := range m.Graph.Nodes {
		for _, v := range n.Out {
			if v != nil {
				values[v.Name] = v
			}
		}
	}
	for name, r := range activations {
		v := values[name]
		if v == nil {
			return fmt.Errorf("the model has no value %q to quantize", name)
		}
		d := v.Type.DType
		if d == tensor.Invalid {
			d = tensor.Float32
		}
		scale, err := tensor.Full(d, r.Scale)
		if err != nil {
			return err
		}
		if err := insert(b, v, scale, r.ZeroPoint, 0, 255); err != nil {
			return err
		}
	}
	return b.Err()
}

// insert lets all who read v read its quantized form.
func insert(b *graph.Builder, v *graph.Value, scale *tensor.Tensor, zero int, lo, hi float32) error {
	g := b.Graph
	at := 0
	if v.Def != nil {
		at = slices.Index(g.Nodes, v.Def) + 1
	}
	nodes := g.Nodes
	g.Nodes = nil
	args := []graph.Arg{v}
	if scale != nil {
		args = append(args, b.Const(scale))
	}
	b.Prefix(v.Name + "_quantized")
	q := b.Op(fakeQuantize, append(args, graph.Float("zero_point", float32(zero)), graph.Float("lo", lo), graph.Float("hi", hi))...)
	if err := b.Err(); err != nil {
		return fmt.Errorf("quantization of %q: %w", v.Name, err)
	}
	made := g.Nodes
	g.Nodes = nodes
	g.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		for i, x := range n.In {
			if x == v {
				n.In[i] = q
			}
		}
		n.Subgraphs(func(s *graph.Graph) {
			for i, x := range s.Outputs {
				if x == v {
					s.Outputs[i] = q
				}
			}
		})
		return true
	})
	g.Nodes = slices.Insert(g.Nodes, at, made...)
	return nil
}

// Finish replaces fake quantization by QuantizeLinear and DequantizeLinear, with the weights' scales as they are now: a model that every runtime can run, in int8 where it
// knows how. The opset of the model must be 13 or later.
func Finish(m *finetune.Model) error {
	g := m.Graph
	if v := g.Opsets[""]; v < 13 {
		return graph.Unsupportedf("quantized models want opset 13, this one has %d", v)
	}
	b := graph.NewBuilder(ops.Registry(), g)
	b.Reserve()
	return finishGraph(b, g.Opsets[""])
}

// finishGraph replaces fake quantization in a graph and in those inside its nodes.
func finishGraph(b *graph.Builder, opset int) error {
	g := b.Graph
	nodes := g.Nodes
	g.Nodes = nil
	for _, n := range nodes {
		var err error
		n.Subgraphs(func(s *graph.Graph) {
			if err == nil {
				err = finishGraph(b.Sub(s), opset)
			}
		})
		if err != nil {
			return err
		}
		if n.Op.Domain != "ai.onnxrun" || n.Op.Name != "FakeQuantize" {
			g.Nodes = append(g.Nodes, n)
			continue
		}
		if err := finish(b, n, opset); err != nil {
			return err
		}
	}
	return b.Err()
}

func finish(b *graph.Builder, n *graph.Node, opset int) error {
	x := n.In[0]
	hi := float64(n.Float("hi"))
	var scale *tensor.Tensor
	var zero *tensor.Tensor
	if n.Has(1) {
		scale, zero = n.In[1].Const, tensor.Scalar(uint8(n.Float("zero_point")))
	} else {
		if x.Const == nil {
			return graph.Invalidf("%q has no scale", x.Name)
		}
		largest := 0.0
		for i := range x.Const.Len() {
			largest = math.Max(largest, math.Abs(x.Const.Float(i)))
		}
		if largest == 0 {
			largest = 1
		}
		var err error
		if scale, err = tensor.Full(x.Const.DType(), largest/hi); err != nil {
			return err
		}
		zero = tensor.Scalar(int8(0))
	}
	s, z := b.Const(scale), b.Const(zero)
	op := func(name string, in ...*graph.Value) *graph.Node {
		return &graph.Node{Op: b.Registry().Lookup("", name, opset), In: in}
	}
	quantize := op("QuantizeLinear", x, s, z)
	q := b.Name(quantize)
	b.Append(quantize, q)
	b.Append(op("DequantizeLinear", q, s, z), n.Out[0])
	return b.Err()
}
