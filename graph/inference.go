package graph

import (
	"errors"
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// info is what the graph itself says of a value.
func (v *Value) info() Info {
	if v.Const != nil {
		return Info{Type: TypeOf(v.Const), Const: v.Const}
	}
	return Info{Type: v.Type, Ints: v.Ints}
}

// InferNode sets the types of a node's outputs from those of its inputs. Outputs of which inference finds nothing keep the
// types they have, which come from the model file.
func InferNode(reg *Registry, n *Node) error {
	in := make([]Info, len(n.In))
	for i, v := range n.In {
		if v != nil {
			in[i] = v.info()
		}
	}
	out, err := InferOutputs(reg, n, in, func(g *Graph, in []Info) ([]Info, error) { return inferSub(reg, g, in) })
	if err != nil {
		return err
	}
	for i, v := range n.Out {
		if v == nil || i >= len(out) {
			continue
		}
		if !out[i].Type.IsZero() {
			v.Type = refine(out[i].Type, v.Type)
		}
		v.Ints = out[i].Ints
	}
	return nil
}

// refine fills what inference left open by what the file declares, if both agree otherwise.
func refine(t, declared Type) Type {
	if t.DType == tensor.Invalid {
		t.DType = declared.DType
	}
	if t.DType != declared.DType || t.DType.IsContainer() || !declared.Ranked {
		return t
	}
	if !t.Ranked {
		return declared
	}
	if len(t.Shape) != len(declared.Shape) {
		return t
	}
	out := t
	out.Shape = make([]Dim, len(t.Shape))
	for i, d := range t.Shape {
		if out.Shape[i] = d; !d.Known() {
			out.Shape[i] = declared.Shape[i]
		}
	}
	return out
}

// InferOutputs is what a node's operator says of the outputs, given what is known of the inputs. sub infers graphs that are attributes.
func InferOutputs(reg *Registry, n *Node, in []Info, sub func(*Graph, []Info) ([]Info, error)) (out []Info, err error) {
	defer func() {
		if r := recover(); r != nil { // a model must not be able to end the process through a rule that trusts it
			out, err = nil, n.Wrap(Invalidf("inference failed: %v", r), nil)
		}
	}()
	out = make([]Info, len(n.Out))
	switch {
	case n.Op.Infer != nil:
		c := Infer{Node: n, In: in, Out: out, Sub: sub}
		if err := n.Op.Infer(&c); err != nil {
			types := make([]Type, len(in))
			for i := range in {
				types[i] = in[i].Type
			}
			return nil, n.Wrap(err, types)
		}
	case n.Op.Expand != nil:
		b := NewBuilder(reg, nil)
		call := *n
		call.In = make([]*Value, len(n.In))
		for i, v := range n.In {
			if v != nil {
				call.In[i] = &Value{Name: fmt.Sprintf("in_%d", i), Type: in[i].Type, Ints: in[i].Ints, Const: in[i].Const}
			}
		}
		res := ExpandNode(b, &call)
		if errors.Is(b.Err(), ErrUnsupported) && unknown(call.In) {
			return out, nil // an expansion that asks for a type, of what a branch or a loop will give
		}
		if b.Err() != nil {
			return nil, n.Wrap(b.Err(), nil)
		}
		for i := range out {
			if i < len(res) && res[i] != nil {
				out[i] = res[i].info()
			}
		}
	}
	return out, nil
}

// unknown reports whether the element type of a value is not known.
func unknown(list []*Value) bool {
	return slices.ContainsFunc(list, func(v *Value) bool { return v != nil && v.Type.DType == tensor.Invalid })
}

func inferSub(reg *Registry, g *Graph, in []Info) ([]Info, error) {
	for i, v := range g.Inputs {
		if i < len(in) && !in[i].Type.IsZero() {
			v.Type = in[i].Type
		}
	}
	if err := InferGraph(reg, g); err != nil {
		return nil, err
	}
	out := make([]Info, len(g.Outputs))
	for i, v := range g.Outputs {
		out[i] = v.info()
	}
	return out, nil
}

// InferGraph sets the types of all values that nodes compute.
func InferGraph(reg *Registry, g *Graph) error {
	for _, n := range g.Nodes {
		if err := InferNode(reg, n); err != nil {
			return err
		}
	}
	return nil
}

// ExpandNode calls the Expand of a node's operator. What goes wrong in it, a panic too, is the builder's error.
func ExpandNode(b *Builder, n *Node) (out []*Value) {
	defer func() {
		if r := recover(); r != nil {
			b.Fail(Invalidf("expansion failed: %v", r))
			out = nil
		}
	}()
	return n.Op.Expand(b, n)
}
