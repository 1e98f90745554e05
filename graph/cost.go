package graph

// MACs is the number of multiply-accumulate operations of a node that convolves or multiplies matrices, 0 for others: for each element of
// the output, the length of the sum it is. The types of the node's values must be inferred.
func MACs(n *Node) Dim {
	if !n.Has(0) || !n.Has(1) || !n.Wants(0) {
		return Size(0)
	}
	x, w, y := n.In[0].Type, n.In[1].Type, n.Out[0].Type
	var per Dim
	switch n.Op.Name {
	case "Conv", "ConvInteger", "QLinearConv": // w is [M, C/group, kernel…]
		if n.Op.Name == "QLinearConv" && n.Has(3) {
			w = n.In[3].Type
		}
		if w.Rank() < 2 || !y.Ranked {
			return Unknown()
		}
		per = elements(w.Shape[1:])
	case "ConvTranspose": // w is [C, M/group, kernel…]: each element of the input meets M/group × kernel weights
		if w.Rank() < 2 || !x.Ranked {
			return Unknown()
		}
		return elements(x.Shape).Mul(elements(w.Shape[1:]))
	case "MatMul", "MatMulInteger":
		if x.Rank() < 1 || !y.Ranked {
			return Unknown()
		}
		per = x.Shape[x.Rank()-1]
	case "Gemm":
		if x.Rank() != 2 || !y.Ranked {
			return Unknown()
		}
		if per = x.Shape[1]; n.Bool("transA") {
			per = x.Shape[0]
		}
	case "LSTM", "GRU", "RNN": // w is [directions, gates·hidden, input], r is [directions, gates·hidden, hidden]
		if !n.Has(2) || x.Rank() != 3 || w.Rank() != 3 || n.In[2].Type.Rank() != 3 {
			return Unknown()
		}
		return x.Shape[0].Mul(x.Shape[1]).Mul(elements(w.Shape).Add(elements(n.In[2].Type.Shape)))
	default:
		return Size(0)
	}
	return elements(y.Shape).Mul(per)
}

func elements(shape []Dim) Dim {
	n := Size(1)
	for _, d := range shape {
		n = n.Mul(d)
	}
	return n
}
