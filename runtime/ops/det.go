package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Det is the determinant of each matrix of a stack; that of a matrix without rows is 1.
var det = family(
	&graph.Op{Name: "Det", Since: 22, Sig: `(X:T) -> (Y:T)
		T = float`, Infer: inferDet, Run: halves(runDet), Grad: by1(func(r rule) *graph.Value { return r.Op(private+"::DetGrad", r.x(0), r.g(0)) })},
	&graph.Op{Since: 11, Sig: "T = f16 f32 f64"},
)

func inferDet(c *graph.Infer) error {
	s, ok := c.Shape(0)
	if !ok {
		c.Set(0, graph.Unranked(c.DType(0)))
		return nil
	}
	if len(s) < 2 {
		return graph.Shapef("determinant of %s", c.Type(0))
	}
	if a, b := s[len(s)-2], s[len(s)-1]; a.IsInt() && b.IsInt() && !a.Equal(b) {
		return graph.Shapef("determinant of %s: matrices are not square", c.Type(0))
	}
	c.SetTensor(0, c.DType(0), s[:len(s)-2]...)
	return nil
}

func runDet(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return detOf[float32](c)
	case tensor.Float64:
		return detOf[float64](c)
	}
	return graph.Typef("determinant of %s", c.In[0])
}

// detTask is one matrix per item, copied into the worker's part of buf.
type detTask[T float32 | float64] struct {
	x, y []T
	buf  []float64
	n    int
}

func detOf[T float32 | float64](c *graph.Ctx) error {
	n := c.In[0].Dim(c.In[0].Rank() - 1)
	buf, err := graph.Scratch[float64](c, c.Exec().Workers()*n*n)
	if err != nil {
		return err
	}
	y := tensor.Data[T](c.Out[0])
	graph.Parallel(c, len(y), 1+16384/max(1, n*n*n), detTask[T]{tensor.Data[T](c.In[0]), y, buf, n})
	return nil
}

func (a *detTask[T]) Do(worker, lo, hi int) {
	size := a.n * a.n
	m := a.buf[worker*size:][:size]
	for i := lo; i < hi; i++ {
		for k, v := range a.x[i*size:][:size] {
			m[k] = float64(v)
		}
		a.y[i] = T(kernel.Det(m, a.n))
	}
}
