package finetune

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// separate gives modules that share a vector a vector each: torch.export keeps one of initializers that are equal, as all biases of a fresh model are, without
// an Identity that would tell. PyTorch ties matrices, embeddings to output layers, and hardly ever vectors. Where the graph does not tell the module
// of a node, nothing is changed.
func separate(g *graph.Graph) {
	taken := map[string]bool{}
	for _, v := range g.Consts {
		taken[v.Name] = true
	}
	readers := uses(g)
	for _, v := range slices.Clone(g.Consts) {
		if v.Const.Rank() != 1 || v.Const.Len() < 2 || !v.Const.DType().IsFloat() || len(readers[v]) < 2 || slices.Contains(g.Outputs, v) {
			continue
		}
		groups := map[string][]use{}
		var order []string
		for _, u := range readers[v] {
			name := parameterAt(u)
			if name == "" {
				name = v.Name
			}
			if groups[name] == nil {
				order = append(order, name)
			}
			groups[name] = append(groups[name], u)
		}
		own := v.Name
		if groups[own] == nil {
			own = order[0]
		}
		for _, name := range order {
			if name == own || taken[name] {
				continue
			}
			taken[name] = true
			w := &graph.Value{Name: name, Type: v.Type, Const: v.Const}
			g.Consts = append(g.Consts, w)
			for _, u := range groups[name] {
				u.node.In[u.index] = w
			}
		}
	}
}

// parameterAt is the name that a vector has in the module of its reader, "" where it is not known.
func parameterAt(u use) string {
	module, ok := Module(u.node)
	if !ok || module == "" || u.node.Op.Domain != "" {
		return ""
	}
	role := ""
	switch names := roles[u.node.Op.Name]; {
	case u.index < len(names):
		role = names[u.index]
	case u.node.Op.Name == "Mul":
		role = "weight"
	case u.node.Op.Name == "Add":
		role = "bias"
	}
	if role == "" {
		return ""
	}
	return module + "." + role
}
