package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// RoiAlignGrad is the gradient of the input X of a RoiAlign whose output has the gradient dY. Regions have none, as is usual.
var roiAlignGradient = family(&graph.Op{
	Domain: private, Name: "RoiAlignGrad", Since: 1,
	Sig: `(X:T1, rois:T1, batch_indices:T2, dY:T1) -> (dX:T1)
		T1 = float; T2 = i64
		coordinate_transformation_mode string = half_pixel; mode string = avg; sampling_ratio int = 0; spatial_scale float = 1`,
	Infer: graph.Same, Run: halves(func(c *graph.Ctx) error {
		switch c.In[0].DType() {
		case tensor.Float32:
			return roiAlignGradOf[float32](c)
		case tensor.Float64:
			return roiAlignGradOf[float64](c)
		}
		return graph.Typef("gradient of regions of %s", c.In[0])
	}),
})

func roiAlignGrad(r rule) *graph.Value {
	args := append([]graph.Arg{r.x(0), r.x(1), r.x(2), r.g(0)}, r.attrs("mode", "sampling_ratio", "spatial_scale")...)
	return r.Op("ai.onnxrun::RoiAlignGrad", append(args, graph.Str("coordinate_transformation_mode", r.n.Str("coordinate_transformation_mode")))...)
}

type roiGradArgs[T float32 | float64] struct {
	roiArgs[T]
	dx     []T
	images int
}

// Do takes channels.
func (a *roiGradArgs[T]) Do(_, lo, hi int) {
	size := a.h * a.w
	for c := lo; c < hi; c++ {
		for n := range a.images {
			clear(a.dx[(n*a.channels+c)*size:][:size])
		}
		for r, n := range a.batch {
			v, u := a.axes(r)
			at := (int(n)*a.channels + c) * size
			g := a.y[(r*a.channels+c)*a.outH*a.outW:][:a.outH*a.outW]
			for o, v2 := range g {
				kernel.RoiBinGrad(a.dx[at:at+size], a.x[at:at+size], &v, &u, o/a.outW, o%a.outW, a.largest, v2)
			}
		}
	}
}

func roiAlignGradOf[T float32 | float64](c *graph.Ctx) error {
	dx, err := outOf(c, 0)
	if err != nil || dx.Len() == 0 {
		return err
	}
	x, rois, y := c.In[0].Shape(), c.In[1].Shape(), c.In[3].Shape()
	if len(x) != 4 || len(y) != 4 || len(rois) != 2 || rois[1] != 4 || y[0] != rois[0] || y[1] != x[1] || c.In[2].Len() != rois[0] {
		return graph.Shapef("gradient %s of the regions %s of %s", c.In[3], c.In[1], c.In[0])
	}
	if r := c.Node.Int("sampling_ratio"); r < 0 || r > maxRoiSamples {
		return graph.Limitf("sampling_ratio is %d", r)
	}
	a := roiGradArgs[T]{roiArgs: roiOf(c, tensor.Data[T](c.In[3]), y[2], y[3]), dx: tensor.Data[T](dx), images: x[0]}
	if err := a.check(x[0]); err != nil {
		return err
	}
	graph.Parallel(c, a.channels, 1+1<<13/(len(a.y)/a.channels+len(a.dx)/a.channels), a)
	return nil
}
