package graph

import (
	"fmt"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Work is what one execution of a node takes at least: twice the multiply-accumulate operations of [MACs], and the bytes that it reads and
// writes when each of them is moved once.
type Work struct{ Flops, Bytes int }

// WorkOf is the work of n on these tensors. A private operator does that of its expansion, by whatever algorithm.
func WorkOf(reg *Registry, n *Node, in, out []*tensor.Tensor) Work {
	infos := make([]Info, len(in))
	for i, t := range in {
		if t == nil {
			continue
		}
		infos[i].Type = TypeOf(t)
		if t.Len() <= maxInts { // it may be a shape
			infos[i].Const = t
		}
	}
	types := make([]Type, len(out))
	for i, t := range out {
		if t != nil {
			types[i] = TypeOf(t)
		}
	}
	return Work{Flops: 2 * macsOf(reg, n, infos, types, 4), Bytes: traffic(n, in, out)}
}

// macsOf counts in n, or in what it expands to, at most so deep.
func macsOf(reg *Registry, n *Node, in []Info, out []Type, depth int) (macs int) {
	call := *n
	call.In, call.Out = make([]*Value, len(n.In)), make([]*Value, len(n.Out))
	for i, v := range n.In {
		if v != nil && i < len(in) {
			call.In[i] = &Value{Name: fmt.Sprintf("in_%d", i), Type: in[i].Type, Const: in[i].Const}
		}
	}
	for i, v := range n.Out {
		if v != nil && i < len(out) {
			call.Out[i] = &Value{Name: fmt.Sprintf("out_%d", i), Type: out[i]}
		}
	}
	if k, ok := MACs(&call).Int(); ok && k > 0 {
		return k
	}
	if depth == 0 || n.Op.Expand == nil || n.HasSubgraphs() {
		return 0
	}
	b := NewBuilder(reg, nil)
	ExpandNode(b, &call)
	for _, x := range b.Graph.Nodes {
		infos := make([]Info, len(x.In))
		for i, v := range x.In {
			if v != nil {
				infos[i] = v.info()
			}
		}
		types := make([]Type, len(x.Out))
		for i, v := range x.Out {
			if v != nil {
				types[i] = v.Type
			}
		}
		macs += macsOf(reg, x, infos, types, depth-1)
	}
	return macs
}

// traffic is the size of the outputs and of what is read for them: nothing for a view.
func traffic(n *Node, in, out []*tensor.Tensor) (bytes int) {
	if n.Op.View {
		return 0
	}
	for _, t := range out {
		if t != nil {
			bytes += t.MemBytes()
		}
	}
	switch n.Op.Name {
	case "Shape", "Size":
		return bytes
	case "Gather", "GatherElements", "GatherND", "Slice", "Split": // of the first input only what becomes output
		in, bytes = in[min(1, len(in)):], 2*bytes
	}
	for _, t := range in {
		if t != nil {
			bytes += t.MemBytes()
		}
	}
	return bytes
}
