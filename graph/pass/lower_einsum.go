package pass

import (
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
)

// LowerEinsum writes an Einsum that is a stack of matrix products as MatMul between transpositions, for the passes that know those. It needs two inputs with one
// label of their own each and one that is summed; all other labels are those of the stack.
func LowerEinsum(reg *graph.Registry, g *graph.Graph) (bool, error) {
	return rewrite(reg, g, einsumRules)
}

var einsumRules = []rule{{parse("e=Einsum(a, b)"), func(b *graph.Builder, m *match) *graph.Value {
	terms, out, ok := strings.Cut(strings.ReplaceAll(m.root.Str("equation"), " ", ""), "->")
	left, right, two := strings.Cut(terms, ",")
	x, y := m.val("a"), m.val("b")
	if !ok || !two || !plainLabels(left, x) || !plainLabels(right, y) || !plainLabels(out, nil) || !x.Type.DType.IsFloat() {
		return nil
	}
	var stack, rows, sums, cols []byte
	for _, l := range []byte(left) {
		switch both, kept := strings.IndexByte(right, l) >= 0, strings.IndexByte(out, l) >= 0; {
		case both && !sameExtent(x, strings.IndexByte(left, l), y, strings.IndexByte(right, l)): // one may be repeated
			return nil
		case both && kept:
			stack = append(stack, l)
		case both:
			sums = append(sums, l)
		default:
			rows = append(rows, l)
		}
	}
	for _, l := range []byte(right) {
		if strings.IndexByte(left, l) < 0 {
			cols = append(cols, l)
		}
	}
	product := slices.Concat(stack, rows, cols)
	if len(rows) != 1 || len(sums) != 1 || len(cols) != 1 || len(out) != len(product) || strings.IndexByte(out, rows[0]) < 0 || strings.IndexByte(out, cols[0]) < 0 {
		return nil
	}
	p := b.Op("MatMul", byLabels(b, x, left, slices.Concat(stack, rows, sums)), byLabels(b, y, right, slices.Concat(stack, sums, cols)))
	return byLabels(b, p, string(product), []byte(out))
}}}

// plainLabels reports whether a term has one letter for each axis of v, and none twice.
func plainLabels(term string, v *graph.Value) bool {
	for i := range len(term) {
		if l := term[i] | 0x20; l < 'a' || l > 'z' || strings.IndexByte(term[:i], term[i]) >= 0 {
			return false
		}
	}
	return v == nil || v.Type.Rank() == len(term)
}

func sameExtent(x *graph.Value, i int, y *graph.Value, k int) bool {
	d := x.Type.Shape[i]
	return d.Known() && d.Equal(y.Type.Shape[k])
}

// byLabels brings the axes of v, which have the labels from, into the order to.
func byLabels(b *graph.Builder, v *graph.Value, from string, to []byte) *graph.Value {
	if from == string(to) {
		return v
	}
	perm := make([]int64, len(to))
	for i, l := range to {
		perm[i] = int64(strings.IndexByte(from, l))
	}
	return b.Op("Transpose", v, graph.Ints("perm", perm...))
}
