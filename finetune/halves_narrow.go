package finetune

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// narrow gives a copy of the graph the halves that the file had. What was added since, adapters and heads, takes the type of what it is combined with: constants are
// rounded, other values converted.
func (h *halves) narrow(reg *graph.Registry, g *graph.Graph) error {
	if h == nil {
		return nil
	}
	if err := h.restore(g); err != nil {
		return err
	}
	b := graph.NewBuilder(reg, g)
	b.Reserve()
	nodes := g.Nodes
	g.Nodes = make([]*graph.Node, 0, len(nodes))
	for _, n := range nodes {
		if err := h.agree(b, n); err != nil {
			return err
		}
		if err := graph.InferNode(reg, n); err != nil {
			return n.Wrap(err, nil)
		}
		g.Nodes = append(g.Nodes, n)
	}
	for i, v := range g.Outputs {
		if want, was := h.types[v.Name]; was && want.DType != v.Type.DType && v.Def != nil {
			out := &graph.Value{Name: v.Name, Origin: v.Origin}
			v.Name, v.Origin = b.Value(v.Type).Name, nil
			castTo(b, v, want.DType, out)
			g.Outputs[i] = out
		}
	}
	if err := b.Err(); err != nil {
		return err
	}
	return graph.Verify(g)
}

// restore brings back types, constants and attributes by their names.
func (h *halves) restore(g *graph.Graph) error {
	restored := func(v *graph.Value) {
		if v == nil {
			return
		}
		if t, ok := h.types[v.Name]; ok {
			v.Type = t
		}
	}
	for _, v := range g.Inputs {
		restored(v)
	}
	for _, v := range g.Consts {
		if _, ok := h.consts[v.Name]; !ok {
			continue
		}
		half, err := h.constant(v.Name, v.Const)
		if err != nil {
			return err
		}
		v.Const, v.Type = half, graph.TypeOf(half)
	}
	for _, n := range g.Nodes {
		for _, v := range n.Out {
			restored(v)
		}
		for i, a := range n.Attrs {
			if was, ok := h.attrs[attrKey(n, a.Name)]; ok {
				n.Attrs[i] = was
			}
			if t, ok := a.Value.(*tensor.Tensor); ok && n.Op.Name == "Constant" && h.consts[n.Out[0].Name].half != nil { // a weight that the file has as a node
				half, err := h.constant(n.Out[0].Name, t)
				if err != nil {
					return err
				}
				n.Attrs[i] = graph.TensorAttr(a.Name, half)
			}
		}
		var err error
		n.Subgraphs(func(s *graph.Graph) {
			if err == nil {
				err = h.restore(s)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// constant is the value t of a constant of that name as the file has it.
func (h *halves) constant(name string, t *tensor.Tensor) (*tensor.Tensor, error) {
	c := h.consts[name]
	if t == c.wide {
		return c.half, nil
	}
	return inHalves(t, c.half.DType(), name)
}

// agree brings the inputs of a node that must have one type, but are halves and float32 now, to the type of the halves.
func (h *halves) agree(b *graph.Builder, n *graph.Node) error {
	sig := n.Op.Signature()
	if sig == nil {
		return nil
	}
	half := map[string]tensor.DType{} // by type variable
	each := func(f func(i int, v *graph.Value, typ string)) {
		for i, v := range n.In {
			if p := sig.In[min(i, len(sig.In)-1)]; v != nil && !p.Mixed {
				f(i, v, p.Type)
			}
		}
	}
	each(func(_ int, v *graph.Value, typ string) {
		if v.Type.DType.IsHalf() {
			half[typ] = v.Type.DType
		}
	})
	var err error
	each(func(i int, v *graph.Value, typ string) {
		d := half[typ]
		if err != nil || d == tensor.Invalid || v.Type.DType != tensor.Float32 {
			return
		}
		if _, result := h.types[v.Name]; v.Const != nil && (v.Origin == nil || result) { // new, or what an Identity gave
			if v.Const, err = inHalves(v.Const, d, v.Name); err == nil {
				v.Type = graph.TypeOf(v.Const)
			}
			return
		}
		n.In[i] = castTo(b, v, d, b.Value(graph.Type{}))
	})
	return err
}

// castTo appends the conversion of v to out.
func castTo(b *graph.Builder, v *graph.Value, d tensor.DType, out *graph.Value) *graph.Value {
	op := b.Registry().Lookup("", "Cast", b.Graph.Opsets[""])
	b.Append(&graph.Node{Op: op, In: []*graph.Value{v}, Attrs: []graph.Attr{graph.Int("to", int(d))}}, out)
	return out
}
