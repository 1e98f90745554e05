package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Inverse is the inverse of each matrix of a stack, in float64; that of a singular matrix has elements that are Inf or NaN.
var inverse = grad1(family(&graph.Op{
	Domain: "com.microsoft", Name: "Inverse", Since: 1,
	Sig: `(X:T) -> (Y:T)
		T = f16 f32 f64`,
	Infer: inferInverse, Run: halves(runInverse),
}), func(r rule) *graph.Value { // of X·Y = 1: dX·Y + X·dY = 0
	yT := r.transposed(r.y(0))
	return r.neg(r.Op("MatMul", r.Op("MatMul", yT, r.g(0)), yT))
})

func inferInverse(c *graph.Infer) error {
	if s, ok := c.Shape(0); ok {
		if len(s) < 2 {
			return graph.Shapef("inverse of %s", c.Type(0))
		}
		if a, b := s[len(s)-2], s[len(s)-1]; a.IsInt() && b.IsInt() && !a.Equal(b) {
			return graph.Shapef("inverse of %s: matrices are not square", c.Type(0))
		}
	}
	return graph.Same(c)
}

func runInverse(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return inverseOf[float32](c)
	case tensor.Float64:
		return inverseOf[float64](c)
	}
	return graph.Typef("inverse of %s", c.In[0])
}

// inverseTask is one matrix per item, copied into the worker's part of buf with room for the inverse behind it.
type inverseTask[T float32 | float64] struct {
	x, y []T
	buf  []float64
	n    int
}

func inverseOf[T float32 | float64](c *graph.Ctx) error {
	n := c.In[0].Dim(c.In[0].Rank() - 1)
	buf, err := graph.Scratch[float64](c, c.Exec().Workers()*2*n*n)
	if err != nil || n == 0 {
		return err
	}
	x := tensor.Data[T](c.In[0])
	graph.Parallel(c, len(x)/(n*n), 1+16384/(n*n*n), inverseTask[T]{x, tensor.Data[T](c.Out[0]), buf, n})
	return nil
}

func (a *inverseTask[T]) Do(worker, lo, hi int) {
	size := a.n * a.n
	m := a.buf[worker*2*size:][:2*size]
	for i := lo; i < hi; i++ {
		for k, v := range a.x[i*size:][:size] {
			m[k] = float64(v)
		}
		kernel.Inverse(m[size:], m[:size], a.n)
		for k, v := range m[size:] {
			a.y[i*size+k] = T(v)
		}
	}
}
