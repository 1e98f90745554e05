package onnxgo

import (
	"context"
	"fmt"
	"slices"

	theirtensor "gorgonia.org/tensor"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/gorgonia"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// RunContext is [Graph.Run] that stops when ctx is done.
func (g *Graph) RunContext(ctx context.Context) error {
	if g.session == nil {
		if err := g.compile(); err != nil {
			return err
		}
	}
	in := make([]*tensor.Tensor, len(g.inputs))
	for i, n := range g.inputs {
		d, ok := n.value.(*theirtensor.Dense)
		if !ok {
			return fmt.Errorf("input %q has no tensor", n.name)
		}
		var err error
		if in[i], err = gorgonia.From(d); err == nil {
			in[i], err = n.converted(in[i])
		}
		if err != nil {
			return fmt.Errorf("input %q: %w", n.name, err)
		}
	}
	out := make([]*tensor.Tensor, len(g.outputs))
	if err := g.session.RunInto(ctx, in, out); err != nil {
		return err
	}
	for i, n := range g.outputs {
		t := out[i]
		if t.Rank() == 0 && !t.DType().IsContainer() { // onnx-go's own cases have scalars as vectors of one element
			t, _ = t.Reshape(1)
		}
		d, err := gorgonia.To(t)
		if err != nil {
			return fmt.Errorf("output %q: %w", n.name, err)
		}
		n.value = d
	}
	return nil
}

// compile makes a session for the model as it is known now.
func (g *Graph) compile() error {
	src := g.source
	if src == nil {
		var err error
		if src, err = g.build(); err != nil {
			return err
		}
	}
	s, err := runtime.Compile(src, runtime.WithLimits(g.limits))
	if err != nil {
		return err
	}
	g.session = s
	return nil
}

// build turns the operations into a graph. What no operation computes is a constant, unless its value was set after the operations.
func (g *Graph) build() (*graph.Graph, error) {
	out := &graph.Graph{Opsets: map[string]int{"": g.opset}}
	values := make([]*graph.Value, len(g.nodes))
	g.inputs, g.outputs = nil, nil
	read := make([]bool, len(g.nodes))
	for _, o := range g.ops {
		for _, n := range o.in {
			if n != nil {
				read[n.id] = true
			}
		}
	}
	for _, n := range g.nodes {
		v := &graph.Value{Name: n.name}
		values[n.id] = v
		if n.op >= 0 || !read[n.id] {
			continue
		}
		d, ok := n.value.(*theirtensor.Dense)
		if !ok {
			return nil, fmt.Errorf("value %q has no tensor: set it before Run", n.name)
		}
		t, err := gorgonia.From(d)
		if err == nil {
			t, err = n.converted(t)
		}
		if err != nil {
			return nil, fmt.Errorf("value %q: %w", n.name, err)
		}
		if !n.set {
			v.Const, v.Type = t, graph.TypeOf(t)
			out.Consts = append(out.Consts, v)
			continue
		}
		v.Type = graph.TensorType(t.DType(), anySizes(n, t.Rank())...)
		out.Inputs = append(out.Inputs, v)
		g.inputs = append(g.inputs, n)
	}
	for _, o := range g.ops {
		node, err := g.node(o, values)
		if err != nil {
			return nil, err
		}
		out.Nodes = append(out.Nodes, node)
		for _, n := range o.out {
			if n != nil && (!read[n.id] || n.wanted) {
				out.Outputs = append(out.Outputs, values[n.id])
				g.outputs = append(g.outputs, n)
			}
		}
	}
	return out, nil
}

// converted is t with the element type that the model declares for the value, if that holds all of its numbers: programs often have
// float32 where the model wants integers.
func (n *Node) converted(t *tensor.Tensor) (*tensor.Tensor, error) {
	d := n.declared
	if d == tensor.Invalid || d == t.DType() || d == tensor.String || t.DType() == tensor.String || t.DType().IsComplex() || d.IsComplex() {
		return t, nil
	}
	v := make([]float64, t.Len())
	for i := range v {
		v[i] = t.Float(i)
	}
	c, err := tensor.FromFloats(d, v, t.Shape()...)
	if err != nil {
		return nil, err
	}
	for i, x := range v {
		if y := c.Float(i); y != x && (x == x || y == y) {
			return nil, fmt.Errorf("element %d, %v, is no %s, which the model declares: %w", i, x, d, tensor.ErrType)
		}
	}
	return c, nil
}

// anySizes are symbols for the extents of an input, so that one session serves all of its shapes.
func anySizes(n *Node, rank int) []graph.Dim {
	dims := make([]graph.Dim, rank)
	for i := range dims {
		dims[i] = graph.Sym(fmt.Sprintf("%s.%d", n.name, i))
	}
	return dims
}

func (g *Graph) node(o operation, values []*graph.Value) (*graph.Node, error) {
	n := &graph.Node{}
	for _, x := range o.in {
		if x == nil {
			n.In = append(n.In, nil)
		} else {
			n.In = append(n.In, values[x.id])
		}
	}
	for len(n.In) > 0 && n.In[len(n.In)-1] == nil {
		n.In = n.In[:len(n.In)-1]
	}
	for _, x := range o.out {
		if x == nil {
			n.Out = append(n.Out, nil)
			continue
		}
		v := values[x.id]
		v.Def = n
		n.Out = append(n.Out, v)
		if n.Name == "" {
			n.Name = x.name
		}
	}
	names := make([]string, 0, len(o.Attributes))
	for name := range o.Attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		v, err := attribute(o.Attributes[name])
		if err != nil {
			return nil, fmt.Errorf("operation %s, attribute %s: %w", o.Name, name, err)
		}
		if v != nil {
			n.Attrs = append(n.Attrs, graph.Attr{Name: name, Value: v})
		}
	}
	n.Op = fitting(o.Name, g.opset, n)
	return n, nil
}

// attribute is an attribute of theirs as one of ours, nil for one without a type.
func attribute(v any) (any, error) {
	switch v := v.(type) {
	case float32, int64, string, []float32, []int64, []string:
		return v, nil
	case struct{}:
		return nil, nil
	case *theirtensor.Dense:
		return gorgonia.From(v)
	}
	return nil, fmt.Errorf("of type %T", v)
}

// definition is an operator by its name alone: of the standard, else of the other domains.
func definition(name string, version int) *graph.Op {
	reg := ops.Registry()
	if o := reg.Lookup("", name, version); o != nil {
		return o
	}
	if o := reg.Oldest("", name); o != nil { // younger than the version
		return o
	}
	for _, domain := range []string{"ai.onnx.ml", "com.microsoft"} {
		if o := reg.Lookup(domain, name, 0); o != nil {
			return o
		}
	}
	return nil
}

// newestOpset is the version up to which fitting looks.
const newestOpset = 64

// fitting is the definition of an operator at a version, or at the nearest other one if the node's inputs or attributes do not fit that.
func fitting(name string, version int, n *graph.Node) *graph.Op {
	first := definition(name, version)
	if fits(first, n) {
		return first
	}
	for d := 1; d <= newestOpset; d++ {
		for _, v := range []int{version + d, version - d} {
			if o := ops.Registry().Lookup(first.Domain, name, max(v, 1)); o != nil && fits(o, n) {
				return o
			}
		}
	}
	return first
}

func fits(o *graph.Op, n *graph.Node) bool {
	sig := o.Signature()
	for _, a := range n.Attrs {
		if !o.Has(a.Name) {
			return false
		}
	}
	for _, a := range sig.Attrs {
		if a.Required && !n.HasAttr(a.Name) {
			return false
		}
	}
	for i, p := range sig.In {
		if !p.Optional && !p.Variadic && !n.Has(i) {
			return false
		}
	}
	return len(n.In) <= len(sig.In) || len(sig.In) > 0 && sig.In[len(sig.In)-1].Variadic
}
