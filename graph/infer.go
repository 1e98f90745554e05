package graph

import (
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Info is what is known of a value at one moment: before compilation, for one set of sizes, or during a run.
type Info struct {
	Type  Type
	Ints  []Dim          // elements of a small integer tensor (rank 0 or 1), possibly symbolic
	Const *tensor.Tensor // the value itself
}

// Infer is what an operator's Infer sees: types, known integers and known values of its inputs. It sets the types of the outputs.
// What it does not set stays unknown; it returns an error for inputs that the operator can never accept.
type Infer struct {
	Node *Node
	In   []Info
	Out  []Info
	// Sub infers the types in a graph that is an attribute of the node, given those of its inputs, and returns those of its outputs.
	Sub func(g *Graph, in []Info) ([]Info, error)
}

// Has reports whether input i is there.
func (c *Infer) Has(i int) bool { return c.Node.Has(i) }

// Type is the type of input i, the zero Type when it is absent.
func (c *Infer) Type(i int) Type {
	if !c.Has(i) || i >= len(c.In) {
		return Type{}
	}
	return c.In[i].Type
}

// DType is the element type of input i.
func (c *Infer) DType(i int) tensor.DType { return c.Type(i).DType }

// Shape is the shape of input i and whether its rank is known.
func (c *Infer) Shape(i int) ([]Dim, bool) {
	t := c.Type(i)
	return t.Shape, t.Ranked
}

// Const is the value of input i when it is known, or nil.
func (c *Infer) Const(i int) *tensor.Tensor {
	if !c.Has(i) || i >= len(c.In) {
		return nil
	}
	return c.In[i].Const
}

// Ints are the elements of the integer input i, when they are known, if only as symbols.
func (c *Infer) Ints(i int) ([]Dim, bool) {
	if t := c.Const(i); t != nil {
		return tensorInts(t)
	}
	if !c.Has(i) || i >= len(c.In) || c.In[i].Ints == nil {
		return nil, false
	}
	return c.In[i].Ints, true
}

// ConstInts are the elements of the integer input i when all are known integers.
func (c *Infer) ConstInts(i int) ([]int, bool) {
	d, ok := c.Ints(i)
	if !ok {
		return nil, false
	}
	out := make([]int, len(d))
	for k, v := range d {
		if out[k], ok = v.Int(); !ok {
			return nil, false
		}
	}
	return out, true
}

// maxInts bounds the tensors whose elements inference follows: shapes, axes, pads.
const maxInts = 64

func tensorInts(t *tensor.Tensor) ([]Dim, bool) {
	if t.Len() > 4096 {
		return nil, false
	}
	out := make([]Dim, t.Len())
	switch t.DType() {
	case tensor.Int64:
		for i, v := range tensor.Data[int64](t) {
			out[i] = Dim{n: v}
		}
	case tensor.Int32:
		for i, v := range tensor.Data[int32](t) {
			out[i] = Dim{n: int64(v)}
		}
	default:
		return nil, false
	}
	return out, true
}

// Set sets the type of output i, if somebody wants it.
func (c *Infer) Set(i int, t Type) {
	if i < len(c.Out) {
		c.Out[i].Type = t
	}
}

// SetTensor sets the type of output i to a tensor of known rank.
func (c *Infer) SetTensor(i int, d tensor.DType, shape ...Dim) { c.Set(i, TensorType(d, shape...)) }

// SetInts sets the known elements of output i, an integer tensor of rank 0 or 1.
func (c *Infer) SetInts(i int, v []Dim) {
	if i < len(c.Out) && len(v) <= maxInts {
		c.Out[i].Ints = v
	}
}

// Same gives output 0 the type of input 0: the Infer of elementwise operators with one input.
func Same(c *Infer) error {
	c.Set(0, c.Type(0))
	return nil
}

// Axis brings an axis given as -rank … rank-1 into 0 … rank-1.
func Axis(axis, rank int) (int, error) {
	if axis < -rank || axis >= rank {
		return 0, Shapef("axis %d is outside of -%d … %d", axis, rank, rank-1)
	}
	if axis < 0 {
		axis += rank
	}
	return axis, nil
}

// Broadcast is the shape of an elementwise operation on tensors of shapes a and b, aligned at the last axis, where an extent of 1
// is repeated (https://onnx.ai/onnx/repo-docs/Broadcasting.html).
func Broadcast(a, b []Dim) ([]Dim, error) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := make([]Dim, len(a))
	copy(out, a)
	off := len(a) - len(b)
	for i, y := range b {
		x := a[off+i]
		switch {
		case x.Is(1) || x.Equal(y):
			out[off+i] = y
		case y.Is(1):
		case x.IsInt() && y.IsInt():
			return nil, Shapef("%s and %s do not broadcast", ShapeString(a), ShapeString(b))
		case x.IsInt(): // a symbol against an integer above 1 can only be 1 or that integer
		case y.IsInt():
			out[off+i] = y
		case x.caps(y):
			out[off+i] = y
		case y.caps(x):
		default:
			out[off+i] = Unknown()
		}
	}
	return out, nil
}

// BroadcastShapes is Broadcast for shapes known in full.
func BroadcastShapes(shapes ...tensor.Shape) (tensor.Shape, error) {
	rank := 0
	for _, s := range shapes {
		rank = max(rank, len(s))
	}
	out := make(tensor.Shape, rank)
	for i := range out {
		out[i] = 1
	}
	for _, s := range shapes {
		off := rank - len(s)
		for i, d := range s {
			switch {
			case d == out[off+i] || d == 1:
			case out[off+i] == 1:
				out[off+i] = d
			default:
				return nil, Shapef("shapes %v do not broadcast", shapes)
			}
		}
	}
	return out, nil
}
