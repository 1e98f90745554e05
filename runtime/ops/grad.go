package ops

import "github.com/onnxrun/onnxrun/graph"

// rule is a gradient rule at work on one node: it builds formulas of the node's inputs x(i), its outputs y(i) and their gradients g(i). Rules ignore
// broadcasting: whoever calls them sums over it.
type rule struct {
	*graph.Builder
	n   *graph.Node
	out []*graph.Value
}

// by is a rule as the Grad of an operator: the gradients of the inputs, nil where there is none.
func by(formula func(r rule) []*graph.Value) func(*graph.Builder, *graph.Node, []*graph.Value) []*graph.Value {
	return func(b *graph.Builder, n *graph.Node, out []*graph.Value) []*graph.Value {
		return formula(rule{b, n, out})
	}
}

// by1 is by for operators with one differentiable input, the first.
func by1(formula func(r rule) *graph.Value) func(*graph.Builder, *graph.Node, []*graph.Value) []*graph.Value {
	return by(func(r rule) []*graph.Value { return []*graph.Value{formula(r)} })
}

// grad gives an operator, and those older versions that compute as it does, a rule.
func grad(f []*graph.Op, formula func(r rule) []*graph.Value) []*graph.Op {
	g := by(formula)
	f[0].Grad = g
	for _, o := range f[1:] {
		if o.SameAs == nil {
			break
		}
		o.Grad = g
	}
	return f
}

// grad1 is grad for operators with one differentiable input, the first.
func grad1(f []*graph.Op, formula func(r rule) *graph.Value) []*graph.Op {
	return grad(f, func(r rule) []*graph.Value { return []*graph.Value{formula(r)} })
}

// flat is grad for operators whose derivative is zero wherever there is one.
func flat(f []*graph.Op) []*graph.Op {
	return grad(f, func(rule) []*graph.Value { return nil })
}

func (r rule) x(i int) *graph.Value { return r.n.In[i] }

// input is x(i), or nil when the optional input is absent.
func (r rule) input(i int) *graph.Value {
	if !r.n.Has(i) {
		return nil
	}
	return r.n.In[i]
}

func (r rule) y(i int) *graph.Value { return r.n.Out[i] }

// g is the gradient of output i, which is there: of operators with one output, and elsewhere after has.
func (r rule) g(i int) *graph.Value { return r.out[i] }

// has reports whether output i has a gradient.
func (r rule) has(i int) bool { return i < len(r.out) && r.out[i] != nil }

func (r rule) mul(a, b *graph.Value) *graph.Value { return r.Op("Mul", a, b) }
func (r rule) add(a, b *graph.Value) *graph.Value { return r.Op("Add", a, b) }
func (r rule) sub(a, b *graph.Value) *graph.Value { return r.Op("Sub", a, b) }
func (r rule) div(a, b *graph.Value) *graph.Value { return r.Op("Div", a, b) }
func (r rule) neg(a *graph.Value) *graph.Value    { return r.Op("Neg", a) }

// num is the number v in the type of input 0.
func (r rule) num(v float64) *graph.Value { return r.Scalar(r.n.In[0].Type.DType, v) }

// attr is a number among the node's attributes.
func (r rule) attr(name string) *graph.Value { return r.num(float64(r.n.Float(name))) }

// square is a².
func (r rule) square(a *graph.Value) *graph.Value { return r.mul(a, a) }

// where is a where the condition holds, else b.
func (r rule) where(cond, a, b *graph.Value) *graph.Value { return r.Op("Where", cond, a, b) }

// when is g where the condition holds, else zero.
func (r rule) when(cond, g *graph.Value) *graph.Value { return r.where(cond, g, r.num(0)) }

func (r rule) less(a, b *graph.Value) *graph.Value    { return r.Op("Less", a, b) }
func (r rule) greater(a, b *graph.Value) *graph.Value { return r.Op("Greater", a, b) }

// like gives g the shape of v.
func (r rule) like(g, v *graph.Value) *graph.Value {
	return r.Op("Reshape", g, r.shape(v), graph.Int("allowzero", 1))
}

// shape is the shape of v, as a constant where it is known.
func (r rule) shape(v *graph.Value) *graph.Value {
	if s, ok := v.Type.Static(); ok {
		return r.Ints(s...)
	}
	return r.Op("Shape", v)
}

// rank is the rank of v; it must be known.
func (r rule) rank(v *graph.Value) int {
	if !v.Type.Ranked {
		r.Fail(graph.Unsupportedf("the gradient of %s needs the rank of %q", r.n.Op, v.Name))
		return 0
	}
	return len(v.Type.Shape)
}

// empty reports whether v is known to have no elements.
func (r rule) empty(v *graph.Value) bool {
	s, ok := v.Type.Static()
	return ok && s.Elems() == 0
}

// want is output i of the node, which the forward pass computes from now on if it did not before.
func (r rule) want(i int) *graph.Value {
	for len(r.n.Out) <= i {
		r.n.Out = append(r.n.Out, nil)
	}
	if r.n.Out[i] == nil {
		r.n.Out[i] = r.Name(r.n)
		r.Reinfer(r.n)
	}
	return r.n.Out[i]
}
