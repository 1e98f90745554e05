package ops

import "github.com/onnxrun/onnxrun/graph"

// RotaryEmbedding is that of the standard with the position_ids before the caches; one single id is the position of the first token.
var contribRotary = contribOp("RotaryEmbedding", `(input:T, position_ids:M, cos_cache:T, sin_cache:T) -> (output:T)
	T = f32 f16 bf16; M = i64
	interleaved int; is_packed_batching int; num_heads int; rotary_embedding_dim int; scale float`, single(func(c contrib) *graph.Value {
	x, pos := c.in(0), c.in(1)
	rank := c.rank(x)
	if c.n.Bool("is_packed_batching") {
		c.Fail(graph.Unsupportedf("RotaryEmbedding with is_packed_batching"))
	}
	seq, heads := 1, c.n.Int("num_heads")
	if rank == 4 {
		seq = 2
	}
	if c.rank(pos) == 1 {
		if d := c.dim(pos, 0); d.IsInt() && !d.Is(1) {
			c.Fail(graph.Shapef("position_ids are %s, want one or [batch, seq]", pos.Type))
		}
		pos = c.Op("Add", c.count(c.dims(x, seq, seq+1)), pos)
		pos = c.Op("Expand", pos, c.join(c.dims(x, 0, 1), c.dims(x, seq, seq+1)))
	}
	if half, ok := c.dim(c.in(2), -1).Int(); ok && heads == 0 && rank == 3 {
		width, ok := c.dim(x, 2).Int()
		if !ok || half == 0 || width%(2*half) != 0 {
			c.Fail(graph.Unsupportedf("RotaryEmbedding of %s without num_heads", x.Type))
			return nil
		}
		heads = width / (2 * half)
	}
	return c.rotated(x, c.in(2), c.in(3), pos, c.n.Bool("interleaved"), heads, c.n.Int("rotary_embedding_dim"))
}))

// rotated turns dim elements of each head of x, all that the caches are for when dim is 0.
func (c contrib) rotated(x, cos, sin, pos *graph.Value, interleaved bool, heads, dim int) *graph.Value {
	size := c.dim(x, -1)
	if c.rank(x) == 3 && heads > 0 {
		size = size.Div(graph.Size(heads))
	}
	if half, ok := c.dim(cos, -1).Int(); ok && dim == 0 && !size.Is(2*half) {
		dim = 2 * half
	}
	args := []graph.Arg{x, cos, sin, pos, graph.Int("rotary_embedding_dim", dim)}
	if interleaved {
		args = append(args, graph.Int("interleaved", 1))
	}
	if c.rank(x) == 3 {
		args = append(args, graph.Int("num_heads", heads))
	}
	return c.Op("RotaryEmbedding", args...)
}
