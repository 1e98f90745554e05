package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Widen computes in float32 what a model computes in float16 or bfloat16, which processors store but hardly calculate with. Values are converted in bulk
// where they enter and where they leave, and weights once and for all. What only moves halves stays as it is.
//
// Between operators float16 is not rounded, unless the model itself converts; results are nearer to the model in float32 then, and ONNX Runtime's are
// the same. bfloat16 is rounded after each operator: with its 8 bits that shows, and the standard's test cases expect it.
func Widen(reg *graph.Registry, g *graph.Graph) (bool, error) {
	b := graph.NewBuilder(reg, g)
	b.Reserve()
	return widenGraph(b)
}

func widenGraph(b *graph.Builder) (bool, error) {
	g := b.Graph
	w := &widener{b: b, wide: map[*graph.Value]*graph.Value{}}
	old := g.Nodes
	g.Nodes = make([]*graph.Node, 0, len(old))
	changed := false
	for _, n := range old {
		var err error
		n.Subgraphs(func(s *graph.Graph) {
			if err == nil {
				var c bool
				c, err = widenGraph(b.Sub(s))
				changed = changed || c
			}
		})
		if err != nil {
			return changed, err
		}
		b.Prefix(n.Label())
		if w.node(n) {
			changed = true
		} else {
			g.Nodes = append(g.Nodes, n)
		}
	}
	return changed, b.Err()
}

type widener struct {
	b    *graph.Builder
	wide map[*graph.Value]*graph.Value // float32 for a value of halves
}

// moves are the operators whose first output has elements of their data, untouched.
var moves = []string{
	"Compress", "Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "GatherElements", "GatherND", "Identity", "Pad", "Reshape", "ReverseSequence", "ScatterElements",
	"ScatterND", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Trilu", "Unsqueeze", "Where",
}

// node writes n in float32 and reports whether it did.
func (w *widener) node(n *graph.Node) bool {
	switch {
	case n.Op.Domain != "" || n.Op.Name == "CastLike":
		return false
	case (n.Op.Name == "Softmax" || n.Op.Name == "Attention") && n.In[0].Type.DType == tensor.BFloat16: // these round inside
		return false
	case n.Op.Name == "Cast":
		return w.cast(n)
	case slices.Contains(moves, n.Op.Name) && !slices.ContainsFunc(n.In, func(v *graph.Value) bool { return w.wide[v] != nil }) || !allowsFloat(n):
		return false
	}
	mark := len(w.b.Graph.Nodes)
	made := &graph.Node{Name: n.Name, Op: n.Op, Attrs: n.Attrs, In: slices.Clone(n.In), Out: make([]*graph.Value, len(n.Out))}
	for i, v := range n.In {
		if isHalf(v) {
			made.In[i] = w.of(v)
		}
	}
	for i, v := range n.Out {
		if v != nil {
			made.Out[i] = w.b.Value(graph.Type{})
		}
	}
	if graph.InferNode(w.b.Registry(), made) != nil || !widened(n.Out, made.Out) {
		for _, c := range w.b.Graph.Nodes[mark:] { // conversions that nobody needs
			delete(w.wide, c.In[0])
		}
		w.b.Graph.Nodes = w.b.Graph.Nodes[:mark]
		return false
	}
	for i, v := range n.Out {
		if v != nil && !isHalf(v) {
			v.Type, v.Ints, made.Out[i] = made.Out[i].Type, made.Out[i].Ints, v
		}
	}
	w.b.Append(made, made.Out...)
	for i, v := range n.Out {
		if isHalf(v) {
			w.narrow(made.Out[i], v)
		}
	}
	return true
}

// cast reads the wide value of what n converts to float32.
func (w *widener) cast(n *graph.Node) bool {
	wide := w.wide[n.In[0]]
	if wide == nil || n.Out[0].Type.DType != tensor.Float32 {
		return false
	}
	w.b.Append(&graph.Node{Name: n.Name, Op: w.b.Registry().Lookup("", "Identity", 0), In: []*graph.Value{wide}}, n.Out[0])
	return true
}

// of is v in float32.
func (w *widener) of(v *graph.Value) *graph.Value {
	if w.wide[v] == nil {
		w.wide[v] = w.b.Op("Cast", v, graph.Int("to", int(tensor.Float32)))
	}
	return w.wide[v]
}

// narrow computes v, for those who read halves, from what is known in float32.
func (w *widener) narrow(wide, v *graph.Value) {
	w.b.Append(&graph.Node{Op: w.b.Registry().Lookup("", "Cast", 0), In: []*graph.Value{wide}, Attrs: []graph.Attr{graph.Int("to", int(v.Type.DType))}}, v)
	if v.Type.DType == tensor.Float16 {
		w.wide[v] = wide
	}
}

func isHalf(v *graph.Value) bool { return v != nil && v.Type.DType.IsHalf() }

// allowsFloat reports whether n has inputs of halves and its operator allows float32 in place of all of them.
func allowsFloat(n *graph.Node) bool {
	sig, any := n.Op.Signature(), false
	for i, v := range n.In {
		if !isHalf(v) {
			continue
		}
		any = true
		p := sig.In[min(i, len(sig.In)-1)]
		if !slices.ContainsFunc(sig.Types[p.Type], func(t graph.TypeSet) bool { return t.Wrap == "" && t.DType == tensor.Float32 }) {
			return false
		}
	}
	sub := false
	n.Subgraphs(func(*graph.Graph) { sub = true })
	return any && !sub
}

// widened reports whether outputs have the types that they had, with float32 in place of halves.
func widened(was, now []*graph.Value) bool {
	for i, v := range was {
		if v == nil {
			continue
		}
		want := v.Type.DType
		if isHalf(v) {
			want = tensor.Float32
		}
		if now[i].Type.DType != want {
			return false
		}
	}
	return true
}
