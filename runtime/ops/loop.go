package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Loop computes its body again and again: at most M times, if M is there, and as long as the condition holds, if one is there (else what the
// body says of it is ignored). The body takes the number of the iteration, the condition and the carried values, and gives the
// next condition, the next carried values, and values that are collected along a new first axis.
var loopOp = family(
	&graph.Op{
		Name: "Loop", Since: 25,
		Sig: `(M?:I, cond?:B, v_initial**:V) -> (v_final_and_scan_outputs**:V)
			I = i64; B = bool; V = ` + flowTypes(25) + `
			body graph!`,
		Infer: inferLoop, Run: runLoop,
	},
	flowOps(24, 23, 21, 19, 16, 13, 11, 1)...,
)

// loopBody is the body and the number of carried values, checked against the node.
func loopBody(n *graph.Node) (g *graph.Graph, carried int, err error) {
	g = n.Graph("body")
	carried = max(0, len(n.In)-2)
	if g == nil {
		return nil, 0, graph.Invalidf("loop without a body")
	}
	for i := 2; i < len(n.In); i++ {
		if n.In[i] == nil {
			return nil, 0, graph.Invalidf("carried value %d is missing", i-2)
		}
	}
	if len(g.Inputs) != 2+carried || len(g.Outputs) < 1+carried || len(n.Out) > len(g.Outputs)-1 {
		return nil, 0, graph.Invalidf("body of %d inputs and %d outputs for %d carried values and %d outputs",
			len(g.Inputs), len(g.Outputs), carried, len(n.Out))
	}
	return g, carried, nil
}

// numberType is the type of the body's input i, one number or truth value: of rank 1 where the file says so.
func numberType(g *graph.Graph, i int, d tensor.DType) graph.Type {
	if g.Inputs[i].Type.Rank() == 1 {
		return graph.TensorType(d, graph.Size(1))
	}
	return graph.TensorType(d)
}

func inferLoop(c *graph.Infer) error {
	g, n, err := loopBody(c.Node)
	if err != nil {
		return err
	}
	if err := needCondition(c, 1); err != nil {
		return err
	}
	in := []graph.Type{numberType(g, 0, tensor.Int64), numberType(g, 1, tensor.Bool)}
	for i := range n {
		in = append(in, c.Type(2+i))
	}
	carried, out, err := inferBody(c, g, in, 2, n, 1)
	if err != nil || out == nil {
		return err
	}
	for i := range c.Out {
		if i < n {
			c.Set(i, carried[i])
			continue
		}
		t, err := stackedType(out[1+i].Type, 0, graph.Unknown())
		if err != nil {
			return err
		}
		c.Set(i, t)
	}
	return nil
}

// maxTrips is the most iterations of a loop that nothing can end before: a day's work for the emptiest body.
const maxTrips = 1 << 38

// neverExits reports whether the body's condition is the one it got, or true: exporters give loops that end by their condition
// the largest number there is as M, so that M alone says nothing.
func neverExits(c *graph.Ctx, g *graph.Graph) bool {
	if !c.Has(1) {
		return true
	}
	v := g.Outputs[0]
	for v.Def != nil && v.Def.Op.Name == "Identity" && v.Def.Op.Domain == "" && v.Def.Has(0) {
		v = v.Def.In[0]
	}
	if v == g.Inputs[1] {
		return true
	}
	t := v.Const
	if t == nil && v.Def != nil && v.Def.Op.Name == "Constant" && v.Def.Op.Domain == "" {
		t = v.Def.Tensor("value")
	}
	return t != nil && t.Len() == 1 && t.Float(0) != 0
}

func runLoop(c *graph.Ctx) error {
	g, n, err := loopBody(c.Node)
	if err != nil {
		return err
	}
	limit := -1 // none
	if c.Has(0) {
		if limit, err = oneInt(c.In[0], "M"); err != nil {
			return err
		}
		limit = max(limit, 0)
	}
	more, cond := true, tensor.Scalar(true)
	if c.Has(1) {
		if more, err = condition(c.In[1]); err != nil {
			return err
		}
		cond = c.In[1]
	}
	if more && (limit < 0 || limit > maxTrips) && neverExits(c, g) {
		return graph.Limitf("a loop of %d iterations without an exit (at most %d are begun)", limit, maxTrips)
	}
	rank := numberType(g, 0, tensor.Int64).Rank()
	condRank := numberType(g, 1, tensor.Bool).Rank()
	in := make([]*tensor.Tensor, 2+n)
	if n > 0 {
		copy(in[2:], c.In[2:])
	}
	collect := make([]collected, len(c.Out)-min(n, len(c.Out)))
	var held carriedBytes
	for k := 0; more && (limit < 0 || k < limit); k++ {
		if err := c.Exec().Stopped(); err != nil {
			return err
		}
		if in[0], err = tensor.Scalar(int64(k)).Reshape(ones(rank)...); err != nil {
			return err
		}
		if in[1], err = cond.Reshape(ones(condRank)...); err != nil {
			return err
		}
		out, err := c.Exec().Call(c.Node, g, in)
		if err != nil {
			return err
		}
		cond = out[0]
		next, err := condition(cond)
		if err != nil {
			return err
		}
		more = next || !c.Has(1)
		copy(in[2:], out[1:1+n])
		if err := held.charge(c, in[2:]); err != nil {
			return err
		}
		for i := range collect {
			if c.Wants(n + i) {
				if err := collect[i].add(c, out[1+n+i]); err != nil {
					return err
				}
			}
		}
	}
	for i := range c.Out {
		switch {
		case !c.Wants(i):
		case i < n:
			if c.Out[i], err = released(c, in[2+i]); err != nil {
				return err
			}
		default:
			if err := collect[i-n].write(c, i, g.Outputs[1+i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// ones is the shape of one element with rank 0 or 1.
func ones(rank int) []int { return slices.Repeat([]int{1}, rank) }
