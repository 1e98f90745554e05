package onnxgo

import (
	"context"
	"fmt"

	theirs "github.com/owulveryck/onnx-go"
	gonum "gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/iterator"
	gorgonia "gorgonia.org/tensor"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	bridge "github.com/onnxrun/onnxrun/graph/tensor/gorgonia"
	"github.com/onnxrun/onnxrun/runtime"
)

// Graph is a backend of onnx-go: it takes a model node by node and runs it. It serves one goroutine at a time.
type Graph struct {
	opset   int
	limits  runtime.Limits
	nodes   []*Node
	edges   map[[2]int64]edge
	ops     []operation
	source  *graph.Graph // what Load read; nil when onnx-go brings the model
	inputs  []*Node      // of the session
	outputs []*Node
	session *runtime.Session
}

// Option changes how a Graph works.
type Option func(*Graph)

// WithOpset says which version of the standard's operators the model uses.
func WithOpset(version int) Option { return func(g *Graph) { g.opset = version } }

// WithLimits bounds what a run may take.
func WithLimits(l runtime.Limits) Option { return func(g *Graph) { g.limits = l } }

// guessedOpset is the version of most models that onnx-go reads.
const guessedOpset = 9

// NewGraph is an empty backend for onnx.NewModel. Without [WithOpset] operators are taken to be those of opset 9, the time of onnx-go, and of the
// nearest other version where an operator's inputs or attributes do not fit that one.
func NewGraph(opts ...Option) *Graph {
	g := &Graph{opset: guessedOpset, edges: map[[2]int64]edge{}}
	for _, o := range opts {
		o(g)
	}
	return g
}

// Node is a value of the model. It has a name and carries a tensor.
type Node struct {
	id     int64
	g      *Graph
	name   string
	in     []*Node // what its operation reads, by position
	op     int     // the operation that computes it, -1 for none
	value  gorgonia.Tensor
	set    bool // the value came after the operations: it is an input of the model
	wanted bool // somebody asked for its value

	declared tensor.DType // by the model, Invalid when it does not say
}

// ID is the node's number: they count from 0 in the order of NewNode.
func (n *Node) ID() int64 { return n.id }

// SetName names the value.
func (n *Node) SetName(name string) { n.name = name }

// GetName is the name of the value.
func (n *Node) GetName() string { return n.name }

// SetTensor gives an input or a constant its value.
func (n *Node) SetTensor(t gorgonia.Tensor) error {
	if t != nil {
		if _, ok := t.(*gorgonia.Dense); !ok {
			return fmt.Errorf("value %q: a tensor of type %T, want *tensor.Dense", n.name, t)
		}
	}
	if late := len(n.g.ops) > 0 || n.g.source != nil; late && !n.set {
		n.set = true
		if n.op < 0 && n.g.source == nil {
			n.g.session = nil // a constant turns out to be an input
		}
	}
	if !n.set && t != nil { // a placeholder of the declared type, or an initializer
		if x, err := bridge.From(t.(*gorgonia.Dense)); err == nil {
			n.declared = x.DType()
		}
	}
	n.value = t
	return nil
}

// GetTensor is the value: of an output after [Graph.Run], and of any other value too, for which the model is run once more; nil when that fails.
func (n *Node) GetTensor() gorgonia.Tensor {
	g := n.g
	if n.op >= 0 && g.session != nil && !n.wanted && g.source == nil {
		n.wanted = true
		g.session = nil
		if g.Run() != nil {
			return nil
		}
	}
	return n.value
}

// operation is one ApplyOperation.
type operation struct {
	theirs.Operation
	in, out []*Node // nil where there is none
}

// ApplyOperation takes note of an operation, whose inputs are where the edges of its outputs lead. Operators that are not known are an
// *onnx.ErrNotImplemented.
func (g *Graph) ApplyOperation(op theirs.Operation, ns ...gonum.Node) error {
	o := operation{Operation: op}
	for _, x := range ns {
		n, ok := x.(*Node)
		if !ok || n.g != g {
			return fmt.Errorf("operation %s: an output of another graph", op.Name)
		}
		if n.name == "" { // an optional output that nobody wants; the same node stands for all of them, and for absent inputs
			o.out = append(o.out, nil)
			continue
		}
		if n.op >= 0 {
			return fmt.Errorf("operation %s: %q is computed twice", op.Name, n.name)
		}
		n.op = len(g.ops)
		o.out = append(o.out, n)
		if o.in == nil {
			o.in = n.in
		}
	}
	for i, n := range o.in {
		if n != nil && n.name == "" {
			o.in[i] = nil
		}
	}
	if len(o.in) == 1 && o.in[0] != nil && o.in[0].value == nil && o.in[0].op < 0 && inputless[op.Name] {
		o.in = nil // onnx-go gives operations without inputs one that has no value
	}
	if definition(op.Name, g.opset) == nil {
		return &theirs.ErrNotImplemented{Operator: op.Name, Message: "no such operator"}
	}
	g.ops = append(g.ops, o)
	g.session = nil
	return nil
}

// inputless are the operators that can do without inputs.
var inputless = map[string]bool{"Constant": true, "RandomNormal": true, "RandomUniform": true, "SequenceEmpty": true}

// Run computes the outputs of the model from the tensors of its inputs.
func (g *Graph) Run() error { return g.RunContext(context.Background()) }

// NewNode is a node that AddNode puts into the graph.
func (g *Graph) NewNode() gonum.Node { return &Node{id: int64(len(g.nodes)), g: g, op: -1} }

// AddNode puts a node of NewNode into the graph. As gonum asks, it panics when there is one of that number already.
func (g *Graph) AddNode(n gonum.Node) {
	own, ok := n.(*Node)
	if !ok || own.id != int64(len(g.nodes)) {
		panic(fmt.Sprintf("onnxgo: node %d is not the next node of this graph", n.ID()))
	}
	g.nodes = append(g.nodes, own)
}

// edge leads from an output of an operation to one of its inputs.
type edge struct {
	from, to gonum.Node
	weight   float64
}

func (e edge) From() gonum.Node         { return e.from }
func (e edge) To() gonum.Node           { return e.to }
func (e edge) Weight() float64          { return e.weight }
func (e edge) ReversedEdge() gonum.Edge { return edge{e.to, e.from, e.weight} }

// NewWeightedEdge is an edge from an output to the input whose position is the weight.
func (g *Graph) NewWeightedEdge(from, to gonum.Node, weight float64) gonum.WeightedEdge {
	return edge{from, to, weight}
}

// maxInputs bounds the position of an input.
const maxInputs = 1 << 20

// SetWeightedEdge makes e.To() the input of e.From() at the position e.Weight(). The same value may be there at several positions.
func (g *Graph) SetWeightedEdge(e gonum.WeightedEdge) {
	from, ok := e.From().(*Node)
	to, ok2 := e.To().(*Node)
	k := int(e.Weight())
	if !ok || !ok2 || k < 0 || k >= maxInputs {
		panic("onnxgo: an edge between nodes of another graph, or a weight that is no position")
	}
	g.edges[[2]int64{from.id, to.id}] = edge{from, to, e.Weight()}
	if from.name == "" { // shared by all operations, see ApplyOperation
		return
	}
	for len(from.in) <= k {
		from.in = append(from.in, nil)
	}
	from.in[k] = to
}

// Node is the node of that number, or nil.
func (g *Graph) Node(id int64) gonum.Node {
	if id < 0 || id >= int64(len(g.nodes)) {
		return nil
	}
	return g.nodes[id]
}

// Nodes are all nodes.
func (g *Graph) Nodes() gonum.Nodes {
	return g.pick(func(int64) bool { return true })
}

func (g *Graph) pick(want func(id int64) bool) gonum.Nodes {
	var list []gonum.Node
	for _, n := range g.nodes {
		if want(n.id) {
			list = append(list, n)
		}
	}
	if len(list) == 0 {
		return gonum.Empty
	}
	return iterator.NewOrderedNodes(list)
}

// From are the inputs of the operation that computes a node.
func (g *Graph) From(id int64) gonum.Nodes {
	return g.pick(func(to int64) bool { return g.HasEdgeFromTo(id, to) })
}

// To are the nodes computed from a node.
func (g *Graph) To(id int64) gonum.Nodes {
	return g.pick(func(from int64) bool { return g.HasEdgeFromTo(from, id) })
}

// HasEdgeBetween reports whether one of the nodes is computed from the other.
func (g *Graph) HasEdgeBetween(x, y int64) bool {
	return g.HasEdgeFromTo(x, y) || g.HasEdgeFromTo(y, x)
}

// HasEdgeFromTo reports whether u is computed from v.
func (g *Graph) HasEdgeFromTo(u, v int64) bool {
	_, ok := g.edges[[2]int64{u, v}]
	return ok
}

// Edge is the edge from u to v, or nil.
func (g *Graph) Edge(u, v int64) gonum.Edge {
	if e, ok := g.edges[[2]int64{u, v}]; ok {
		return e
	}
	return nil
}
