package pass

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Folding computes a constant when it is small, or not much larger than what it is computed from: a model must not
// grow in memory before it runs.
const (
	foldSmall  = 1 << 16
	foldGrowth = 2
	foldBudget = 1 << 31
)

// Fold computes once and for all what depends on constants alone, and the shapes that inference knows.
func Fold(reg *graph.Registry, g *graph.Graph) (bool, error) {
	ev := &evaluator{left: foldBudget}
	return fold(reg, g, ev)
}

func fold(reg *graph.Registry, g *graph.Graph, ev *evaluator) (bool, error) {
	changed := false
	isOut := outputs(g)
	kept := g.Nodes[:0]
	for _, n := range g.Nodes {
		if err := graph.InferNode(reg, n); err != nil {
			return changed, err
		}
		var err error
		n.Subgraphs(func(s *graph.Graph) {
			if err == nil {
				var c bool
				c, err = fold(reg, s, ev)
				changed = changed || c
			}
		})
		if err != nil {
			return changed, err
		}
		vals := known(n)
		if vals == nil {
			vals = ev.node(reg, n)
		}
		if vals == nil {
			kept = append(kept, n)
			continue
		}
		changed = true
		rest := false
		for i, v := range n.Out {
			if v == nil {
				continue
			}
			if isOut[v] { // an output must be computed by something
				rest = true
				continue
			}
			v.Const, v.Type, v.Def = vals[i], graph.TypeOf(vals[i]), nil
			g.Consts = append(g.Consts, v)
		}
		if rest {
			keepOutputs(reg, g, n, vals, isOut)
			kept = append(kept, n)
		}
	}
	g.Nodes = kept
	return changed, nil
}

// keepOutputs turns n into the one node that computes its outputs of the graph from constants.
func keepOutputs(reg *graph.Registry, g *graph.Graph, n *graph.Node, vals []*tensor.Tensor, isOut map[*graph.Value]bool) {
	constant := reg.Lookup("", "Constant", 0)
	var first *graph.Value
	at := 0
	for i, v := range n.Out {
		if v != nil && isOut[v] && first == nil {
			first, at = v, i
		}
	}
	if constant == nil || len(n.Out) != 1 || first == nil || vals[at].DType().IsContainer() {
		return
	}
	n.Op, n.In, n.Attrs, n.Origin, n.Overload = constant, nil, []graph.Attr{graph.TensorAttr("value", vals[at])}, nil, ""
}

// known are the outputs of n when inference already found their elements.
func known(n *graph.Node) []*tensor.Tensor {
	if n.Op.Name == "Constant" && n.Op.Domain == "" || n.Op.Random {
		return nil
	}
	out := make([]*tensor.Tensor, len(n.Out))
	for i, v := range n.Out {
		if v == nil {
			continue
		}
		if out[i] = IntsTensor(v.Type, v.Ints); out[i] == nil {
			return nil
		}
	}
	return out
}

// IntsTensor is the tensor of an integer type whose elements are all known integers, or nil.
func IntsTensor(t graph.Type, ints []graph.Dim) *tensor.Tensor {
	shape, ok := t.Static()
	if n, sound := shape.Size(); !ok || ints == nil || !sound || n != len(ints) {
		return nil
	}
	vals := make([]int64, len(ints))
	for i, d := range ints {
		k, ok := d.Int()
		if !ok {
			return nil
		}
		vals[i] = int64(k)
	}
	var res *tensor.Tensor
	var err error
	switch t.DType {
	case tensor.Int64:
		res, err = tensor.Of(vals, shape...)
	case tensor.Int32:
		narrow := make([]int32, len(vals))
		for i, v := range vals {
			narrow[i] = int32(v)
			if int64(narrow[i]) != v {
				return nil
			}
		}
		res, err = tensor.Of(narrow, shape...)
	}
	if err != nil {
		return nil
	}
	return res
}
