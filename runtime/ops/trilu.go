package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Trilu keeps the upper or the lower triangle of each matrix, from or up to the k-th diagonal, and sets the rest to zero.
var trilu = family(
	&graph.Op{
		Name: "Trilu", Since: 14,
		Sig: `(input:T, k?:i64) -> (output:T)
			T = tensor
			upper int = 1`,
		Infer: inferTrilu, Run: runTrilu,
		Grad: by1(func(r rule) *graph.Value {
			return r.Op("Trilu", r.g(0), r.input(1), graph.Int("upper", r.n.Int("upper")))
		}),
	},
)

func inferTrilu(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	if s, ok := c.Shape(0); ok && len(s) < 2 {
		return graph.Shapef("triangle of %s, want two axes or more", c.Type(0))
	}
	if s, ok := c.Type(1).Static(); ok && s.Elems() != 1 {
		return graph.Shapef("k is %s, want one element", c.Type(1))
	}
	return graph.Same(c)
}

type triluArgs struct {
	y, x    *tensor.Tensor
	h, w, k int
	upper   bool
}

var triluBodies = widths[triluArgs]{triluBody[uint8], triluBody[uint16], triluBody[uint32], triluBody[uint64], triluBody[complex128], triluBody[string]}

func triluBody[T kernel.Cell](a *triluArgs, _, lo, hi int) {
	kernel.Trilu(cells[T](a.y), cells[T](a.x), a.h, a.w, a.k, a.upper, lo, hi)
}

func runTrilu(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	if x.Rank() < 2 || y.Len() != x.Len() {
		return graph.Shapef("triangle of %s", x)
	}
	h, w := x.Dim(x.Rank()-2), x.Dim(x.Rank()-1)
	k := 0
	if c.Has(1) {
		if c.In[1].DType() != tensor.Int64 || c.In[1].Len() != 1 {
			return graph.Typef("k is %s, want an integer", c.In[1])
		}
		k = int(min(max(tensor.Data[int64](c.In[1])[0], -int64(h)), int64(w)))
	}
	if x.Len() == 0 {
		return nil
	}
	return triluBodies.run(c, x.DType(), x.Len()/w, 1+32768/w, triluArgs{y, x, h, w, k, c.Node.Bool("upper")})
}
