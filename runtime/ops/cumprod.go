package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// CumProd is the product of the elements up to each one along an axis, or without it when exclusive, or from it on when reverse.
var cumProd = family(&graph.Op{
	Name: "CumProd", Since: 26,
	Sig: `(x:T, axis:T2) -> (y:T)
		T = float i32 i64 u32 u64; T2 = i32 i64
		exclusive int = 0; reverse int = 0`,
	Infer: inferCumProd, Run: halves(runCumProd),
	Grad: by1(cumProdGrad),
})

func inferCumProd(c *graph.Infer) error {
	s, ok := c.Shape(0)
	if axis, known := c.ConstInts(1); ok && known {
		if len(axis) != 1 {
			return graph.Shapef("cumulative product along %d axes", len(axis))
		}
		if _, err := graph.Axis(axis[0], len(s)); err != nil {
			return err
		}
	}
	return graph.Same(c)
}

func runCumProd(c *graph.Ctx) error {
	if c.In[1].Len() != 1 {
		return graph.Shapef("cumulative product along the axes %s", c.In[1])
	}
	switch c.In[0].DType() {
	case tensor.Float32:
		return cumProdOf[float32](c)
	case tensor.Float64:
		return cumProdOf[float64](c)
	case tensor.Int32, tensor.Uint32: // the low bits of a product do not depend on the sign
		return cumProdOf[int32](c)
	case tensor.Int64, tensor.Uint64:
		return cumProdOf[int64](c)
	}
	return graph.Typef("cumulative product of %s", c.In[0])
}

type cumProdTask[T kernel.Numeric] struct {
	x, y               []T
	n, inner           int
	exclusive, reverse bool
}

func cumProdOf[T kernel.Numeric](c *graph.Ctx) error {
	if c.In[0].Rank() == 0 {
		return graph.Shapef("cumulative product of %s", c.In[0])
	}
	outer, n, inner, err := split(c.In[0].Shape(), int(c.In[1].Float(0)))
	if err != nil {
		return err
	}
	graph.Parallel(c, outer*inner, 1+16384/max(n, 1), cumProdTask[T]{
		tensor.Data[T](c.In[0]), tensor.Data[T](c.Out[0]), n, inner, c.Node.Bool("exclusive"), c.Node.Bool("reverse"),
	})
	return nil
}

func (a *cumProdTask[T]) Do(_, lo, hi int) {
	for r := lo; r < hi; r++ {
		at, step := r/a.inner*a.n*a.inner+r%a.inner, a.inner
		if a.reverse {
			at, step = at+(a.n-1)*step, -step
		}
		acc := T(1)
		for range a.n {
			if a.exclusive {
				a.y[at], acc = acc, acc*a.x[at]
			} else {
				acc *= a.x[at]
				a.y[at] = acc
			}
			at += step
		}
	}
}
