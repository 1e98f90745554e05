package nn

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Linear is x·Wᵀ + b over the last axis of x: [..., in] → [..., out]. Parameters: weight [out, in], bias [out].
func (n *Net) Linear(name string, x *graph.Value, out int) *graph.Value {
	return n.layer(name).linear(x, out, true)
}

// LinearNoBias is Linear without a bias.
func (n *Net) LinearNoBias(name string, x *graph.Value, out int) *graph.Value {
	return n.layer(name).linear(x, out, false)
}

func (n *Net) linear(x *graph.Value, out int, bias bool) *graph.Value {
	in := n.extent(x, -1)
	if !n.positive("a linear layer", out) {
		return nil
	}
	w := n.weight(usual, out, in)
	var b *graph.Value
	if bias {
		b = n.Param("bias", usualBias(out, in), out)
	}
	return n.affine(x, w, b)
}

// affine is x·wᵀ + b, b nil for none.
func (n *Net) affine(x, w, b *graph.Value) *graph.Value {
	if n.B.Err() != nil {
		return nil
	}
	if x.Type.Rank() == 2 {
		return n.op("Gemm", []*graph.Value{x, w, b}, graph.Int("transB", 1))
	}
	y := n.B.Op("MatMul", x, n.B.Op("Transpose", w, graph.Ints("perm", 1, 0)))
	if b == nil {
		return y
	}
	return n.B.Op("Add", y, b)
}

// Embedding looks the rows of a table up: integers [...] → [..., size]. Parameter: weight [count, size], normal.
func (n *Net) Embedding(name string, index *graph.Value, count, size int) *graph.Value {
	return n.embedding(name, index, count, size, -1)
}

// PaddedEmbedding is an Embedding whose row padding starts as zeros. That it also stays so is up to the trainer (finetune's FrozenRows).
func (n *Net) PaddedEmbedding(name string, index *graph.Value, count, size, padding int) *graph.Value {
	if padding < 0 || padding >= count {
		n.B.Fail(graph.Shapef("padding row %d of %d", padding, count))
	}
	return n.embedding(name, index, count, size, padding)
}

func (n *Net) embedding(name string, index *graph.Value, count, size, padding int) *graph.Value {
	s := n.layer(name)
	if !s.positive("an embedding", count, size) {
		return nil
	}
	w := s.weight(Normal(0, 1), count, size)
	if w != nil && padding >= 0 {
		clear(tensor.Data[float32](w.Const)[padding*size : (padding+1)*size])
	}
	return s.B.Op("Gather", w, index)
}

// Dropout passes x on, and drops elements with probability ratio in training.
func (n *Net) Dropout(x *graph.Value, ratio float64) *graph.Value {
	switch {
	case n.B.Err() != nil || ratio == 0:
		return x
	case !(ratio > 0 && ratio < 1):
		n.B.Fail(graph.Shapef("dropout of %g: want at least 0 and below 1", ratio))
		return nil
	}
	return n.B.Op("Dropout", x, n.B.Scalar(tensor.Float32, ratio))
}

// Flatten joins all axes but the first.
func (n *Net) Flatten(x *graph.Value) *graph.Value { return n.B.Op("Flatten", x, graph.Int("axis", 1)) }
