package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// LRN (local response normalization) is x / (bias + alpha/size·s)^beta, s the sum of the squares of size neighbouring channels
// of [N, C, spatial…], of which (size-1)/2 rounded down come before.
var lrn = family(
	&graph.Op{
		Name: "LRN", Since: 13,
		Sig: `(X:T) -> (Y:T)
			T = float
			alpha float = 1e-4; beta float = 0.75; bias float = 1; size int!`,
		Infer: inferLRN, Run: halves(runLRN),
		Grad: by1(lrnGrad),
	},
	&graph.Op{Since: 1, Sig: "T = f16 f32 f64"},
)

func inferLRN(c *graph.Infer) error {
	if x, ok := c.Shape(0); ok && len(x) < 2 {
		return graph.Shapef("input of %d axes, want N, C and spatial ones", len(x))
	}
	if s := c.Node.Int("size"); s < 1 {
		return graph.Shapef("size is %d", s)
	}
	return graph.Same(c)
}

func runLRN(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return lrnOf[float32](c)
	case tensor.Float64:
		return lrnOf[float64](c)
	}
	return graph.Typef("local response normalization of %s", c.In[0])
}

type lrnArgs[T float32 | float64] struct {
	x, y              []T
	channels, inner   int
	before, after     int
	alpha, beta, bias float64
}

// Do takes planes [N, C].
func (a *lrnArgs[T]) Do(_, lo, hi int) {
	for p := lo; p < hi; p++ {
		c := p % a.channels
		first, last := max(0, c-a.before), min(a.channels-1, c+a.after)
		near := a.x[(p-c+first)*a.inner : (p-c+last+1)*a.inner]
		x, y := a.x[p*a.inner:][:a.inner], a.y[p*a.inner:][:a.inner]
		for i, v := range x {
			sum := 0.0
			for k := i; k < len(near); k += a.inner {
				sum += float64(near[k]) * float64(near[k])
			}
			sum = a.bias + a.alpha*sum
			if a.beta == .75 { // what everybody uses, and much faster than Pow
				sum = math.Sqrt(sum)
				sum *= math.Sqrt(sum)
			} else {
				sum = math.Pow(sum, a.beta)
			}
			y[i] = T(float64(v) / sum)
		}
	}
}

func lrnOf[T float32 | float64](c *graph.Ctx) error {
	n, s := c.Node, c.In[0].Shape()
	y, err := outOf(c, 0)
	if err != nil || y.Len() == 0 {
		return err
	}
	size := min(n.Int("size"), 2*s[1]+1)
	a := lrnArgs[T]{
		x: tensor.Data[T](c.In[0]), y: tensor.Data[T](y), channels: s[1], inner: s[2:].Elems(), before: (size - 1) / 2, after: size / 2,
		alpha: float64(n.Float("alpha")) / float64(n.Int("size")), beta: float64(n.Float("beta")), bias: float64(n.Float("bias")),
	}
	graph.Parallel(c, s[0]*s[1], 1+1<<14/(a.inner*(2+size)), a)
	return nil
}
