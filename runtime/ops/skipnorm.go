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
		return skipNorm32(c)
	case tensor.Float64:
		return skipNorm64(c)
	}
	return graph.Typef("normalization of %s", c.In[0])
}

func skipNorm32(c *graph.Ctx) error {
	r := kernel.NormRows{
		X: tensor.Data[float32](c.In[0]), Skip: tensor.Data[float32](c.In[1]), Y: tensor.Data[float32](c.Out[0]), Scale: tensor.Data[float32](c.In[2]),
		N: c.In[0].Dim(c.In[0].Rank() - 1), Epsilon: c.Node.Float("epsilon"), RMS: c.Node.Op.Name == "SkipRMSNorm",
	}
	if c.Has(3) {
		r.Bias = tensor.Data[float32](c.In[3])
	}
	switch {
	case c.Wants(1):
		r.Sum = tensor.Data[float32](c.Out[1])
	case c.In[0].Rank() > 1:
		r.Sum = r.Y // read before it is written
	default: // Y may lie where scale does
		var err error
		if r.Sum, err = graph.Scratch[float32](c, r.N); err != nil {
			return err
		}
	}
	graph.For(c, len(r.X)/max(1, r.N), 1+1<<14/max(1, r.N), r, func(r *kernel.NormRows, _, lo, hi int) { r.Run(lo, hi) })
	return nil
}

// skipNorm64 takes the rows one by one: nobody is in a hurry with float64.
func skipNorm64(c *graph.Ctx) error {
	x, skip, y, scale := tensor.Data[float64](c.In[0]), tensor.Data[float64](c.In[1]), tensor.Data[float64](c.Out[0]), tensor.Data[float64](c.In[2])
	n, epsilon := c.In[0].Dim(c.In[0].Rank()-1), float64(c.Node.Float("epsilon"))
	sum, err := graph.Scratch[float64](c, n)
	if err != nil {
		return err
	}
	var bias []float64
	if c.Has(3) {
		bias = tensor.Data[float64](c.In[3])
	}
	for at := 0; at < len(x); at += n {
		if c.Wants(1) {
			sum = tensor.Data[float64](c.Out[1])[at : at+n]
		}
		kernel.Add(sum, x[at:at+n], skip[at:at+n], 1, 1)
		if c.Node.Op.Name == "SkipRMSNorm" {
			kernel.RMSNorm(y[at:at+n], sum, scale, epsilon)
		} else {
			kernel.LayerNorm(y[at:at+n], sum, scale, bias, epsilon)
		}
	}
	return nil
}
