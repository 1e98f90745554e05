package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// SkipLayerNorm is the LayerNormalization of Sum = X + Skip over the last axis. scale and bias have an element for each of it.
var skipLayerNorm = family(&graph.Op{
	Domain: "ai.onnxrun", Name: "SkipLayerNorm", Since: 1,
	Sig: `(X:T, Skip:T, scale:T, bias?:T) -> (Y:T, Sum?:T)
		T = f32 f64
		epsilon float = 1e-5`,
	Infer: inferSkipNorm, Run: runSkipNorm, InPlace: true,
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		sum := b.Op("Add", n.In[0], n.In[1])
		args := []graph.Arg{sum, n.In[2], graph.Float("epsilon", n.Float("epsilon"))}
		if n.Has(3) {
			args = append(args, n.In[3])
		}
		return []*graph.Value{b.Op("LayerNormalization", args...), sum}
	},
})

// SkipRMSNorm is the RMSNormalization of Sum = X + Skip over the last axis. scale has an element for each of it.
var skipRMSNorm = family(&graph.Op{
	Domain: "ai.onnxrun", Name: "SkipRMSNorm", Since: 1,
	Sig: `(X:T, Skip:T, scale:T) -> (Y:T, Sum?:T)
		T = f32 f64
		epsilon float = 1e-5`,
	Infer: inferSkipNorm, Run: runSkipNorm, InPlace: true,
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		sum := b.Op("Add", n.In[0], n.In[1])
		return []*graph.Value{b.Op("RMSNormalization", sum, n.In[2], graph.Float("epsilon", n.Float("epsilon"))), sum}
	},
})

func inferSkipNorm(c *graph.Infer) error {
	if err := sameTypes(c, 1, 2, 3); err != nil {
		return err
	}
	x, skip := c.Type(0), c.Type(1)
	c.Set(0, x)
	c.Set(1, x)
	if !x.Ranked {
		return nil
	}
	if len(x.Shape) == 0 {
		return graph.Shapef("normalization of a scalar")
	}
	if skip.Ranked && len(skip.Shape) != len(x.Shape) {
		return graph.Shapef("%s and %s differ", x, skip)
	}
	for i, d := range skip.Shape {
		if d.IsInt() && x.Shape[i].IsInt() && !d.Equal(x.Shape[i]) {
			return graph.Shapef("%s and %s differ", x, skip)
		}
	}
	width := x.Shape[len(x.Shape)-1]
	for i := 2; i < 4; i++ {
		if s, ok := c.Shape(i); ok && (len(s) != 1 || s[0].IsInt() && width.IsInt() && !s[0].Equal(width)) {
			return graph.Shapef("input %d is %s for rows of %s", i, c.Type(i), width)
		}
	}
	return nil
}

func runSkipNorm(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return skipNormOf[float32](c)
	case tensor.Float64:
		return skipNormOf[float64](c)
	}
	return graph.Typef("normalization of %s", c.In[0])
}

type skipNormArgs[T float32 | float64] struct {
	x, skip, y, sum, scale, bias []T
	scratch                      []T // a row for each worker
	n                            int
	epsilon                      float64
	rms                          bool
}

// Do takes rows.
func (a *skipNormArgs[T]) Do(worker, lo, hi int) {
	for r := lo; r < hi; r++ {
		at, end := r*a.n, (r+1)*a.n
		sum := a.scratch[worker*a.n:][:a.n]
		if a.sum != nil {
			sum = a.sum[at:end]
		}
		kernel.Add(sum, a.x[at:end], a.skip[at:end], 1, 1)
		if a.rms {
			kernel.RMSNorm(a.y[at:end], sum, a.scale, a.epsilon)
		} else {
			kernel.LayerNorm(a.y[at:end], sum, a.scale, a.bias, a.epsilon)
		}
	}
}

func skipNormOf[T float32 | float64](c *graph.Ctx) error {
	a := skipNormArgs[T]{
		x: tensor.Data[T](c.In[0]), skip: tensor.Data[T](c.In[1]), y: tensor.Data[T](c.Out[0]), scale: tensor.Data[T](c.In[2]),
		n: c.In[0].Dim(c.In[0].Rank() - 1), epsilon: float64(c.Node.Float("epsilon")), rms: c.Node.Op.Name == "SkipRMSNorm",
	}
	if c.Has(3) {
		a.bias = tensor.Data[T](c.In[3])
	}
	if c.Wants(1) {
		a.sum = tensor.Data[T](c.Out[1])
	}
	var err error
	if a.scratch, err = graph.Scratch[T](c, c.Exec().Workers()*a.n); err != nil {
		return err
	}
	graph.Parallel(c, len(a.x)/max(1, a.n), 1+1<<14/max(1, a.n), a)
	return nil
}
