package ops

import (
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

func TestRotaryEmbedding(t *testing.T) {
	ts := func(v ...*tensor.Tensor) []*tensor.Tensor { return v }
	at := func(a ...graph.Attr) []graph.Attr { return a }
	// quarter turns: (a, b) becomes (-b, a); position 0 does not turn
	cos, sin := f32([]float32{1, 1, 0, 0}, 2, 2), f32([]float32{0, 0, 1, 1}, 2, 2)
	x := f32([]float32{1, 2, 3, 4}, 1, 1, 1, 4)
	optest.Run(t, Registry(), "RotaryEmbedding", []optest.Case{
		{Name: "halves", In: ts(x, cos, sin, i64([]int64{1}, 1, 1)), Want: ts(f32([]float32{-3, -4, 1, 2}, 1, 1, 1, 4))},
		{Name: "pairs", In: ts(x, cos, sin, i64([]int64{1}, 1, 1)), Attrs: at(graph.Int("interleaved", 1)), Want: ts(f32([]float32{-2, 1, -4, 3}, 1, 1, 1, 4))},
		{Name: "part", In: ts(x, f32([]float32{0}, 1, 1, 1), f32([]float32{1}, 1, 1, 1)), Attrs: at(graph.Int("rotary_embedding_dim", 2)), Want: ts(f32([]float32{-2, 1, 3, 4}, 1, 1, 1, 4))},
		{Name: "heads of tokens", In: ts(f32([]float32{1, 2, 3, 4, 1, 2, 3, 4}, 1, 2, 4), f32([]float32{1, 0}, 1, 2, 1), f32([]float32{0, 1}, 1, 2, 1)),
			Attrs: at(graph.Int("num_heads", 2)), Want: ts(f32([]float32{1, 2, 3, 4, -2, 1, -4, 3}, 1, 2, 4))},
		{Name: "tokens of heads", In: ts(f32([]float32{1, 2, 3, 4, 1, 2, 3, 4}, 1, 2, 2, 2), f32([]float32{1, 0}, 1, 2, 1), f32([]float32{0, 1}, 1, 2, 1)),
			Want: ts(f32([]float32{1, 2, -4, 3, 1, 2, -4, 3}, 1, 2, 2, 2))},
		{Name: "empty", In: ts(f32(nil, 1, 2, 0, 2), f32(nil, 1, 0, 1), f32(nil, 1, 0, 1)), Want: ts(f32(nil, 1, 2, 0, 2))},
		{Name: "position", In: ts(x, cos, sin, i64([]int64{2}, 1, 1)), Err: graph.ErrShape, Text: "position 2"},
		{Name: "odd", In: ts(x, cos, sin), Attrs: at(graph.Int("rotary_embedding_dim", 3)), Err: graph.ErrShape, Text: "3 elements"},
		{Name: "heads", In: ts(count(1, 1, 4), cos, sin), Err: graph.ErrShape, Text: "0 heads"},
		{Name: "cache", In: ts(x, cos, sin), Err: graph.ErrShape, Text: "cache"},
	})
}
