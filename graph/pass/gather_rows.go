package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// GatherRows turns chains of operators that only move the rows of one tensor (Slice, Concat and Transpose, with Reshape between them) into one
// Gather, as in windows that are rolled and cut (https://arxiv.org/abs/2103.14030) and in patches that are merged. Its indices come from the
// same chain on the numbers of the rows, which folding computes. A row is what lies along the last axis of the tensor; all shapes must be known.
func GatherRows(reg *graph.Registry, g *graph.Graph) (bool, error) {
	b := graph.NewBuilder(reg, g)
	b.Reserve()
	return eachGraph(b, func(b *graph.Builder) (bool, error) {
		w := &rowMover{moved: map[*graph.Value]*movedRows{}, rows: map[*graph.Value]*graph.Value{}, isOut: outputs(b.Graph), readers: readersOf(b.Graph)}
		return w.run(b), b.Err()
	})
}

// minRow is the number of elements from which on a row is worth an index.
const minRow = 16

// movedRows is a value that holds rows of source in another order.
type movedRows struct {
	node   *graph.Node
	source *graph.Value
	row    int // elements
	moves  int // operators that copy
	index  *graph.Value
}

type rowMover struct {
	moved   map[*graph.Value]*movedRows
	rows    map[*graph.Value]*graph.Value // the numbers of the rows of sources
	isOut   map[*graph.Value]bool
	readers readers
}

func (w *rowMover) run(b *graph.Builder) bool {
	g := b.Graph
	old := g.Nodes
	for _, n := range old {
		w.follow(n)
	}
	g.Nodes = make([]*graph.Node, 0, len(old))
	changed := false
	for _, n := range old {
		var m *movedRows
		if len(n.Out) == 1 {
			m = w.moved[n.Out[0]]
		}
		if m == nil || m.moves < 2 || !w.ends(n.Out[0]) || b.Err() != nil {
			g.Nodes = append(g.Nodes, n)
			continue
		}
		b.Prefix(n.Label())
		v := n.Out[0]
		shape, _ := v.Type.Static()
		rows := b.Op("Reshape", m.source, b.Ints(-1, m.row))
		picked := b.Op("Gather", rows, b.Op("Reshape", w.index(b, v), b.Ints(-1)), graph.Int("axis", 0))
		if y := b.Op("Reshape", picked, b.Ints(shape...)); y != nil {
			y.Def.Out[0], v.Def = v, y.Def
		}
		changed = true
	}
	return changed
}

// ends reports whether something reads v that is no part of the chain.
func (w *rowMover) ends(v *graph.Value) bool {
	return w.isOut[v] || slices.ContainsFunc(w.readers[v], func(r *graph.Node) bool {
		return r == nil || len(r.Out) != 1 || w.moved[r.Out[0]] == nil
	})
}

// follow takes note of what the output of n holds when n moves rows. Nodes come in order.
func (w *rowMover) follow(n *graph.Node) {
	if n.Op.Domain != "" || len(n.Out) != 1 || n.Out[0] == nil {
		return
	}
	if data := movedInputs(n); data != nil {
		if m := w.join(n, data); m != nil {
			m.node = n
			w.moved[n.Out[0]] = m
		}
	}
}

// movedInputs are the tensors that a moving operator moves; the rest of its inputs must be constants.
func movedInputs(n *graph.Node) []*graph.Value {
	switch n.Op.Name {
	case "Concat":
		return n.In
	case "Slice", "Reshape", "Transpose":
		for _, v := range n.In[1:] {
			if v != nil && v.Const == nil {
				return nil
			}
		}
		return n.In[:1]
	}
	return nil
}

func (w *rowMover) join(n *graph.Node, data []*graph.Value) *movedRows {
	out, ok := n.Out[0].Type.Static()
	if !ok || len(out) == 0 || out.Elems() == 0 {
		return nil
	}
	var m *movedRows
	for _, v := range data {
		if v == nil || v.Const != nil {
			return nil
		}
		from := w.moved[v]
		if from == nil {
			s, ok := v.Type.Static()
			if !ok || len(s) == 0 || s[len(s)-1] < minRow {
				return nil
			}
			from = &movedRows{source: v, row: s[len(s)-1]}
		}
		if m == nil {
			m = &movedRows{source: from.source, row: from.row}
		} else if m.source != from.source {
			return nil
		}
		m.moves += from.moves
	}
	if m == nil || out[len(out)-1]%m.row != 0 || !wholeRows(n, len(out)) {
		return nil
	}
	if n.Op.Name != "Reshape" {
		m.moves++
	}
	return m
}

// wholeRows reports whether n, with outputs of the given rank, leaves rows in one piece.
func wholeRows(n *graph.Node, rank int) bool {
	switch n.Op.Name {
	case "Transpose":
		perm, ok := permutation(n)
		return ok && perm[rank-1] == rank-1
	case "Slice":
		if !n.Has(3) {
			return n.In[1].Const.Len() < rank // the first axes
		}
		for i := range n.In[3].Const.Len() {
			if a := int(n.In[3].Const.Float(i)); a == rank-1 || a == -1 {
				return false
			}
		}
	}
	return true
}

// index is the value of v on the numbers of the rows: the same operators, with an extent of the last axis that counts rows.
func (w *rowMover) index(b *graph.Builder, v *graph.Value) *graph.Value {
	m := w.moved[v]
	if m == nil { // the source
		if r := w.rows[v]; r != nil {
			return r
		}
		shape, _ := v.Type.Static()
		shape = slices.Clone(shape)
		shape[len(shape)-1] = 1
		rows := make([]int64, shape.Elems())
		for i := range rows {
			rows[i] = int64(i)
		}
		t, err := tensor.Of(rows, shape...)
		if err != nil {
			b.Fail(err)
			return nil
		}
		w.rows[v] = b.Const(t)
		return w.rows[v]
	}
	if m.index != nil {
		return m.index
	}
	n := m.node
	if n.Op.Name == "Reshape" {
		shape, _ := v.Type.Static()
		shape = slices.Clone(shape)
		shape[len(shape)-1] /= m.row
		m.index = b.Op("Reshape", w.index(b, n.In[0]), b.Ints(shape...))
		return m.index
	}
	in := slices.Clone(n.In)
	for i := range movedInputs(n) {
		in[i] = w.index(b, n.In[i])
	}
	m.index = again(b, n, in...)
	return m.index
}
