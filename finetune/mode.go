package finetune

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// followed are the running statistics that follow the batches. Those of graphs inside nodes are frozen: a loop has several batches in each run, a branch none in some.
func (m *Model) followed(mode BatchNorm) []*Param {
	if mode == BatchNormFrozen {
		return nil
	}
	by := map[*graph.Value]*Param{}
	for _, p := range m.Params {
		by[p.Value] = p
	}
	var list []*Param
	for _, n := range m.Graph.Nodes {
		if n.Op.Domain != "" || n.Op.Name != "BatchNormalization" || len(n.In) < 5 {
			continue
		}
		scale, bias, mean, variance := by[n.In[1]], by[n.In[2]], by[n.In[3]], by[n.In[4]]
		learns := scale != nil && scale.Train || bias != nil && bias.Train
		if mean != nil && variance != nil && (learns || mode == BatchNormTrain) {
			list = append(list, mean, variance)
		}
	}
	return list
}

// batchStatistics lets the BatchNormalization nodes that read a pair of the running statistics in take those of the batch, and returns for each
// statistic the value that follows it.
//
// ONNX averages the biased variance of the batch, PyTorch the unbiased one: of the next variance r·m + v·(1 − m), the part of the batch is multiplied by n/(n − 1).
func batchStatistics(b *graph.Builder, in []*graph.Value) []graph.Carry {
	next := make([]graph.Carry, len(in))
	index := map[*graph.Value]int{}
	for i, v := range in {
		next[i] = graph.Carry{In: v}
		index[v] = i
	}
	b.Prefix("stat")
	for _, n := range append([]*graph.Node{}, b.Graph.Nodes...) {
		if n.Op.Domain != "" || n.Op.Name != "BatchNormalization" || len(n.In) < 5 || n.In[3] == nil || n.In[4] == nil {
			continue
		}
		i, ok := index[n.In[3]]
		j, also := index[n.In[4]]
		if !ok || !also {
			continue
		}
		n.Attrs = append(without(n.Attrs, "training_mode"), graph.Int("training_mode", 1))
		for len(n.Out) < 3 {
			n.Out = append(n.Out, nil)
		}
		for k := 1; k < 3; k++ {
			if n.Out[k] == nil {
				n.Out[k] = b.Name(n)
			}
		}
		b.Reinfer(n)
		next[i].Out = n.Out[1]
		d := in[j].Type.DType
		x := n.In[0]
		count := b.Op("Cast", b.Op("Div", b.Op("Size", x), b.Op("Size", in[j])), graph.Int("to", int(d)))
		ratio := b.Op("Div", count, b.Op("Max", b.Op("Sub", count, b.Scalar(d, 1)), b.Scalar(d, 1)))
		kept := b.Op("Mul", in[j], b.Scalar(d, float64(n.Float("momentum"))))
		next[j].Out = b.Op("Add", kept, b.Op("Mul", b.Op("Sub", n.Out[2], kept), ratio))
	}
	return next
}

func without(attrs []graph.Attr, name string) []graph.Attr {
	var out []graph.Attr
	for _, a := range attrs {
		if a.Name != name {
			out = append(out, a)
		}
	}
	return out
}

// dropout turns the Dropout nodes on, of whatever version they are.
func (m *Model) dropout(b *graph.Builder, cfg *Config) {
	if cfg.NoDropout {
		return
	}
	newest := m.reg.Lookup("", "Dropout", 0)
	b.Graph.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		if n.Op.Domain != "" || n.Op.Name != "Dropout" {
			return true
		}
		var ratio *graph.Value
		switch {
		case n.Op.Since >= 12 && n.Has(1):
			ratio = n.In[1]
		case n.Op.Since >= 12:
			ratio = b.Const(tensor.Scalar(float32(0.5)))
		default:
			ratio = b.Const(tensor.Scalar(n.Float("ratio")))
		}
		n.Op, n.In, n.Attrs = newest, []*graph.Value{n.In[0], ratio, b.Const(tensor.Scalar(true))}, nil
		return true
	})
}
