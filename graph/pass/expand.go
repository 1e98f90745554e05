package pass

import (
	"errors"

	"github.com/onnxrun/onnxrun/graph"
)

// maxExpandDepth bounds expansions of expansions; operators need no more than a few.
const maxExpandDepth = 64

// Expand infers types and replaces every operator without a kernel by its expansion: functions of the standard, functions of the model,
// and older versions of operators.
func Expand(reg *graph.Registry, g *graph.Graph) (bool, error) {
	return expandIf(graph.NewBuilder(reg, g), false, func(o *graph.Op) bool { return o.Run == nil && o.Expand != nil })
}

// ExpandIf replaces the operators that want picks by their expansions, if they have one.
func ExpandIf(want func(*graph.Op) bool) Pass {
	return Pass{"expand", func(reg *graph.Registry, g *graph.Graph) (bool, error) {
		return expandIf(graph.NewBuilder(reg, g), false, func(o *graph.Op) bool { return o.Expand != nil && want(o) })
	}}
}

func expandIf(b *graph.Builder, inner bool, want func(*graph.Op) bool) (bool, error) {
	g := b.Graph
	b.Reserve()
	old := g.Nodes
	g.Nodes = make([]*graph.Node, 0, len(old))
	e := &expander{b: b, inner: inner, want: want}
	for _, n := range old {
		if err := e.node(n, 0); err != nil {
			return e.changed, err
		}
	}
	return e.changed, nil
}

type expander struct {
	b       *graph.Builder
	inner   bool // a graph inside a node, which may never run
	want    func(*graph.Op) bool
	changed bool
}

func (e *expander) node(n *graph.Node, depth int) error {
	g := e.b.Graph
	if !e.want(n.Op) {
		if err := graph.InferNode(e.b.Registry(), n); err != nil && !(e.inner && errors.Is(err, graph.ErrShape)) {
			return err
		}
		var err error
		n.Subgraphs(func(s *graph.Graph) {
			if err == nil {
				var changed bool
				changed, err = expandIf(e.b.Sub(s), true, e.want)
				e.changed = e.changed || changed
			}
		})
		g.Nodes = append(g.Nodes, n)
		return err
	}
	if depth > maxExpandDepth {
		return n.Wrap(graph.Limitf("expansions are nested more than %d deep", maxExpandDepth), nil)
	}
	e.changed = true
	mark := len(g.Nodes)
	e.b.Prefix(n.Label())
	res := graph.ExpandNode(e.b, n)
	if err := e.b.Err(); err != nil {
		return n.Wrap(err, nil)
	}
	made := append([]*graph.Node{}, g.Nodes[mark:]...)
	g.Nodes = g.Nodes[:mark]
	made, err := bear(e.b, n, res, made)
	if err != nil {
		return n.Wrap(err, nil)
	}
	for _, k := range made {
		if err := e.node(k, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// bear makes the nodes of an expansion compute the very values that n computed, so that their readers and names stay.
func bear(b *graph.Builder, n *graph.Node, res []*graph.Value, made []*graph.Node) ([]*graph.Node, error) {
	m := map[*graph.Value]*graph.Value{}
	mine := map[*graph.Node]bool{}
	for _, k := range made {
		mine[k] = true
	}
	for i, want := range n.Out {
		if want == nil {
			continue
		}
		if i >= len(res) || res[i] == nil {
			return nil, graph.Unsupportedf("output %d of %s", i, n.Op)
		}
		got := res[i]
		if m[got] == nil && got.Def != nil && mine[got.Def] {
			for k, v := range got.Def.Out {
				if v == got {
					got.Def.Out[k] = want
				}
			}
			want.Def, want.Ints = got.Def, got.Ints
			if !got.Type.IsZero() {
				want.Type = got.Type
			}
			m[got] = want
			continue
		}
		if m[got] != nil { // two outputs of the same value
			got = m[got]
		}
		id := &graph.Node{Op: b.Registry().Lookup("", "Identity", 0), In: []*graph.Value{got}, Out: []*graph.Value{want}}
		if id.Op == nil {
			return nil, graph.Unsupportedf("operator Identity")
		}
		want.Def = id
		made = append(made, id)
	}
	for _, k := range made {
		for i, v := range k.In {
			if w, ok := m[v]; ok && v != nil {
				k.In[i] = w
			}
		}
		k.Subgraphs(func(s *graph.Graph) { replaceAll(s, m) })
	}
	return made, nil
}

func replaceAll(g *graph.Graph, m map[*graph.Value]*graph.Value) {
	for i, v := range g.Outputs {
		if w, ok := m[v]; ok {
			g.Outputs[i] = w
		}
	}
	replace(g, m)
}
