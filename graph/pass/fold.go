package pass

import (
	"errors"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Folding computes a constant when it is small, or not much larger than what it is computed from, and all of them together
// take little more than the model has: it must not grow in memory before it runs. Weights that a pass packs in another form may take more, for
// minimal filtering four times as much and whole panels; only here can that be done once and for all.
const (
	foldSmall  = 1 << 20
	foldGrowth = 2
	packGrowth = 8
	foldBudget = 32 << 20 // beside foldGrowth or packGrowth times the model's constants
)

// Threads run the pieces of a task, as [graph.Exec] does.
type Threads interface {
	Workers() int
	Parallel(t graph.Task, n, grain int)
}

// Fold computes once and for all what depends on constants alone, and the shapes that inference knows.
func Fold(reg *graph.Registry, g *graph.Graph) (bool, error) { return FoldOn(nil)(reg, g) }

// FoldOn is Fold on several threads, for constants that are large.
func FoldOn(t Threads) func(reg *graph.Registry, g *graph.Graph) (bool, error) {
	if t == nil {
		t = oneThread{}
	}
	return func(reg *graph.Registry, g *graph.Graph) (bool, error) {
		ev := &evaluator{Threads: t, left: foldBudget, leftPacked: foldBudget}
		for _, v := range g.Consts {
			ev.left += foldGrowth * v.Const.MemBytes()
			ev.leftPacked += packGrowth * v.Const.MemBytes()
		}
		return fold(reg, g, false, ev)
	}
}

// fold works on g; inner says that g is a graph inside a node, which may never run: sizes that cannot work are no error then.
func fold(reg *graph.Registry, g *graph.Graph, inner bool, ev *evaluator) (bool, error) {
	changed := false
	isOut := outputs(g)
	kept := make([]*graph.Node, 0, len(g.Nodes)) // one node may become several
	for _, n := range g.Nodes {
		if err := graph.InferNode(reg, n); err != nil && !(inner && errors.Is(err, graph.ErrShape)) {
			return changed, err
		}
		var err error
		n.Subgraphs(func(s *graph.Graph) {
			if err == nil {
				var c bool
				c, err = fold(reg, s, true, ev)
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
		if reg.Lookup("", "Constant", 0) == nil || containerOutput(vals) {
			vals = nil
		}
		if vals == nil || n.Op.Name == "Constant" && isOut[n.Out[0]] {
			kept = append(kept, n)
			continue
		}
		changed = true
		for i, v := range n.Out {
			switch {
			case v == nil:
			case isOut[v]: // an output must be computed by a node
				kept = append(kept, constantNode(reg, n, v, vals[i]))
			default:
				v.Const, v.Type, v.Def = vals[i], graph.TypeOf(vals[i]), nil
				g.Consts = append(g.Consts, v)
			}
		}
	}
	g.Nodes = kept
	return changed, nil
}

// constantNode computes v from nothing, in place of n.
func constantNode(reg *graph.Registry, n *graph.Node, v *graph.Value, t *tensor.Tensor) *graph.Node {
	c := &graph.Node{Name: n.Name, Op: reg.Lookup("", "Constant", 0), Attrs: []graph.Attr{graph.TensorAttr("value", t)}, Out: []*graph.Value{v}}
	v.Def, v.Type = c, graph.TypeOf(t)
	return c
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

// containerOutput reports whether a sequence, optional or map is among the values: files have no constants of these.
func containerOutput(vals []*tensor.Tensor) bool {
	for _, t := range vals {
		if t != nil && t.DType().IsContainer() {
			return true
		}
	}
	return false
}
