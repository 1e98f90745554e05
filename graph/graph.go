// Package graph is the intermediate representation that models are imported into, optimised in, run from,
// differentiated and exported from. Its nouns are [Graph], [Value], [Node], [Op] and [Builder].
package graph

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Graph computes Outputs from Inputs by Nodes, which stand in an order in which they can run.
// The nodes of a graph inside a node (a branch of If, a body of Loop) may also read values of the graphs around it.
type Graph struct {
	Name      string
	Inputs    []*Value
	Outputs   []*Value
	Nodes     []*Node
	Consts    []*Value       // the values with Const set, in the order of the file
	Carry     []Carry        // state that goes from one run to the next
	Opsets    map[string]int // version of each operator domain ("" is ai.onnx); graphs inside nodes share the model's
	Functions []*Function    // a model's own functions
	Origin    any            // what an importer keeps to write the same file again
}

// Carry pairs a graph input with the output that feeds it on the next run: trainable parameters, optimizer moments,
// caches of keys and values, recurrent state, running statistics.
type Carry struct{ In, Out *Value }

// Value is an edge: an input of the graph, a constant, or an output of one node.
type Value struct {
	Name   string
	Type   Type
	Const  *tensor.Tensor // the value, when it never changes
	Ints   []Dim          // the elements of a small integer tensor, when they are known before the run
	Def    *Node          // the node that computes it, nil for inputs and constants
	Origin any            // see Graph.Origin
}

// Node is one application of an operator.
type Node struct {
	Name     string
	Op       *Op
	In       []*Value // nil for an optional input that is absent
	Out      []*Value // nil for an optional output that nobody wants
	Attrs    []Attr
	Overload string // which of a model's functions of the same name it calls; nearly always ""
	Origin   any    // see Graph.Origin
	shared   any    // see Shared
}

// Function is an operator that a model defines by a graph of its own.
type Function struct {
	Domain, Name, Overload string
	Attrs                  []Attr // names, with defaults; Value is nil for those that a call must give
	Body                   *Graph // its Opsets are the function's own
	Origin                 any
}

// Attr is a named constant of a node. Value is one of int64, float32, string, []int64, []float32, []string,
// *tensor.Tensor, []*tensor.Tensor, *Graph, []*Graph, Type, []Type. Inside a function's body, Ref may name
// an attribute of the function that gives the value.
type Attr struct {
	Name   string
	Value  any
	Ref    string
	Origin any
}

// Attr is the node's attribute of that name, or the default that its operator defines, or nil.
func (n *Node) Attr(name string) any {
	for i := range n.Attrs {
		if n.Attrs[i].Name == name {
			return n.Attrs[i].Value
		}
	}
	return n.Op.Default(name)
}

// HasAttr reports whether the node itself, not its operator's definition, has the attribute.
func (n *Node) HasAttr(name string) bool {
	return slices.ContainsFunc(n.Attrs, func(a Attr) bool { return a.Name == name })
}

// Int is an integer attribute, or its default, or 0.
func (n *Node) Int(name string) int {
	v, _ := n.Attr(name).(int64)
	return int(v)
}

// Bool is an integer attribute that stands for a truth value.
func (n *Node) Bool(name string) bool { return n.Int(name) != 0 }

// Float is a number attribute, or its default, or 0.
func (n *Node) Float(name string) float32 {
	v, _ := n.Attr(name).(float32)
	return v
}

// Str is a string attribute, or its default, or "".
func (n *Node) Str(name string) string {
	v, _ := n.Attr(name).(string)
	return v
}

// Ints is an attribute of integers, or its default, or nil. The caller must not change it.
func (n *Node) Ints(name string) []int64 {
	v, _ := n.Attr(name).([]int64)
	return v
}

// Floats is an attribute of numbers, or its default, or nil.
func (n *Node) Floats(name string) []float32 {
	v, _ := n.Attr(name).([]float32)
	return v
}

// Strs is an attribute of strings, or its default, or nil.
func (n *Node) Strs(name string) []string {
	v, _ := n.Attr(name).([]string)
	return v
}

// Tensor is a tensor attribute, or nil.
func (n *Node) Tensor(name string) *tensor.Tensor {
	v, _ := n.Attr(name).(*tensor.Tensor)
	return v
}

// Graph is a graph attribute, or nil.
func (n *Node) Graph(name string) *Graph {
	v, _ := n.Attr(name).(*Graph)
	return v
}

// Has reports whether the optional input i is there.
func (n *Node) Has(i int) bool { return i < len(n.In) && n.In[i] != nil }

// Wants reports whether somebody reads output i.
func (n *Node) Wants(i int) bool { return i < len(n.Out) && n.Out[i] != nil }

// Subgraphs calls f for every graph among the node's attributes.
func (n *Node) Subgraphs(f func(*Graph)) {
	for _, a := range n.Attrs {
		switch v := a.Value.(type) {
		case *Graph:
			f(v)
		case []*Graph:
			for _, g := range v {
				f(g)
			}
		}
	}
}

// HasSubgraphs reports whether a graph is among the node's attributes.
func (n *Node) HasSubgraphs() bool {
	has := false
	n.Subgraphs(func(*Graph) { has = true })
	return has
}

// Walk calls f for every node of g and of the graphs inside its nodes, outer nodes first, until f returns false.
func (g *Graph) Walk(f func(*Graph, *Node) bool) bool {
	for _, n := range g.Nodes {
		if !f(g, n) {
			return false
		}
		ok := true
		n.Subgraphs(func(s *Graph) { ok = ok && s.Walk(f) })
		if !ok {
			return false
		}
	}
	return true
}

// Captures are the values of outer graphs that g and the graphs inside it read, each once, in the order of first use.
func (g *Graph) Captures() []*Value {
	var out []*Value
	inner := map[*Value]bool{}
	seen := map[*Value]bool{}
	var visit func(*Graph)
	visit = func(g *Graph) {
		for _, v := range g.Inputs {
			inner[v] = true
		}
		for _, v := range g.Consts {
			inner[v] = true
		}
		read := func(v *Value) {
			if v != nil && !inner[v] && !seen[v] {
				seen[v] = true
				out = append(out, v)
			}
		}
		for _, n := range g.Nodes {
			for _, v := range n.In {
				read(v)
			}
			n.Subgraphs(visit)
			for _, v := range n.Out {
				inner[v] = true
			}
		}
		for _, v := range g.Outputs {
			read(v)
		}
	}
	visit(g)
	return out
}
