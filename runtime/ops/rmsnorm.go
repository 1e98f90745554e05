package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// RMSNormalization is X/sqrt(mean(X²) + epsilon)·scale, the mean over the axes from axis on. Y has the type of scale. Sums are in float64.
var rmsNormalization = family(
	&graph.Op{
		Name: "RMSNormalization", Since: 23,
		Sig: `(X:T, scale:V) -> (Y:V)
			T = float; V = float
			axis int = -1; epsilon float = 1e-5; stash_type int = 1`,
		Infer: inferRMSNorm, Run: halves(runRMSNorm), InPlace: true,
		Grad: by(rmsNormGrad),
	},
)

func inferRMSNorm(c *graph.Infer) error {
	y := c.Type(0)
	y.DType = c.DType(1)
	c.Set(0, y)
	x, ok := c.Shape(0)
	if !ok {
		return nil
	}
	if _, err := graph.Axis(c.Node.Int("axis"), len(x)); err != nil {
		return err
	}
	return spreads(c, 1, x)
}

func runRMSNorm(c *graph.Ctx) error {
	x, scale := c.In[0].DType(), c.In[1].DType()
	switch {
	case x == tensor.Float32 && scale == tensor.Float32:
		return rmsNormOf[float32, float32](c)
	case x == tensor.Float64 && scale == tensor.Float64:
		return rmsNormOf[float64, float64](c)
	case x == tensor.Float32 && scale == tensor.Float64:
		return rmsNormOf[float64, float32](c)
	case x == tensor.Float64 && scale == tensor.Float32:
		return rmsNormOf[float32, float64](c)
	}
	return graph.Typef("root mean square normalization of %s by %s", c.In[0], c.In[1])
}

type rmsNormArgs[V, T float32 | float64] struct {
	x       []T
	y       []V
	n       int
	scale   rowParam[V]
	epsilon float64
}

func (a *rmsNormArgs[V, T]) Do(_, lo, hi int) {
	if x, ok := any(a.x).([]float32); ok && a.scale.period == 1 {
		if y, ok := any(a.y).([]float32); ok {
			r := kernel.NormRows{Y: y, X: x, Scale: any(a.scale.data).([]float32), N: a.n, Epsilon: float32(a.epsilon), RMS: true}
			r.Run(lo, hi)
			return
		}
	}
	for r := lo; r < hi; r++ {
		kernel.RMSNorm(a.y[r*a.n:][:a.n], a.x[r*a.n:][:a.n], a.scale.row(r, a.n), a.epsilon)
	}
}

func rmsNormOf[V, T float32 | float64](c *graph.Ctx) error {
	s := c.In[0].Shape()
	axis, err := graph.Axis(c.Node.Int("axis"), len(s))
	if err != nil {
		return err
	}
	a := rmsNormArgs[V, T]{x: tensor.Data[T](c.In[0]), n: s[axis:].Elems(), epsilon: float64(c.Node.Float("epsilon"))}
	if a.scale, err = spread[V](c, c.In[1], s, axis); err != nil {
		return err
	}
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	a.y = tensor.Data[V](y)
	graph.Parallel(c, s[:axis].Elems(), 1+1<<14/max(1, a.n), a)
	return nil
}
