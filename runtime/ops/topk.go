package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// TopK is the K largest or smallest elements along an axis and their positions, the first of them first; of equal elements the one with the
// lower position comes first. NaN is larger than all numbers. Without sorted the order is not defined, so that one code serves both.
var topK = family(
	&graph.Op{
		Name: "TopK", Since: 24,
		Sig: `(X:T, K:i64) -> (Values:T, Indices:I)
			T = num; I = i64
			axis int = -1; largest int = 1; sorted int = 1`,
		Infer: inferTopK, Run: runTopK,
		Grad: by1(topKGrad),
	},
	&graph.Op{Since: 11, Sig: "T = int f16 f32 f64"},
	&graph.Op{Since: 10, Sig: "T = f16 f32 f64; -largest; -sorted", Infer: inferTopK, Expand: expandTopK10},
	&graph.Op{Since: 1, Sig: "(X:T) -> (Values:T, Indices:I); k int!", Expand: expandTopK1},
)

func expandTopK10(b *graph.Builder, n *graph.Node) []*graph.Value {
	return b.OpN(2, "TopK", n.In[0], n.In[1], graph.Int("axis", n.Int("axis")))
}

func expandTopK1(b *graph.Builder, n *graph.Node) []*graph.Value {
	return b.OpN(2, "TopK", n.In[0], b.Ints(n.Int("k")), graph.Int("axis", n.Int("axis")))
}

func inferTopK(c *graph.Infer) error {
	for i := range c.In {
		if err := needTensor(c, i); err != nil {
			return err
		}
	}
	d := c.DType(0)
	c.Set(0, graph.Unranked(d))
	c.Set(1, graph.Unranked(tensor.Int64))
	x, ok := c.Shape(0)
	if !ok {
		return nil
	}
	axis, err := graph.Axis(c.Node.Int("axis"), len(x))
	if err != nil {
		return err
	}
	k := graph.Unknown()
	if v, ok := c.Ints(1); ok {
		if len(v) != 1 {
			return graph.Shapef("K has %d elements, want one", len(v))
		}
		k = v[0]
	}
	n, ok1 := x[axis].Int()
	if m, ok2 := k.Int(); ok2 && (m < 0 || ok1 && m > n) {
		return graph.Shapef("the first %d of %s elements along axis %d", m, x[axis], axis)
	}
	out := slices.Clone(x)
	out[axis] = k
	c.SetTensor(0, d, out...)
	c.SetTensor(1, tensor.Int64, slices.Clone(out)...)
	return nil
}

type topKArgs struct {
	x, values, indices *tensor.Tensor // values and indices may be nil
	rank               []kernel.Ranked
	keys               []uint64 // n for each worker, as rank
	n, inner, k        int
	flip               uint64 // turns the order around
	move               func(a *topKArgs, to, at int, rank []kernel.Ranked)
}

func runTopK(c *graph.Ctx) error {
	x := c.In[0]
	if x.Rank() == 0 {
		return graph.Shapef("first elements of a scalar")
	}
	outer, n, inner, err := split(x.Shape(), c.Node.Int("axis"))
	if err != nil {
		return err
	}
	k, err := oneInt(c.In[1], "K")
	if err != nil {
		return err
	}
	if k < 0 || k > n {
		return graph.Shapef("the first %d of %d elements", k, n)
	}
	a := topKArgs{x: x, n: n, inner: inner, k: k}
	for i := range c.Out {
		y := c.Out[i]
		if y != nil && y.Len() != outer*inner*k {
			return graph.Shapef("the first %d of %s along axis %d as %s", k, x, c.Node.Int("axis"), y)
		}
		if i == 0 {
			a.values = y
		} else {
			a.indices = y
		}
	}
	if k == 0 || outer*inner == 0 {
		return nil
	}
	workers := c.Exec().Workers()
	if a.rank, err = rankScratch(c, workers*n); err != nil {
		return err
	}
	if a.keys, err = graph.Scratch[uint64](c, workers*n); err != nil {
		return err
	}
	if c.Node.Bool("largest") {
		a.flip = ^uint64(0)
	}
	switch x.DType().Size() {
	case 1:
		a.move = moveTop[uint8]
	case 2:
		a.move = moveTop[uint16]
	case 4:
		a.move = moveTop[uint32]
	case 8:
		a.move = moveTop[uint64]
	}
	if !orderable(x.DType()) || a.move == nil {
		return graph.Typef("first elements of %s", x)
	}
	graph.For(c, outer*inner, 1+2048/n, a, topKRows)
	return nil
}

func topKRows(a *topKArgs, worker, lo, hi int) {
	keys, rank := a.keys[worker*a.n:(worker+1)*a.n], a.rank[worker*a.n:(worker+1)*a.n]
	for r := lo; r < hi; r++ {
		at := r/a.inner*a.n*a.inner + r%a.inner
		orderKeys(keys, a.x, at, a.inner)
		for i, key := range keys {
			rank[i] = kernel.Ranked{Key: key ^ a.flip, Index: i}
		}
		kernel.SelectTop(rank, a.k)
		to := r/a.inner*a.k*a.inner + r%a.inner
		if a.values != nil {
			a.move(a, to, at, rank[:a.k])
		}
		if a.indices != nil {
			y := tensor.Data[int64](a.indices)
			for i, v := range rank[:a.k] {
				y[to+i*a.inner] = int64(v.Index)
			}
		}
	}
}

func moveTop[T kernel.Cell](a *topKArgs, to, at int, rank []kernel.Ranked) {
	x, y := cells[T](a.x), cells[T](a.values)
	for _, v := range rank {
		y[to] = x[at+v.Index*a.inner]
		to += a.inner
	}
}
