package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// GridSampleGrad is the gradients of a GridSample whose output has the gradient dY. At the border of what is clamped, and of the nearest element, the grid has none.
var gridSampleGradient = family(&graph.Op{
	Domain: private, Name: "GridSampleGrad", Since: 1,
	Sig: `(X:T1, grid:T2, dY:T1) -> (dX:T1, dGrid:T2)
		T1 = float; T2 = float
		align_corners int = 0; mode string = linear; padding_mode string = zeros`,
	Infer: func(c *graph.Infer) error {
		c.Set(0, c.Type(0))
		c.Set(1, c.Type(1))
		_, err := readSampler(c.Node)
		return err
	},
	Run: halves(func(c *graph.Ctx) error {
		switch c.In[0].DType() {
		case tensor.Float32:
			return gridSampleGradOf[float32](c)
		case tensor.Float64:
			return gridSampleGradOf[float64](c)
		}
		return graph.Typef("gradient of a grid sample of %s", c.In[0])
	}),
})

func gridSampleGrad(r rule) []*graph.Value {
	args := append([]graph.Arg{r.x(0), r.x(1), r.g(0)}, r.attrs("align_corners", "mode", "padding_mode")...)
	return r.OpN(2, "ai.onnxrun::GridSampleGrad", args...)
}

type gridGradArgs[T float32 | float64] struct {
	s                      kernel.Sampler
	x, g, dx               []T
	grid, dGrid            *tensor.Tensor
	channels, plane, spots int
}

// Do takes samples of the batch.
func (a *gridGradArgs[T]) Do(_, lo, hi int) {
	var index [64]int64
	var weight [64]float64
	var slope [3][64]float64
	var pos [3]float64
	image := a.channels * a.plane
	if a.dx != nil {
		clear(a.dx[lo*image : hi*image])
	}
	for i := lo * a.spots; i < hi*a.spots; i++ {
		for k := range a.s.Axes {
			pos[2-k] = a.grid.Float(i*a.s.Axes + k)
		}
		n := a.s.Slopes(&pos, &index, &weight, &slope)
		var steep [3]float64
		for c := range a.channels {
			p := i/a.spots*a.channels + c
			g := float64(a.g[p*a.spots+i%a.spots])
			x := a.x[p*a.plane:][:a.plane]
			for k, at := range index[:n] {
				if a.dx != nil && weight[k] != 0 {
					a.dx[p*a.plane+int(at)] += T(g * weight[k])
				}
				for b := 3 - a.s.Axes; b < 3; b++ {
					if s := slope[b][k]; s != 0 {
						steep[b] += g * s * float64(x[at])
					}
				}
			}
		}
		if a.dGrid != nil {
			for k := range a.s.Axes {
				setFloat(a.dGrid, i*a.s.Axes+k, steep[2-k])
			}
		}
	}
}

func gridSampleGradOf[T float32 | float64](c *graph.Ctx) error {
	s, err := readSampler(c.Node)
	if err != nil {
		return err
	}
	x, grid, y := c.In[0].Shape(), c.In[1].Shape(), c.In[2].Shape()
	if len(x) < 3 || len(x) > 5 || len(grid) != len(x) || len(y) != len(x) || grid[0] != x[0] || grid[len(x)-1] != len(x)-2 || !y[:2].Equal(x[:2]) || !y[2:].Equal(grid[1:len(x)-1]) {
		return graph.Shapef("gradient %s of a sample of %s at %s", c.In[2], c.In[0], c.In[1])
	}
	s.Axes = len(x) - 2
	s.In = [3]int{1, 1, 1}
	copy(s.In[3-s.Axes:], x[2:])
	a := gridGradArgs[T]{s: s, x: tensor.Data[T](c.In[0]), g: tensor.Data[T](c.In[2]), grid: c.In[1], channels: x[1], plane: x[2:].Elems(), spots: y[2:].Elems()}
	for i, t := range c.Out {
		if t != nil && len(a.x) == 0 {
			clear(t.Bytes())
		} else if i == 0 && t != nil {
			a.dx = tensor.Data[T](t)
		} else if i == 1 {
			a.dGrid = t
		}
	}
	if len(a.x) > 0 {
		graph.Parallel(c, x[0], 1+1<<12/max(1, a.spots*a.channels), a)
	}
	return nil
}
