package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// detGrad is the gradient of Det: G times the cofactors of X, which need no inverse and so exist for singular matrices too. It takes n² determinants.
var detGrad = family(&graph.Op{
	Domain: private, Name: "DetGrad", Since: 1,
	Sig: `(X:T, G:T) -> (Y:T)
		T = float`,
	Infer: graph.Same,
	Run: halves(func(c *graph.Ctx) error {
		if c.In[0].DType() == tensor.Float64 {
			return cofactors[float64](c)
		}
		return cofactors[float32](c)
	}),
})

func cofactors[T float32 | float64](c *graph.Ctx) error {
	n := c.In[0].Dim(c.In[0].Rank() - 1)
	x, g, y := tensor.Data[T](c.In[0]), tensor.Data[T](c.In[1]), tensor.Data[T](c.Out[0])
	m, err := graph.Scratch[float64](c, n*n)
	if err != nil {
		return err
	}
	for i := range y {
		if err := c.Exec().Stopped(); err != nil {
			return err
		}
		row, col, whole := i/n%n, i%n, x[i/(n*n)*n*n:][:n*n]
		k := 0
		for p, v := range whole {
			if p/n != row && p%n != col {
				m[k] = float64(v)
				k++
			}
		}
		d := kernel.Det(m[:k], n-1)
		if (row+col)%2 == 1 {
			d = -d
		}
		y[i] = T(d) * g[i/(n*n)]
	}
	return nil
}
