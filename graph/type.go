package graph

import (
	"strings"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Type is what is known of a value before it is computed. The zero Type says nothing.
type Type struct {
	DType  tensor.DType // element type, or Sequence, Optional, Map; Invalid when unknown
	Ranked bool         // whether Shape is known
	Shape  []Dim
	Elem   *Type        // of a Sequence or Optional: what it holds; of a Map: its values
	Key    tensor.DType // of a Map
}

// TensorType is the type of a tensor of known rank.
func TensorType(d tensor.DType, shape ...Dim) Type {
	return Type{DType: d, Ranked: true, Shape: shape}
}

// Unranked is the type of a tensor of which only the element type is known.
func Unranked(d tensor.DType) Type { return Type{DType: d} }

// TypeOf is the type of t.
func TypeOf(t *tensor.Tensor) Type {
	if t == nil {
		return Type{}
	}
	if t.DType().IsContainer() {
		typ := Type{DType: t.DType()}
		switch e := t.Elems(); {
		case t.DType() == tensor.Map:
			typ.Key = e[0].DType()
			typ.Elem = &Type{DType: e[1].DType()}
		case len(e) == 1:
			elem := TypeOf(e[0])
			typ.Elem = &elem
		case len(e) > 1:
			elem := Type{DType: e[0].DType()}
			typ.Elem = &elem
		}
		return typ
	}
	return TensorType(t.DType(), Dims(t.Shape()...)...)
}

// Dims are integer dimensions.
func Dims(shape ...int) []Dim {
	d := make([]Dim, len(shape))
	for i, n := range shape {
		d[i] = Size(n)
	}
	return d
}

// SeqOf is the type of a sequence of elem.
func SeqOf(elem Type) Type { return Type{DType: tensor.Sequence, Elem: &elem} }

// OptOf is the type of an optional elem.
func OptOf(elem Type) Type { return Type{DType: tensor.Optional, Elem: &elem} }

// Rank is the number of axes, or -1 when it is unknown.
func (t Type) Rank() int {
	if !t.Ranked {
		return -1
	}
	return len(t.Shape)
}

// IsZero reports whether nothing is known.
func (t Type) IsZero() bool { return t.DType == tensor.Invalid && !t.Ranked && t.Elem == nil }

// Static is the shape when every dimension is an integer.
func (t Type) Static() (tensor.Shape, bool) {
	if !t.Ranked {
		return nil, false
	}
	s := make(tensor.Shape, len(t.Shape))
	for i, d := range t.Shape {
		n, ok := d.Int()
		if !ok || n < 0 {
			return nil, false
		}
		s[i] = n
	}
	return s, true
}

// IsStatic reports whether every dimension is an integer.
func (t Type) IsStatic() bool {
	if !t.Ranked {
		return false
	}
	for _, d := range t.Shape {
		if d.e != nil || d.n < 0 {
			return false
		}
	}
	return true
}

// Equal reports whether both types surely describe the same values.
func (t Type) Equal(o Type) bool {
	if t.DType != o.DType || t.Ranked != o.Ranked || len(t.Shape) != len(o.Shape) || t.Key != o.Key || (t.Elem == nil) != (o.Elem == nil) {
		return false
	}
	for i, d := range t.Shape {
		if !d.Equal(o.Shape[i]) {
			return false
		}
	}
	return t.Elem == nil || t.Elem.Equal(*o.Elem)
}

// Unify is the type that describes the values of both t and o, as where two branches meet: dimensions that differ become unknown.
func (t Type) Unify(o Type) Type {
	if t.DType != o.DType {
		return Type{}
	}
	u := Type{DType: t.DType, Key: t.Key}
	if t.Ranked && o.Ranked && len(t.Shape) == len(o.Shape) {
		u.Ranked = true
		u.Shape = make([]Dim, len(t.Shape))
		for i, d := range t.Shape {
			if u.Shape[i] = d; !d.Equal(o.Shape[i]) {
				u.Shape[i] = Unknown()
			}
		}
	}
	if t.Elem != nil && o.Elem != nil {
		e := t.Elem.Unify(*o.Elem)
		u.Elem = &e
	} else if t.Elem != nil {
		u.Elem = t.Elem
	} else {
		u.Elem = o.Elem
	}
	return u
}

// String writes "f32[batch,3]", "f32[...]" without a rank, "seq(f32[?])", "?" when nothing is known.
func (t Type) String() string {
	switch {
	case t.DType == tensor.Invalid && !t.Ranked:
		return "?"
	case t.DType == tensor.Map:
		if t.Elem == nil {
			return "map"
		}
		return "map(" + t.Key.Short() + "," + t.Elem.String() + ")"
	case t.DType.IsContainer():
		if t.Elem == nil {
			return t.DType.Short()
		}
		return t.DType.Short() + "(" + t.Elem.String() + ")"
	}
	name := "?"
	if t.DType != tensor.Invalid {
		name = t.DType.Short()
	}
	if !t.Ranked {
		return name + "[...]"
	}
	return name + ShapeString(t.Shape)
}

// ShapeString writes dimensions as "[batch,3]".
func ShapeString(shape []Dim) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range shape {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(d.String())
	}
	b.WriteByte(']')
	return b.String()
}
