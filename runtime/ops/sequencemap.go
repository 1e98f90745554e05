package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// SequenceMap computes its body for every element of a sequence, with the elements at the same place of other sequences and with tensors that
// are the same every time; each output of the body becomes a sequence.
var sequenceMap = family(&graph.Op{
	Name: "SequenceMap", Since: 17,
	Sig: `(input_sequence:S, additional_inputs**:V) -> (out_sequence**:S)
		S = seq(` + oldTensors + `); V = ` + oldTensors + ` seq(` + oldTensors + `)
		body graph!`,
	Infer: inferSequenceMap, Run: runSequenceMap,
})

func mapBody(n *graph.Node) (*graph.Graph, error) {
	g := n.Graph("body")
	if g == nil || len(g.Inputs) != len(n.In) || len(g.Outputs) < len(n.Out) {
		return nil, graph.Invalidf("no body of %d inputs and %d outputs", len(n.In), len(n.Out))
	}
	return g, nil
}

func inferSequenceMap(c *graph.Infer) error {
	g, err := mapBody(c.Node)
	if err != nil {
		return err
	}
	if _, err := elemType(c, 0); err != nil || c.Sub == nil {
		return err
	}
	in := make([]graph.Info, len(c.In))
	for i := range in {
		t := c.Type(i)
		if t.DType == tensor.Sequence {
			if t, err = elemType(c, i); err != nil {
				return err
			}
		}
		in[i].Type = t
	}
	out, err := c.Sub(g, in)
	if err != nil {
		return err
	}
	for i := range c.Out {
		if i < len(out) {
			c.Set(i, graph.SeqOf(out[i].Type))
		}
	}
	return nil
}

func runSequenceMap(c *graph.Ctx) error {
	g, err := mapBody(c.Node)
	if err != nil {
		return err
	}
	n := len(c.In[0].Elems())
	for i, t := range c.In {
		if t == nil || t.DType() == tensor.Sequence && len(t.Elems()) != n || i == 0 && t.DType() != tensor.Sequence {
			return graph.Shapef("input %d is %s beside a sequence of %d", i, t, n)
		}
	}
	in := make([]*tensor.Tensor, len(c.In))
	lists := make([][]*tensor.Tensor, len(c.Out))
	for k := range n {
		if err := c.Exec().Stopped(); err != nil {
			return err
		}
		for i, t := range c.In {
			if in[i] = t; t.DType() == tensor.Sequence {
				in[i] = t.Elems()[k]
			}
		}
		out, err := c.Exec().Call(c.Node, g, in)
		if err != nil {
			return err
		}
		for i := range lists {
			if c.Wants(i) {
				if err := chargeElem(c, out[i]); err != nil {
					return err
				}
				lists[i] = append(lists[i], out[i])
			}
		}
	}
	for i, l := range lists {
		if c.Wants(i) {
			if c.Out[i], err = tensor.OfElems(tensor.Sequence, l...); err != nil {
				return err
			}
		}
	}
	return nil
}
