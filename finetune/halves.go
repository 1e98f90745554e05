package finetune

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/x448/float16"
)

// halves is what a file has in float16 or bfloat16, by names. A step of training is often less than such a number can hold, so the model is one of float32 while
// it is in memory, inputs and outputs too; Save writes halves again.
type halves struct {
	types  map[string]graph.Type // of inputs and results
	consts map[string]halfConst
	attrs  map[string]graph.Attr // of the node that computes a value: its name, a space, the attribute's
}

// halfConst is a constant as it was read, and in float32: while that is its value, the file's own is written.
type halfConst struct{ half, wide *tensor.Tensor }

// widen makes a graph of halves one of float32; nil when it has none.
func widen(g *graph.Graph) (*halves, error) {
	h := &halves{types: map[string]graph.Type{}, consts: map[string]halfConst{}, attrs: map[string]graph.Attr{}}
	if err := h.widen(g); err != nil {
		return nil, err
	}
	if len(h.types)+len(h.consts)+len(h.attrs) == 0 {
		return nil, nil
	}
	return h, nil
}

func (h *halves) widen(g *graph.Graph) error {
	for _, v := range g.Inputs {
		h.value(v)
	}
	for _, v := range g.Consts {
		if v.Const.DType().IsHalf() {
			wide, err := inFloat32(v.Const)
			if err != nil {
				return err
			}
			h.consts[v.Name] = halfConst{v.Const, wide}
			v.Const, v.Type = wide, graph.TypeOf(wide)
		}
	}
	for _, n := range g.Nodes {
		for _, v := range n.Out {
			h.value(v)
		}
		for i, a := range n.Attrs {
			wide, err := wideAttr(a)
			if err != nil {
				return n.Wrap(err, nil)
			}
			if key := attrKey(n, a.Name); wide != nil && key != "" {
				h.attrs[key], n.Attrs[i] = a, *wide
			}
		}
		var err error
		n.Subgraphs(func(s *graph.Graph) {
			if err == nil {
				err = h.widen(s)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *halves) value(v *graph.Value) {
	if v == nil {
		return
	}
	if t := wideType(v.Type); !t.Equal(v.Type) {
		h.types[v.Name], v.Type = v.Type, t
	}
}

// wideType is t with float32 in place of halves.
func wideType(t graph.Type) graph.Type {
	if t.DType.IsHalf() {
		t.DType = tensor.Float32
	}
	if t.Elem != nil {
		e := wideType(*t.Elem)
		t.Elem = &e
	}
	return t
}

// wideAttr is an attribute that makes halves with float32 in their place; nil for all others.
func wideAttr(a graph.Attr) (*graph.Attr, error) {
	switch x := a.Value.(type) {
	case int64:
		if (a.Name == "to" || a.Name == "dtype" || a.Name == "output_dtype") && tensor.DType(x).IsHalf() {
			return &graph.Attr{Name: a.Name, Value: int64(tensor.Float32)}, nil
		}
	case *tensor.Tensor:
		if x.DType().IsHalf() {
			wide, err := inFloat32(x)
			return &graph.Attr{Name: a.Name, Value: wide}, err
		}
	}
	return nil, nil
}

// attrKey names an attribute by the first result of its node; "" when there is none.
func attrKey(n *graph.Node, name string) string {
	for _, v := range n.Out {
		if v != nil {
			return v.Name + " " + name
		}
	}
	return ""
}

// feed is what the model takes for x: halves are widened with the rest of it.
func (m *Model) feed(x *tensor.Tensor) (*tensor.Tensor, error) {
	if m.halves == nil || !x.DType().IsHalf() {
		return x, nil
	}
	return inFloat32(x)
}

func inFloat32(t *tensor.Tensor) (*tensor.Tensor, error) {
	wide, err := tensor.New(tensor.Float32, t.Shape()...)
	if err != nil {
		return nil, err
	}
	for i, d := 0, tensor.Data[float32](wide); i < len(d); i++ {
		d[i] = float32(t.Float(i))
	}
	return wide, nil
}

// inHalves rounds a float32 tensor. A number that is too large is an error: as an infinity it would spoil the model in silence.
func inHalves(t *tensor.Tensor, d tensor.DType, name string) (*tensor.Tensor, error) {
	half, err := tensor.New(d, t.Shape()...)
	if err != nil {
		return nil, err
	}
	bits, x := half.Bytes(), tensor.Data[float32](t)
	for i, v := range x {
		b := tensor.BFloat16Bits(v)
		if d == tensor.Float16 {
			b = float16.Fromfloat32(v).Bits()
		}
		bits[2*i], bits[2*i+1] = byte(b), byte(b>>8)
		if !math.IsInf(float64(v), 0) && math.IsInf(half.Float(i), 0) {
			return nil, graph.Typef("parameter %q has become %g, too large for the %s of the file", name, v, d)
		}
	}
	return half, nil
}
