package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// flowTypes are the types of values that go through graphs inside nodes, at a version of the standard.
func flowTypes(version int) string {
	m := movable(version)
	switch {
	case version < 13:
		return m
	case version < 16:
		return oldTensors + " seq(" + oldTensors + ")"
	}
	return m + " seq(" + m + ") opt(" + m + ") opt(seq(tensor))"
}

// flowOps are older versions of an operator that differ in the types of its variable V alone.
func flowOps(versions ...int) []*graph.Op {
	out := make([]*graph.Op, len(versions))
	for i, n := range versions {
		out[i] = &graph.Op{Since: n, Sig: "V = " + flowTypes(n)}
	}
	return out
}

// If computes one of two graphs, which read what they need from the graphs around them.
var ifOp = family(
	&graph.Op{
		Name: "If", Since: 25,
		Sig: `(cond:B) -> (outputs**:V)
			B = bool; V = ` + flowTypes(25) + `
			then_branch graph!; else_branch graph!`,
		Infer: inferIf, Run: runIf,
	},
	flowOps(24, 23, 21, 19, 16, 13, 11, 1)...,
)

func inferIf(c *graph.Infer) error {
	yes, no := c.Node.Graph("then_branch"), c.Node.Graph("else_branch")
	if yes == nil || no == nil {
		return graph.Invalidf("if without both branches")
	}
	if n := len(c.Node.Out); len(yes.Outputs) < n || len(no.Outputs) < n || len(yes.Outputs) != len(no.Outputs) {
		return graph.Invalidf("branches of %d and %d outputs for %d", len(yes.Outputs), len(no.Outputs), n)
	}
	if err := needCondition(c, 0); err != nil || c.Sub == nil {
		return err
	}
	a, err1 := c.Sub(yes, nil)
	b, err2 := c.Sub(no, nil)
	switch {
	case err1 != nil && err2 != nil:
		return err1
	case err1 != nil: // a branch that cannot run for these inputs is one that is not taken
		a = b
	case err2 != nil:
		b = a
	}
	for i := range c.Out {
		if i < len(a) && i < len(b) {
			c.Set(i, a[i].Type.Unify(b[i].Type))
		}
	}
	return nil
}

// needCondition fails when input i is known not to be one truth value.
func needCondition(c *graph.Infer, i int) error {
	t := c.Type(i)
	if t.DType != tensor.Invalid && t.DType != tensor.Bool {
		return graph.Typef("condition is %s, want a truth value", t)
	}
	if s, ok := t.Static(); ok {
		if n, fits := s.Size(); !fits || n != 1 {
			return graph.Shapef("condition is %s, want one truth value", t)
		}
	}
	return nil
}

// condition is the only element of a tensor of truth values.
func condition(t *tensor.Tensor) (bool, error) {
	if t == nil || t.DType() != tensor.Bool || t.Len() != 1 {
		return false, graph.Shapef("condition is %s, want one truth value", t)
	}
	return tensor.Data[bool](t)[0], nil
}

func runIf(c *graph.Ctx) error {
	yes, err := condition(c.In[0])
	if err != nil {
		return err
	}
	g := c.Node.Graph("else_branch")
	if yes {
		g = c.Node.Graph("then_branch")
	}
	if g == nil || len(g.Outputs) < len(c.Out) {
		return graph.Invalidf("branch does not compute the %d outputs", len(c.Out))
	}
	out, err := c.Exec().Call(c.Node, g, nil)
	if err != nil {
		return err
	}
	for i := range c.Out {
		if c.Wants(i) {
			if err := c.Exec().Charge(out[i].MemBytes()); err != nil {
				return err
			}
			c.Out[i] = out[i]
		}
	}
	return nil
}
