package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Sequences follows sequences whose elements are known before the run, and takes their elements directly: pieces of SplitToSequence come from one Split, SequenceAt
// at a known position is the element, ConcatFromSequence a Concat. Exporters of PyTorch write split, unbind, chunk and lists so; without the sequences nothing is
// copied or allocated while the graph runs, and there are gradients.
func Sequences(reg *graph.Registry, g *graph.Graph) (bool, error) {
	changed := false
	for _, n := range g.Nodes {
		var err error
		n.Subgraphs(func(s *graph.Graph) {
			if err == nil {
				var c bool
				c, err = Sequences(reg, s)
				changed = changed || c
			}
		})
		if err != nil {
			return changed, err
		}
	}
	b := graph.NewBuilder(reg, g)
	b.Reserve()
	p := &sequences{b: b, elems: map[*graph.Value][]*graph.Value{}, taken: map[*graph.Value]*graph.Value{}, held: outputs(g)}
	nodes := g.Nodes
	g.Nodes = make([]*graph.Node, 0, len(nodes))
	for _, n := range nodes {
		for i, v := range n.In {
			if w := p.taken[v]; w != nil {
				n.In[i] = w
			}
		}
		if n.Op.Domain != "" || !p.node(n) {
			g.Nodes = append(g.Nodes, n)
		}
	}
	replace(g, p.taken) // in graphs inside nodes
	return changed || p.changed, b.Err()
}

type sequences struct {
	b       *graph.Builder
	elems   map[*graph.Value][]*graph.Value // of the sequences that are known
	taken   map[*graph.Value]*graph.Value   // what stands for the output of a node that is left out
	held    map[*graph.Value]bool           // outputs of the graph
	changed bool
}

// node takes note of a sequence, or writes what the node takes from one; it reports whether the node can be left out.
func (p *sequences) node(n *graph.Node) bool {
	seq, known := []*graph.Value(nil), false
	if len(n.In) > 0 {
		seq, known = p.elems[n.In[0]]
	}
	p.b.Prefix(n.Label())
	switch n.Op.Name {
	case "SequenceConstruct":
		p.elems[n.Out[0]] = slices.Clone(n.In)
	case "SequenceEmpty":
		p.elems[n.Out[0]] = []*graph.Value{}
	case "Identity":
		if known {
			p.elems[n.Out[0]] = seq
		}
	case "SplitToSequence":
		if e := p.split(n); e != nil {
			p.elems[n.Out[0]] = e
		}
	case "SequenceInsert":
		if at, ok := position(n, 2, len(seq), len(seq)+1); known && ok {
			p.elems[n.Out[0]] = slices.Insert(slices.Clone(seq), at, n.In[1])
		}
	case "SequenceErase":
		if at, ok := position(n, 1, len(seq)-1, len(seq)); known && ok {
			p.elems[n.Out[0]] = slices.Delete(slices.Clone(seq), at, at+1)
		}
	case "SequenceAt":
		if at, ok := position(n, 1, -1, len(seq)); known && ok {
			return p.give(n, seq[at])
		}
		if v := p.row(n); v != nil {
			return p.give(n, v)
		}
	case "SequenceLength":
		if known {
			return p.give(n, p.b.Const(tensor.Scalar(int64(len(seq)))))
		}
	case "ConcatFromSequence":
		if known && len(seq) > 0 {
			return p.give(n, p.concat(n, seq))
		}
	}
	return false
}

// row is the piece that n takes from a tensor that was split into its slices along an axis of any extent, nil where it is not such.
func (p *sequences) row(n *graph.Node) *graph.Value {
	split := n.In[0].Def
	if split == nil || split.Op.Domain != "" || split.Op.Name != "SplitToSequence" || split.Has(1) || split.Bool("keepdims") {
		return nil
	}
	if at := n.In[1].Const; at != nil && at.Len() == 1 && (at.DType() == tensor.Int64 || at.DType() == tensor.Int32) {
		return p.b.Op("Gather", split.In[0], p.b.Const(tensor.Scalar(int64(at.Float(0)))), graph.Int("axis", split.Int("axis")))
	}
	return nil
}

// give lets v stand for the output of n.
func (p *sequences) give(n *graph.Node, v *graph.Value) bool {
	if p.b.Err() != nil {
		return false
	}
	p.changed = true
	if p.held[n.Out[0]] {
		p.b.Append(&graph.Node{Op: p.b.Registry().Lookup("", "Identity", 0), In: []*graph.Value{v}}, n.Out[0])
	} else {
		p.taken[n.Out[0]] = v
	}
	return true
}

// concat joins the elements along an axis of theirs, or a new one.
func (p *sequences) concat(n *graph.Node, seq []*graph.Value) *graph.Value {
	axis := n.Int("axis")
	args := make([]graph.Arg, len(seq), len(seq)+1)
	for i, v := range seq {
		if n.Bool("new_axis") {
			v = p.b.Op("Unsqueeze", v, p.b.Ints(axis))
		}
		args[i] = v
	}
	return p.b.Op("Concat", append(args, graph.Int("axis", axis))...)
}

// maxPieces bounds the pieces that are written as outputs of one node.
const maxPieces = 1 << 10

// split is the pieces of a SplitToSequence, nil where their extents are not known.
func (p *sequences) split(n *graph.Node) []*graph.Value {
	x := n.In[0].Type
	axis := n.Int("axis")
	if axis < 0 {
		axis += len(x.Shape)
	}
	if !x.Ranked || axis < 0 || axis >= len(x.Shape) {
		return nil
	}
	total, known := x.Shape[axis].Int()
	extents := splitExtents(n, total, known)
	if len(extents) == 0 || len(extents) > maxPieces {
		return nil
	}
	pieces := p.b.OpN(len(extents), "Split", n.In[0], p.b.Ints(extents...), graph.Int("axis", axis))
	if !n.Has(1) && !n.Bool("keepdims") {
		for i := range pieces {
			pieces[i] = p.b.Op("Squeeze", pieces[i], p.b.Ints(axis))
		}
	}
	if p.b.Err() != nil {
		return nil
	}
	p.changed = true
	return pieces
}

// splitExtents are the extents of the pieces of an axis, nil where they are not known or do not fit: the run reports that.
func splitExtents(n *graph.Node, total int, known bool) []int {
	step := 1
	if n.Has(1) {
		split := n.In[1].Const
		if split == nil || split.DType() != tensor.Int64 && split.DType() != tensor.Int32 {
			return nil
		}
		if split.Rank() == 1 {
			var extents []int
			sum := 0
			for i := range min(split.Len(), maxPieces+1) {
				extents = append(extents, int(split.Float(i)))
				sum += extents[i]
			}
			if known && sum != total {
				return nil
			}
			return extents
		}
		if split.Len() != 1 {
			return nil
		}
		step = int(split.Float(0))
	}
	if !known || step <= 0 || total/step > maxPieces {
		return nil
	}
	var extents []int
	for at := 0; at < total; at += step {
		extents = append(extents, min(step, total-at))
	}
	return extents
}

// position is the constant input i as a place below limit; without the input it is the default.
func position(n *graph.Node, i, absent, limit int) (int, bool) {
	at := absent
	if n.Has(i) {
		t := n.In[i].Const
		if t == nil || t.Len() != 1 {
			return 0, false
		}
		if at = int(t.Float(0)); at < 0 {
			at += limit
			if n.Op.Name == "SequenceInsert" { // there are as many negative places as elements
				at--
			}
		}
	}
	return at, at >= 0 && at < limit
}
