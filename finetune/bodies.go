package finetune

import (
	"iter"
	"slices"
	"strconv"

	"github.com/onnxrun/onnxrun/graph"
)

// Graphs inside nodes have weights of their own: a recurrent layer written as Scan or Loop, the heads of an If. They stay where they are, so that a saved model has
// the structure of the file; only a training graph has them around its nodes, see [Model.lift], since a gradient goes to what a body reads from outside.

// graphs are g and the graphs inside its nodes, outer ones first, each with the path of labels and attributes that leads to it: "" for g, else as "If_3.then_branch".
func graphs(g *graph.Graph) iter.Seq2[string, *graph.Graph] {
	return func(yield func(string, *graph.Graph) bool) {
		var visit func(path string, g *graph.Graph) bool
		visit = func(path string, g *graph.Graph) bool {
			if !yield(path, g) {
				return false
			}
			if path != "" {
				path += "."
			}
			for _, n := range g.Nodes {
				if !n.HasSubgraphs() {
					continue
				}
				for _, a := range n.Attrs {
					switch s := a.Value.(type) {
					case *graph.Graph:
						if !visit(path+n.Label()+"."+a.Name, s) {
							return false
						}
					case []*graph.Graph:
						for k, s := range s {
							if !visit(path+n.Label()+"."+a.Name+"_"+strconv.Itoa(k), s) {
								return false
							}
						}
					}
				}
			}
			return true
		}
		visit("", g)
	}
}

// Owner is the graph that v is an input or a constant of, or that computes it: the model's, or one inside a node; nil when there is none.
func (m *Model) Owner(v *graph.Value) *graph.Graph {
	for _, g := range graphs(m.Graph) {
		if slices.Contains(g.Consts, v) || slices.Contains(g.Inputs, v) || v.Def != nil && slices.Contains(g.Nodes, v.Def) {
			return g
		}
	}
	return nil
}

// reads are the values that a node reads, with those that the graphs inside it read of graphs around them and of their own constants.
func reads(n *graph.Node) []*graph.Value {
	list := slices.Clone(n.In)
	n.Subgraphs(func(s *graph.Graph) {
		list = append(list, s.Captures()...)
		for _, g := range graphs(s) {
			list = append(list, g.Consts...)
		}
	})
	return list
}

// constants tells every constant of the graph and of those inside its nodes, with a name that no other has: its own where only one constant of the file is called so, else
// with the path to its graph in front. Branches may well use the same names.
func constants(g *graph.Graph) iter.Seq2[string, *graph.Value] {
	return func(yield func(string, *graph.Value) bool) {
		count := map[string]int{}
		for _, s := range graphs(g) {
			for _, v := range s.Consts {
				count[v.Name]++
			}
		}
		taken := map[string]bool{}
		for path, s := range graphs(g) {
			for _, v := range s.Consts {
				name := v.Name
				if path != "" && count[name] > 1 {
					name = path + "." + name
				}
				for base, i := name, 2; taken[name]; i++ {
					name = base + "_" + strconv.Itoa(i)
				}
				taken[name] = true
				if !yield(name, v) {
					return
				}
			}
		}
	}
}

// inline is a Constant node that became a constant.
type inline struct {
	node  *graph.Node
	index int // in its graph
}

// unpack makes constants of Constant nodes that hold the weight of a layer or the bias added to one. Some exporters write all weights like that, and graphs inside nodes
// often have them so. [restore] makes nodes of them again.
func unpack(g *graph.Graph) map[*graph.Value]inline {
	readers := uses(g)
	list := map[*graph.Value]inline{}
	for _, s := range graphs(g) {
		for i, n := range s.Nodes {
			if n.Op.Domain != "" || n.Op.Name != "Constant" || len(n.Out) != 1 || n.Out[0] == nil || slices.Contains(s.Outputs, n.Out[0]) {
				continue
			}
			v, t := n.Out[0], n.Tensor("value")
			if t == nil || !t.DType().IsFloat() || t.Rank() == 0 || t.Len() < 2 || !slices.ContainsFunc(readers[v], func(u use) bool { return u.weighs(readers) }) {
				continue
			}
			v.Def, v.Const, v.Type = nil, t, graph.TypeOf(t)
			s.Consts = append(s.Consts, v)
			list[v] = inline{n, i}
		}
		s.Nodes = slices.DeleteFunc(s.Nodes, func(n *graph.Node) bool { return len(n.Out) == 1 && n.Out[0] != nil && list[n.Out[0]].node == n })
	}
	return list
}

// weighs reports whether it is the place of a layer's weight or bias.
func (u use) weighs(readers map[*graph.Value][]use) bool {
	n := u.node
	if n.Op.Domain != "" {
		return false
	}
	if recurrent(n) || n.Op.Name == "RNN" {
		return u.index >= 1 && u.index <= 3
	}
	if n.Op.Name == "Add" && len(n.In) == 2 && n.In[1-u.index] != nil {
		def := n.In[1-u.index].Def
		return def != nil && def.Op.Domain == "" && def.Op.Name == "MatMul"
	}
	if n.Op.Name == "Transpose" || n.Op.Name == "Identity" {
		return slices.ContainsFunc(readers[n.Out[0]], func(u use) bool { return u.weighs(readers) })
	}
	names := roles[n.Op.Name]
	return n.Op.Name != "Gather" && u.index < len(names) && names[u.index] != ""
}

// restore makes Constant nodes again of the constants of g and the graphs inside its nodes that at holds, at their old places, or earlier where they would come
// too late for a reader.
func restore(g *graph.Graph, at map[*graph.Value]inline) {
	if len(at) == 0 {
		return
	}
	for _, s := range graphs(g) {
		var back []*graph.Value
		s.Consts = slices.DeleteFunc(s.Consts, func(v *graph.Value) bool {
			if at[v].node != nil {
				back = append(back, v)
			}
			return at[v].node != nil
		})
		slices.SortStableFunc(back, func(v, w *graph.Value) int { return at[v].index - at[w].index })
		for _, v := range back {
			old := at[v].node
			n := &graph.Node{Name: old.Name, Op: old.Op, Out: []*graph.Value{v}, Attrs: slices.Clone(old.Attrs), Origin: old.Origin}
			for i, a := range n.Attrs {
				if a.Name == "value" {
					n.Attrs[i].Value = v.Const
				}
			}
			i := min(at[v].index, len(s.Nodes))
			if first := slices.IndexFunc(s.Nodes, func(n *graph.Node) bool { return slices.Contains(reads(n), v) }); first >= 0 {
				i = min(i, first)
			}
			v.Def, v.Const = n, nil
			s.Nodes = slices.Insert(s.Nodes, i, n)
		}
	}
}
