package pass

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// FuseTranspose lets products of matrices read operands as they lie in memory: MatMul of a transposition becomes FusedMatMul of what is transposed, Gemm turns its flags, and
// the transposition of a product is the product of its sides, transposed, in the other order. The addition of a vector to a product joins it. Gradients are full of these; products
// by constants are packed before.
func FuseTranspose(reg *graph.Registry, g *graph.Graph) (bool, error) {
	return eachGraph(graph.NewBuilder(reg, g), func(b *graph.Builder) (bool, error) {
		f := fuseTranspose{fused: b.Registry().Lookup(private, "FusedMatMul", 0), readers: readersOf(b.Graph)}
		for _, c := range b.Graph.Carry {
			f.readers[c.Out] = append(f.readers[c.Out], nil)
		}
		changed := false
		for _, n := range b.Graph.Nodes {
			for i := range 2 {
				changed = f.operand(n, i) || changed
			}
			changed = f.result(n) || f.bias(n) || changed
		}
		return changed, nil
	})
}

type fuseTranspose struct {
	fused   *graph.Op
	readers readers
}

// product reports whether n is a product of matrices, or stacks of them, of float32.
func (f *fuseTranspose) product(n *graph.Node) bool {
	if n == nil || n.Op != f.fused && (n.Op.Domain != "" || n.Op.Name != "MatMul" && n.Op.Name != "Gemm") {
		return false
	}
	for _, v := range n.In[:2] {
		if v.Type.DType != tensor.Float32 || v.Type.Rank() < 2 {
			return false
		}
	}
	return true
}

// turned is what v is the transposition of, over the last two axes, or nil.
func turned(v *graph.Value) *graph.Value {
	n := v.Def
	if n == nil || n.Op.Domain != "" || n.Op.Name != "Transpose" {
		return nil
	}
	perm, ok := permutation(n)
	last := len(perm) - 1
	if !ok || last < 1 || perm[last] != last-1 || perm[last-1] != last {
		return nil
	}
	for i, p := range perm[:last-1] {
		if p != i {
			return nil
		}
	}
	return n.In[0]
}

// flags are the attributes that say which sides are transposed.
var transFlags = [2]string{"transA", "transB"}

// operand takes the transposition of operand i into the product n.
func (f *fuseTranspose) operand(n *graph.Node, i int) bool {
	if !f.product(n) {
		return false
	}
	v := turned(n.In[i])
	if v == nil {
		return false
	}
	flags := [2]bool{n.Bool(transFlags[0]), n.Bool(transFlags[1])}
	flags[i] = !flags[i]
	f.set(n, n, flags)
	n.In = slices.Clone(n.In)
	n.In[i] = v
	return true
}

// set makes n a product like p with the given flags.
func (f *fuseTranspose) set(n, p *graph.Node, flags [2]bool) {
	attrs := slices.DeleteFunc(slices.Clone(p.Attrs), func(a graph.Attr) bool { return slices.Contains(transFlags[:], a.Name) })
	for i, on := range flags {
		if on {
			attrs = append(attrs, graph.Int(transFlags[i], 1))
		}
	}
	op := p.Op
	if op.Name != "Gemm" {
		op = f.fused
	}
	n.Op, n.Attrs = op, attrs
}

// result turns n, the transposition of a product that nobody else reads, into a product. It keeps its place, behind all operands.
func (f *fuseTranspose) result(n *graph.Node) bool {
	if n.Op.Domain != "" || n.Op.Name != "Transpose" || n.Out[0] == nil {
		return false
	}
	v := turned(n.Out[0])
	if v == nil || !f.product(v.Def) || v.Def.Has(2) || f.readers.only(v) != n {
		return false
	}
	p := v.Def
	f.set(n, p, [2]bool{!p.Bool("transB"), !p.Bool("transA")})
	n.In = []*graph.Value{p.In[1], p.In[0]}
	return true
}

// bias turns n, the addition of a vector to a product that nobody else reads, into a product.
func (f *fuseTranspose) bias(n *graph.Node) bool {
	if n.Op.Domain != "" || n.Op.Name != "Add" || n.Out[0] == nil {
		return false
	}
	for i, v := range n.In {
		b := n.In[1-i]
		p := v.Def
		if !f.product(p) || p.Op.Name == "Gemm" || p.Has(2) || f.readers.only(v) != n || b.Type.DType != tensor.Float32 || b.Type.Rank() != 1 || !v.Type.Ranked ||
			!b.Type.Shape[0].Equal(v.Type.Shape[len(v.Type.Shape)-1]) {
			continue
		}
		f.set(n, p, [2]bool{p.Bool("transA"), p.Bool("transB")})
		n.In = []*graph.Value{p.In[0], p.In[1], b}
		return true
	}
	return false
}
