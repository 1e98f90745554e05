package graph

// GradNode calls the gradient rule of a node: out holds the gradients of its outputs (nil where there is none), the result those of its inputs, not yet
// summed over what was broadcast. What goes wrong in it, a panic too, is the builder's error.
func GradNode(b *Builder, n *Node, out []*Value) (in []*Value) {
	defer func() {
		if r := recover(); r != nil {
			b.Fail(Invalidf("the gradient rule failed: %v", r))
			in = nil
		}
	}()
	return n.Op.Grad(b, n, out)
}

// Wrap says of the builder's error at which node it happened.
func (b *Builder) Wrap(n *Node) {
	if b.err != nil {
		b.err = n.Wrap(b.err, nil)
	}
}

// OnesLike is a tensor of ones of the type of v.
func (b *Builder) OnesLike(v *Value) *Value { return b.filled(v, 1) }

// ZerosLike is a tensor of zeros of the type of v.
func (b *Builder) ZerosLike(v *Value) *Value { return b.filled(v, 0) }

func (b *Builder) filled(v *Value, x float64) *Value {
	if b.err != nil {
		return nil
	}
	one := b.Scalar(v.Type.DType, x)
	if v.Type.Ranked && len(v.Type.Shape) == 0 {
		return one
	}
	if s, ok := v.Type.Static(); ok {
		return b.Op("Expand", one, b.Ints(s...))
	}
	return b.Op("Expand", one, b.Op("Shape", v))
}

// SumTo undoes a broadcast: it sums grad over the axes along which a tensor of the type of like was repeated to the shape of grad. Every gradient of a
// broadcasting operator passes here and nowhere else.
func (b *Builder) SumTo(grad, like *Value) *Value {
	if b.err != nil || grad == nil {
		return nil
	}
	have, want := grad.Type, like.Type
	if have.Ranked && want.Ranked && have.Equal(want) {
		return grad
	}
	if axes, ok := repeatedAxes(have, want); ok {
		if len(axes) > 0 {
			grad = b.Op("ReduceSum", grad, b.Ints(axes...), Int("keepdims", 1))
		}
		if lead := len(have.Shape) - len(want.Shape); lead > 0 {
			grad = b.Op("Squeeze", grad, b.Ints(axes[:lead]...))
		}
		return grad
	}
	return b.Op("ai.onnxrun::SumTo", grad, b.Op("Shape", like))
}

// repeatedAxes are the axes of have along which want was repeated, when the types alone tell.
func repeatedAxes(have, want Type) ([]int, bool) {
	lead := len(have.Shape) - len(want.Shape)
	if !have.Ranked || !want.Ranked || lead < 0 {
		return nil, false
	}
	var axes []int
	for i := range lead {
		axes = append(axes, i)
	}
	for i, w := range want.Shape {
		h := have.Shape[lead+i]
		switch {
		case w.Equal(h):
		case w.Is(1):
			axes = append(axes, lead+i)
		case w.IsInt() && !h.Known(): // an extent above 1 is never repeated
		default:
			return nil, false
		}
	}
	return axes, true
}

// Name is a new output for the node n, of the type that inference gives it once it is among the node's outputs.
func (b *Builder) Name(n *Node) *Value { return &Value{Name: b.name(), Def: n} }

// Reinfer infers the types of a node's outputs anew.
func (b *Builder) Reinfer(n *Node) {
	if err := InferNode(b.reg, n); err != nil {
		b.Fail(err)
	}
}
