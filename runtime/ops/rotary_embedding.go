package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// RotaryEmbedding turns pairs of elements of each head by the angle of the token's position (https://arxiv.org/abs/2104.09864).
// X is [batch, seq, heads·size] or [batch, heads, seq, size]. The caches are [positions, dim/2] with position_ids [batch, seq], or
// [batch, seq, dim/2] without, where dim is the part of the head that is turned: rotary_embedding_dim, or all of it.
var rotaryEmbedding = family(&graph.Op{
	Name: "RotaryEmbedding", Since: 23,
	Sig: `(X:T, cos_cache:T, sin_cache:T, position_ids?:M) -> (Y:T)
		T = f16 bf16 f32; M = i64
		interleaved int = 0; num_heads int; rotary_embedding_dim int = 0`,
	Infer: inferRotary, Run: halves(runRotary), Grad: by(rotaryGrad),
})

func inferRotary(c *graph.Infer) error {
	s, ok := c.Shape(0)
	if !ok {
		return graph.Same(c)
	}
	heads, dim := c.Node.Int("num_heads"), c.Node.Int("rotary_embedding_dim")
	if len(s) != 3 && len(s) != 4 {
		return graph.Shapef("rotary embedding of %s", c.Type(0))
	}
	if x, static := c.Type(0).Static(); static {
		if len(x) == 3 && (heads <= 0 || x[2]%heads != 0) {
			return graph.Shapef("rotary embedding of %s with %d heads", c.Type(0), heads)
		}
		size := x[len(x)-1]
		if len(x) == 3 {
			size /= heads
		}
		if dim == 0 {
			dim = size
		}
		if dim < 0 || dim > size || dim%2 != 0 {
			return graph.Shapef("rotary embedding of %d elements of heads of %d", dim, size)
		}
		seq := x[1]
		if len(x) == 4 {
			seq = x[2]
		}
		want := []int{x[0], seq, dim / 2}
		if c.Has(3) {
			if p, known := c.Type(3).Static(); known && !p.Equal(want[:2]) {
				return graph.Shapef("position_ids are %s, want %v", c.Type(3), want[:2])
			}
			want = want[2:]
		}
		for i := 1; i <= 2; i++ {
			t, known := c.Type(i).Static()
			if !known {
				continue
			}
			fits := !c.Has(3) && len(t) == 3 && t[1] == want[1] && t[2] == want[2] && (t[0] == want[0] || t[0] == 1) // one batch serves all, as exporters write
			if c.Has(3) {
				fits = len(t) == 2 && t[1] == want[0]
			}
			if !fits {
				return graph.Shapef("cache of rotary embedding is %s, want %v last", c.Type(i), want)
			}
		}
		if a, ok := c.Type(1).Static(); ok {
			if b, ok := c.Type(2).Static(); ok && !a.Equal(b) {
				return graph.Shapef("caches of rotary embedding are %s and %s", c.Type(1), c.Type(2))
			}
		}
	}
	return graph.Same(c)
}

// rotary is the work on one vector of one head of one token per item, in the order of X.
type rotary struct {
	x, y, cos, sin   []float32
	pos              []int64 // nil when the caches have a row for each token
	rows             int     // of the caches: tokens of all batches, or of one that serves all
	heads, seq       int
	size, dim        int
	interleaved, tok bool // tok: heads of one token lie together
}

func runRotary(c *graph.Ctx) error {
	x := c.In[0]
	if x.DType() != tensor.Float32 {
		return graph.Typef("rotary embedding of %s", x)
	}
	r := rotary{
		x: tensor.Data[float32](x), y: tensor.Data[float32](c.Out[0]), cos: tensor.Data[float32](c.In[1]), sin: tensor.Data[float32](c.In[2]),
		interleaved: c.Node.Bool("interleaved"), dim: c.Node.Int("rotary_embedding_dim"),
	}
	if x.Rank() == 3 {
		r.tok, r.heads, r.seq = true, c.Node.Int("num_heads"), x.Dim(1)
		r.size = x.Dim(2) / r.heads
	} else {
		r.heads, r.seq, r.size = x.Dim(1), x.Dim(2), x.Dim(3)
	}
	if r.dim == 0 {
		r.dim = r.size
	}
	r.rows = c.In[1].Dim(0)
	if c.In[1].Rank() == 3 {
		r.rows *= c.In[1].Dim(1)
	}
	if c.Has(3) {
		r.pos = tensor.Data[int64](c.In[3])
		for _, p := range r.pos {
			if p < 0 || int(p) >= c.In[1].Dim(0) {
				return graph.Shapef("position %d in a cache of rotary embedding of %d", p, c.In[1].Dim(0))
			}
		}
	}
	if len(r.x) > 0 {
		graph.Parallel(c, len(r.x)/r.size, 1+16384/r.size, r)
	}
	return nil
}

func (r *rotary) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		token := i / r.heads // [batch, seq, head]
		if !r.tok {          // [batch, head, seq]
			token = i/r.heads/r.seq*r.seq + i%r.seq
		}
		if r.pos != nil {
			token = int(r.pos[token])
		} else {
			token %= r.rows
		}
		half := r.dim / 2
		x, y := r.x[i*r.size:][:r.size], r.y[i*r.size:][:r.size]
		cos, sin := r.cos[token*half:][:half], r.sin[token*half:][:half]
		if r.interleaved {
			kernel.RotatePairs(y[:r.dim], x, cos, sin)
		} else {
			kernel.RotateHalves(y, x[:r.dim], cos, sin, 0)
		}
		copy(y[r.dim:], x[r.dim:])
	}
}
