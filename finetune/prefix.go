package finetune

import (
	"context"
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/finetune/data"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
)

// Split divides the model into what no parameter that trains has a part in, and the rest. The first is a graph whose outputs are what the rest reads of it, and
// which computes the same for a sample each time: it need run only once ([Features]). The rest is a model that shares its parameters
// with m: training it trains m.
func (m *Model) Split() (*graph.Graph, *Model, error) {
	if err := m.Infer(); err != nil {
		return nil, nil, err
	}
	learns := map[*graph.Value]bool{}
	for _, p := range m.Trained() {
		learns[p.Value] = true
	}
	first := &graph.Graph{Name: m.Graph.Name, Inputs: m.Graph.Inputs, Consts: m.Graph.Consts, Opsets: m.Graph.Opsets, Functions: m.Graph.Functions}
	rest := &Model{reg: m.reg, inline: m.inline, Graph: &graph.Graph{Name: m.Graph.Name, Outputs: m.Graph.Outputs, Opsets: m.Graph.Opsets, Functions: m.Graph.Functions}}
	fixed := map[*graph.Value]bool{} // computed by the first part, or an input
	for _, v := range m.Graph.Inputs {
		fixed[v] = true
	}
	at := map[*graph.Value]bool{}
	used := map[*graph.Value]bool{}
	cut := func(v *graph.Value) {
		used[v] = true
		if fixed[v] && !at[v] {
			at[v] = true
			rest.Graph.Inputs = append(rest.Graph.Inputs, v)
			first.Outputs = append(first.Outputs, v)
		}
	}
	for _, n := range m.Graph.Nodes {
		reads := reads(n)
		on := drops(n)
		for _, v := range reads {
			on = on || learns[v]
		}
		if !on {
			first.Nodes = append(first.Nodes, n)
			for _, v := range n.Out {
				fixed[v] = true
			}
			continue
		}
		for _, v := range reads {
			if v != nil {
				cut(v)
			}
		}
		for _, v := range n.Out {
			learns[v] = true
		}
		rest.Graph.Nodes = append(rest.Graph.Nodes, n)
	}
	if len(first.Nodes) == 0 || len(rest.Graph.Nodes) == 0 {
		return nil, nil, fmt.Errorf("nothing of the model can be computed once: freeze what comes first")
	}
	for _, v := range m.Graph.Outputs {
		cut(v)
	}
	for _, v := range m.Graph.Consts {
		if used[v] {
			rest.Graph.Consts = append(rest.Graph.Consts, v)
		}
	}
	for _, p := range m.Params {
		if used[p.Value] {
			rest.Params = append(rest.Params, p)
		}
	}
	return first, rest, nil
}

// drops reports whether a node, or one in the graphs inside it, computes something else each time while the model trains.
func drops(n *graph.Node) bool {
	found := n.Op.Name == "Dropout" && n.Op.Domain == ""
	n.Subgraphs(func(s *graph.Graph) { found = found || slices.ContainsFunc(s.Nodes, drops) })
	return found
}

// Features runs the first part of a [Model.Split] on every sample and keeps what comes out, within limit bytes (0: [data.DefaultLimit]), as a data set for the rest. Other
// fields, as the targets, stay. The samples are taken without augmentation.
func Features(ctx context.Context, first *graph.Graph, ds data.Dataset, batch, limit int) (data.Dataset, error) {
	s, err := runtime.Compile(first)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if limit <= 0 {
		limit = data.DefaultLimit
	}
	l, err := data.NewLoader(ds, data.Options{Batch: batch})
	if err != nil {
		return nil, err
	}
	inputs := map[string]bool{}
	for _, v := range s.Inputs() {
		inputs[v.Name] = true
	}
	var list []data.Array
	index := map[string]int{}
	size, row := 0, 0
	put := func(name string, x *tensor.Tensor, n int) error {
		if x.Rank() == 0 || x.Dim(0) != n {
			return fmt.Errorf("features %q of %d samples are %s: they have no axis of samples", name, n, x)
		}
		k, ok := index[name]
		if !ok {
			shape := append([]int{ds.Len()}, x.Shape()[1:]...)
			each := x.MemBytes() / max(n, 1)
			if size += each * ds.Len(); size > limit {
				return fmt.Errorf("features %q make %d bytes for %d samples: %w", name, size, ds.Len(), data.ErrLimit)
			}
			t, err := tensor.New(x.DType(), shape...)
			if err != nil {
				return err
			}
			k = len(list)
			index[name] = k
			list = append(list, data.Array{Name: name, Tensor: t})
		}
		dst := list[k].Tensor
		each := len(dst.Bytes()) / max(ds.Len(), 1)
		if len(x.Bytes()) != each*n {
			return fmt.Errorf("features %q are %s here and of another shape before", name, x)
		}
		copy(dst.Bytes()[row*each:], x.Bytes())
		return nil
	}
	for b, err := range l.Batches(ctx, 0, 0) {
		if err != nil {
			return nil, err
		}
		feeds, n := map[string]*tensor.Tensor{}, 0
		for name, x := range b {
			n = x.Dim(0)
			if inputs[name] {
				feeds[name] = x
			}
		}
		out, err := s.Run(ctx, feeds)
		if err != nil {
			return nil, err
		}
		for _, v := range s.Outputs() {
			if err := put(v.Name, out[v.Name], n); err != nil {
				return nil, err
			}
		}
		for name, x := range b {
			if !inputs[name] {
				if err := put(name, x, n); err != nil {
					return nil, err
				}
			}
		}
		row += n
	}
	return data.Arrays(list...)
}
