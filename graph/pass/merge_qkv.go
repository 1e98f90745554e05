package pass

import (
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// mergeLargest bounds the matrices to merge: larger ones keep all threads busy, and would take time and memory to copy.
const mergeLargest = 1 << 18

// MergeQKV makes one product of those that compute Q, K and V, or K and V alone, from one value: x·[Wq Wk Wv] + [bq bk bv]. FusedAttention reads
// its parts where they lie.
func MergeQKV(reg *graph.Registry, g *graph.Graph) (bool, error) {
	return rewrite(reg, g, []rule{{mergePattern("q", "k", "v"), mergeQKV}, {mergePattern("k", "v"), mergeQKV}})
}

func mergePattern(parts ...string) *pattern {
	args := make([]string, 0, 3)
	if len(parts) == 2 {
		args = append(args, "query")
	}
	for _, p := range parts {
		args = append(args, strings.ReplaceAll("p%=Reshape(Add?(MatMul(x, @w%), @b%), ...)", "%", p))
	}
	return parse(private + "::FusedAttention(" + strings.Join(args, ", ") + ", ...)")
}

func mergeQKV(b *graph.Builder, m *match) *graph.Value {
	n := m.root
	parts := []string{"q", "k", "v"}
	if m.val("pq") == nil {
		parts = parts[1:]
	}
	letters, first := n.Str(parts[0]), m.val("p"+parts[0]).Type
	width := len(letters) - 2
	if width < 0 || letters[width:] != "hd" {
		return nil
	}
	var weights, biases []*tensor.Tensor
	biased := false
	for _, p := range parts {
		w := m.val("w" + p).Const
		h, d, ok := lastTwo(m.val("p" + p).Type)
		if n.Str(p) != letters || !m.val("p"+p).Type.Equal(first) || !ok || w.Rank() != 2 || w.DType() != tensor.Float32 || h*d != w.Dim(1) || w.Len() > mergeLargest || w.Dim(0) != m.val("w"+parts[0]).Const.Dim(0) {
			return nil
		}
		bias := tensor.Must(tensor.New(tensor.Float32, w.Dim(1))) // zero
		if v := m.val("b" + p); v != nil {
			if v.Const.DType() != tensor.Float32 || v.Const.Len() != w.Dim(1) || v.Const.Rank() > m.val("x").Type.Rank() {
				return nil
			}
			bias, biased = v.Const, true
		}
		weights, biases = append(weights, w), append(biases, bias)
	}
	y := b.Op("MatMul", m.val("x"), b.Const(beside(weights)))
	if biased {
		y = b.Op("Add", y, b.Const(beside(biases)))
	}
	if b.Err() != nil {
		return nil
	}
	shape := slices.Insert(slices.Clone(first.Shape), width, graph.Size(len(parts)))
	y = reshaped(b, y, shape)
	args := make([]graph.Arg, 0, len(n.In)+len(n.Attrs))
	for i, v := range n.In {
		if i < 3 && i >= 3-len(parts) {
			v = y
		}
		args = append(args, v)
	}
	for _, a := range n.Attrs {
		if !slices.Contains(parts, a.Name) {
			args = append(args, a)
		}
	}
	for i, p := range parts {
		args = append(args, graph.Str(p, letters[:width]+string(rune('0'+i))+"hd"))
	}
	return b.Op(private+"::FusedAttention", args...)
}

func lastTwo(t graph.Type) (a, b int, ok bool) {
	if t.Rank() < 2 {
		return 0, 0, false
	}
	a, okA := t.Shape[t.Rank()-2].Int()
	b, okB := t.Shape[t.Rank()-1].Int()
	return a, b, okA && okB
}

// beside joins float32 matrices of as many rows, or vectors, along their last axis.
func beside(parts []*tensor.Tensor) *tensor.Tensor {
	rows, width := 1, 0
	for _, t := range parts {
		n := t.Len()
		if t.Rank() == 2 {
			rows, n = t.Dim(0), t.Dim(1)
		}
		width += n
	}
	out, at := make([]float32, rows*width), 0
	for _, t := range parts {
		n := t.Len() / max(1, rows)
		for r := range rows {
			copy(out[r*width+at:][:n], tensor.Data[float32](t)[r*n:])
		}
		at += n
	}
	if parts[0].Rank() == 2 {
		return tensor.Must(tensor.Of(out, rows, width))
	}
	return tensor.Must(tensor.Of(out, width))
}
