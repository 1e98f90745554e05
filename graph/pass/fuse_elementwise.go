package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// FuseElementwise turns several operators that work element by element on float32 into one Elementwise, which keeps what lies between them in
// the cache: y·sigmoid(x·w + b) reads x, y, w and b once and writes the result. All but the last are read by others of the group alone and have the
// shape of the result, so that nothing is computed for more elements than before. An output of the graph on the way, as the next moment of an optimizer is,
// becomes one of the group's outputs. Products and convolutions have taken what they can before.
func FuseElementwise(reg *graph.Registry, g *graph.Graph) (bool, error) {
	return eachGraph(graph.NewBuilder(reg, g), fuseElementwise)
}

// Groups are bounded by what Elementwise takes; larger ones become several.
const (
	elementSteps  = 32
	elementInputs = 16
)

func fuseElementwise(b *graph.Builder) (bool, error) {
	g := b.Graph
	b.Reserve()
	reads := readersOf(g)
	for _, c := range g.Carry {
		reads[c.Out] = append(reads[c.Out], nil)
	}
	taken := map[*graph.Node]bool{}
	roots := map[*graph.Node][]*graph.Node{}
	at := map[*graph.Node]int{}
	for i, n := range g.Nodes {
		at[n] = i
	}
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		if _, ok := elementStep(n); !ok || taken[n] {
			continue
		}
		if group := elementGroup(g, at, reads, i); len(group) > 1 {
			for _, m := range group {
				taken[m] = true
			}
			roots[n] = group
		}
	}
	if len(roots) == 0 {
		return false, nil
	}
	old := g.Nodes
	g.Nodes = make([]*graph.Node, 0, len(old))
	for _, n := range old {
		switch group := roots[n]; {
		case group != nil:
			if err := elementNode(b, group, reads); err != nil {
				return true, err
			}
		case !taken[n]:
			g.Nodes = append(g.Nodes, n)
		}
	}
	return true, nil
}

// elementGroup collects the nodes, in order, that can be computed together with the one at place root, which is the last of them.
func elementGroup(g *graph.Graph, at map[*graph.Node]int, reads readers, root int) []*graph.Node {
	result := g.Nodes[root].Out[0].Type
	in := map[*graph.Node]bool{g.Nodes[root]: true}
	inputs := map[*graph.Value]bool{}
	first := root // of the nodes that compute what the group reads
	add := func(n *graph.Node) {
		in[n] = true
		delete(inputs, n.Out[0])
		for _, v := range n.In {
			if v == nil || v.Const != nil && n.Op.Name == "Clip" {
				continue
			}
			inputs[v] = true
			if k, ok := at[v.Def]; ok && v.Def != nil {
				first = min(first, k)
			}
		}
	}
	add(g.Nodes[root])
	for i := root - 1; i >= first; i-- {
		n := g.Nodes[i]
		if len(n.Out) != 1 || !inputs[n.Out[0]] || !n.Out[0].Type.Equal(result) || len(in) == elementSteps || len(inputs) > elementInputs-2 {
			continue
		}
		if _, ok := elementStep(n); !ok || slices.ContainsFunc(reads[n.Out[0]], func(r *graph.Node) bool { return r != nil && !in[r] }) {
			continue
		}
		add(n)
	}
	group := make([]*graph.Node, 0, len(in))
	for i := first; i <= root; i++ {
		if in[g.Nodes[i]] {
			group = append(group, g.Nodes[i])
		}
	}
	return group
}

// step is what a node does as a step of Elementwise.
type step struct {
	name        string
	args        []*graph.Value
	alpha, beta float32
}

// elementStep reports false for nodes that are no step: of other types or operators, or with parameters that are no constants.
func elementStep(n *graph.Node) (step, bool) {
	if n.Op.Domain != "" || len(n.In) == 0 || len(n.Out) != 1 || n.Out[0] == nil || !n.Out[0].Type.Ranked || n.Out[0].Type.DType != tensor.Float32 {
		return step{}, false
	}
	for _, v := range n.In {
		if v != nil && (v.Type.DType != tensor.Float32 || !v.Type.Ranked) {
			return step{}, false
		}
	}
	switch n.Op.Name {
	case "Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu":
		return step{name: n.Op.Name, args: n.In}, len(n.In) == 2
	case "Pow":
		return step{name: "Mul", args: []*graph.Value{n.In[0], n.In[0]}}, isNumber(n.In[1], 2) && len(n.In[1].Type.Shape) <= len(n.In[0].Type.Shape)
	case "Exp", "Log", "Sqrt", "Reciprocal", "Abs", "Neg", "Erf", "Floor", "Ceil", "Round", "Sign", "Sin", "Cos":
		return step{name: n.Op.Name, args: n.In}, true
	}
	attrs, ok := activationAttrs(n)
	s := step{args: n.In[:1]}
	for _, a := range attrs {
		switch a.Name {
		case "activation":
			s.name = a.Value.(string)
		case "alpha":
			s.alpha = a.Value.(float32)
		case "beta":
			s.beta = a.Value.(float32)
		}
	}
	if s.name == "HardSwish" { // which has no attributes
		s.alpha, s.beta = 1./6, 0.5
	}
	return s, ok
}

// elementNode appends the operator that does what a group does.
func elementNode(b *graph.Builder, group []*graph.Node, reads readers) error {
	var inputs []*graph.Value
	var steps []step
	made := map[*graph.Value]int{}
	for i, n := range group {
		s, _ := elementStep(n)
		steps = append(steps, s)
		made[n.Out[0]] = i
	}
	for _, s := range steps {
		for _, v := range s.args {
			if _, ok := made[v]; !ok && !slices.Contains(inputs, v) {
				inputs = append(inputs, v)
			}
		}
	}
	var names []string
	var args []int64
	var params []float32
	for _, s := range steps {
		names, params = append(names, s.name), append(params, s.alpha, s.beta)
		for k := range 2 {
			a := -1
			if k < len(s.args) {
				if i, ok := made[s.args[k]]; ok {
					a = len(inputs) + i
				} else {
					a = slices.Index(inputs, s.args[k])
				}
			}
			args = append(args, int64(a))
		}
	}
	last := group[len(group)-1]
	out, more := []*graph.Value{last.Out[0]}, []int64(nil)
	for i, n := range group[:len(group)-1] {
		if slices.Contains(reads[n.Out[0]], nil) {
			out, more = append(out, n.Out[0]), append(more, int64(i))
		}
	}
	n := &graph.Node{
		Name: last.Name, Op: b.Registry().Lookup("ai.onnxrun", "Elementwise", 0), In: inputs,
		Attrs: []graph.Attr{{Name: "ops", Value: names}, graph.Ints("args", args...), {Name: "params", Value: params}},
	}
	if n.Op == nil {
		return graph.Unsupportedf("operator ai.onnxrun::Elementwise")
	}
	if len(more) > 0 {
		n.Attrs = append(n.Attrs, graph.Ints("more", more...))
	}
	b.Append(n, out...)
	return b.Err()
}
