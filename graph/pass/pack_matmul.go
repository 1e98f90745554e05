package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// private is the domain of operators that passes make of others.
const private = "ai.onnxrun"

// packMinColumns is the narrowest constant matrix that is worth a panel.
const packMinColumns = 4

// PackMatMul turns products by a constant matrix, MatMul and Gemm, into PackedMatMul, whose matrix folding lays out as kernels read it. What
// follows it alone joins it: the addition of a constant vector, that of a tensor of its shape, and an activation.
func PackMatMul(reg *graph.Registry, g *graph.Graph) (bool, error) {
	b := graph.NewBuilder(reg, g)
	b.Reserve()
	return eachGraph(b, func(b *graph.Builder) (bool, error) {
		packed := packMatMuls(b)
		joined := joinPacked(b.Graph)
		return packed || joined, b.Err()
	})
}

func packMatMuls(b *graph.Builder) bool {
	g := b.Graph
	old := g.Nodes
	g.Nodes = make([]*graph.Node, 0, len(old))
	changed := false
	for _, n := range old {
		if m, ok := packable(n); ok && b.Err() == nil {
			b.Prefix(n.Label())
			m.emit(b, n)
			changed = true
		} else {
			g.Nodes = append(g.Nodes, n)
		}
	}
	return changed
}

// packedMatMul is a product to pack: a·w·alpha + bias + residual.
type packedMatMul struct {
	a, w, bias, residual *graph.Value
	k, n                 int
	trans                bool
	alpha, beta          float32 // beta scales the bias
}

func packable(n *graph.Node) (m packedMatMul, ok bool) {
	if n.Op.Domain != "" || n.Op.Name != "MatMul" && n.Op.Name != "Gemm" || n.Out[0] == nil {
		return m, false
	}
	m = packedMatMul{a: n.In[0], w: n.In[1], alpha: 1, beta: 1}
	t := m.w.Const
	if t == nil || t.DType() != tensor.Float32 || t.Rank() != 2 || !m.a.Type.Ranked || len(m.a.Type.Shape) < 2 {
		return m, false
	}
	if n.Op.Name == "Gemm" {
		m.trans, m.alpha, m.beta = n.Bool("transB"), n.Float("alpha"), n.Float("beta")
		if n.Bool("transA") || n.Has(2) && m.beta != 0 && !m.addBias(n.In[2], n) {
			return m, false
		}
	}
	m.k, m.n = t.Dim(0), t.Dim(1)
	if m.trans {
		m.k, m.n = m.n, m.k
	}
	return m, m.k > 0 && m.n >= packMinColumns
}

// addBias makes c the bias or the residual of the Gemm n.
func (m *packedMatMul) addBias(c *graph.Value, n *graph.Node) bool {
	cols := n.Out[0].Type.Shape[1]
	switch {
	case c.Const != nil && isVector(c, cols):
		m.bias = c
		return true
	case m.beta == 1 && c.Type.Ranked && len(c.Type.Shape) == 1 && c.Type.Shape[0].Equal(cols):
		m.bias = c
		return true
	case m.beta == 1 && c.Type.Equal(n.Out[0].Type):
		m.residual = c
		return true
	}
	return false
}

// isVector reports whether v has n elements along its last axis, and no others.
func isVector(v *graph.Value, n graph.Dim) bool {
	s := v.Type.Shape
	if !v.Type.Ranked || len(s) == 0 || !n.IsInt() || !s[len(s)-1].Equal(n) {
		return false
	}
	for _, d := range s[:len(s)-1] {
		if !d.Is(1) {
			return false
		}
	}
	return true
}

// emit builds the product in place of n.
func (m *packedMatMul) emit(b *graph.Builder, n *graph.Node) {
	w, bias := m.w, m.bias
	if m.alpha != 1 {
		w = b.Op("Mul", w, b.Scalar(tensor.Float32, float64(m.alpha)))
	}
	if bias != nil && m.beta != 1 {
		bias = b.Op("Mul", bias, b.Scalar(tensor.Float32, float64(m.beta)))
	}
	if bias != nil && len(bias.Type.Shape) != 1 {
		bias = b.Op("Reshape", bias, b.Ints(m.n))
	}
	args := []graph.Arg{w}
	if m.trans {
		args = append(args, graph.Int("trans", 1))
	}
	if m.fewRows() {
		args = append(args, graph.Int("stream", 1))
	}
	p := b.Op(private+"::PackMatMul", args...)
	if b.Err() != nil {
		return
	}
	n.Op = b.Registry().Lookup(private, "PackedMatMul", 0)
	n.In = []*graph.Value{m.a, p, bias, m.residual}
	n.Attrs = []graph.Attr{graph.Int("k", m.k), graph.Int("n", m.n)}
	b.Graph.Nodes = append(b.Graph.Nodes, n)
}

// streamRows is the number of rows from which a product computes much longer on a page of the matrix than the processor takes to find that page.
const streamRows = 32

// fewRows reports whether the product may have so few rows that it waits for memory. Unknown extents may be 1.
func (m *packedMatMul) fewRows() bool {
	rows := 1
	for _, d := range m.a.Type.Shape[:len(m.a.Type.Shape)-1] {
		if n, ok := d.Int(); ok {
			rows = min(rows*min(n, streamRows), streamRows)
		}
	}
	return rows < streamRows
}

// joinPacked lets products take over what follows them. The node that joins becomes the product, at its own place, where all inputs are known.
func joinPacked(g *graph.Graph) bool {
	uses := readersOf(g)
	kept := make([]*graph.Node, 0, len(g.Nodes))
	for _, n := range g.Nodes {
		if n.Op.Name == "PackedMatMul" && n.Op.Domain == private && n.Str("activation") == "" {
			if next := uses.only(n.Out[0]); next != nil && joins(n, next) {
				continue
			}
		}
		kept = append(kept, n)
	}
	changed := len(kept) < len(g.Nodes)
	g.Nodes = kept
	return changed
}

// joins turns next, the only reader of the product n, into both of them, if it can.
func joins(n, next *graph.Node) bool {
	in, attrs := slices.Clone(n.In), slices.Clone(n.Attrs)
	y := n.Out[0]
	switch act, ok := activationAttrs(next); {
	case ok && next.In[0] == y:
		attrs = append(attrs, act...)
	case next.Op.Domain == "" && next.Op.Name == "Add" && next.In[0] != next.In[1] && next.Out[0].Type.Equal(y.Type):
		other := next.In[0]
		if other == y {
			other = next.In[1]
		}
		switch s := y.Type.Shape; {
		case in[2] == nil && other.Const != nil && len(other.Type.Shape) == 1 && isVector(other, s[len(s)-1]):
			in[2] = other
		case in[3] == nil && other.Type.Equal(y.Type):
			in[3] = other
		default:
			return false
		}
	default:
		return false
	}
	next.Op, next.In, next.Attrs = n.Op, in, attrs
	return true
}
