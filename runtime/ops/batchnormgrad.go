package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// BatchNormGrad is the gradients of a BatchNormalization in training mode, whose output has the gradient dY: with x̂ = (x − mean)/σ of a channel and means over it,
// dX = scale/σ·(dY − mean(dY) − x̂·mean(dY·x̂)), dScale = Σ dY·x̂ and dB = Σ dY.
var batchNormGradient = family(&graph.Op{
	Domain: private, Name: "BatchNormGrad", Since: 1,
	Sig: `(X:T, scale:T1, dY:T) -> (dX?:T, dScale?:T1, dB?:T1)
		T = float; T1 = float
		epsilon float = 1e-5`,
	Infer: func(c *graph.Infer) error {
		c.Set(0, c.Type(0))
		c.Set(1, c.Type(1))
		c.Set(2, c.Type(1))
		x, okX := c.Type(0).Static()
		g, okG := c.Type(2).Static()
		s, okS := c.Type(1).Static()
		if okX && okG && !x.Equal(g) || okX && okS && (len(s) != 1 || s[0] != normChannels(x)) {
			return graph.Shapef("gradient %s of the normalization of %s by %s", c.Type(2), c.Type(0), c.Type(1))
		}
		return nil
	},
	Run: halves(func(c *graph.Ctx) error {
		switch c.In[0].DType() {
		case tensor.Float32:
			return batchNormGradOf[float32](c)
		case tensor.Float64:
			return batchNormGradOf[float64](c)
		}
		return graph.Typef("gradient of the normalization of %s", c.In[0])
	}),
})

// normChannels is the number of channels of a tensor [N, C, …]; a vector has one.
func normChannels(x tensor.Shape) int {
	if len(x) < 2 {
		return 1
	}
	return x[1]
}

type batchNormGradArgs[T float32 | float64] struct {
	x, g, dx             []T
	channels, inner      int
	epsilon              float64
	scale, dScale, dBias *tensor.Tensor
}

// Do takes channels.
func (a *batchNormGradArgs[T]) Do(_, lo, hi int) {
	step, n := a.channels*a.inner, float64(len(a.x)/a.channels)
	for k := lo; k < hi; k++ {
		var sum, dev, grad, cov float64
		for at := k * a.inner; at < len(a.x); at += step {
			sum += sumOf(a.x[at : at+a.inner])
			grad += sumOf(a.g[at : at+a.inner])
		}
		mean := sum / n
		for at := k * a.inner; at < len(a.x); at += step {
			dev += deviation(a.x[at:at+a.inner], mean)
			cov += kernel.Covariance(a.g[at:at+a.inner], a.x[at:at+a.inner], mean)
		}
		inv := 1 / math.Sqrt(dev/n+a.epsilon)
		if a.dScale != nil {
			setFloat(a.dScale, k, cov*inv)
		}
		if a.dBias != nil {
			setFloat(a.dBias, k, grad)
		}
		if a.dx == nil {
			continue
		}
		scale := a.scale.Float(k) * inv
		for at := k * a.inner; at < len(a.x); at += step {
			kernel.NormGrad(a.dx[at:at+a.inner], a.g[at:at+a.inner], a.x[at:at+a.inner], T(mean), T(scale), T(-scale*inv*inv*cov/n), T(-scale*grad/n))
		}
	}
}

// sumOf is the sum of x.
func sumOf[T float32 | float64](x []T) float64 {
	if x, ok := any(x).([]float32); ok {
		return kernel.Sum32(x)
	}
	return kernel.Sum(x)
}

// deviation is Σ (x − mean)².
func deviation[T float32 | float64](x []T, mean float64) float64 {
	if x, ok := any(x).([]float32); ok {
		return kernel.Deviation32(x, mean)
	}
	return kernel.Deviation(x, mean)
}

func batchNormGradOf[T float32 | float64](c *graph.Ctx) error {
	s := c.In[0].Shape()
	a := batchNormGradArgs[T]{x: tensor.Data[T](c.In[0]), g: tensor.Data[T](c.In[2]), channels: normChannels(s), inner: 1, epsilon: float64(c.Node.Float("epsilon")), scale: c.In[1]}
	if len(s) > 2 {
		a.inner = s[2:].Elems()
	}
	if len(a.g) != len(a.x) || a.scale.Len() != a.channels {
		return graph.Shapef("gradient %s of the normalization of %s by %s", c.In[2], c.In[0], c.In[1])
	}
	if len(s) == 0 {
		return graph.Shapef("input is a scalar")
	}
	if len(c.Out) > 0 && c.Out[0] != nil {
		a.dx = tensor.Data[T](c.Out[0])
	}
	if len(c.Out) > 1 {
		a.dScale = c.Out[1]
	}
	if len(c.Out) > 2 {
		a.dBias = c.Out[2]
	}
	if len(a.x) == 0 {
		for _, t := range c.Out {
			if t != nil {
				clear(t.Bytes())
			}
		}
		return nil
	}
	graph.Parallel(c, a.channels, 1+1<<14/max(1, len(a.x)/a.channels), a)
	return nil
}
