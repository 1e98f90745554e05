package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// ResizeGrad is the gradient of the input, which has the given shape, of a Resize whose output has the gradient dY: the transpose of a linear map, one axis after the
// other.
var resizeGradient = family(&graph.Op{
	Domain: private, Name: "ResizeGrad", Since: 1,
	Sig: `(dY:T1, roi?:T2, scales?:f32, sizes?:i64, shape:i64) -> (dX:T1)
		T1 = float; T2 = f16 f32 f64
		antialias int = 0; axes ints; coordinate_transformation_mode string = half_pixel; cubic_coeff_a float = -0.75
		exclude_outside int = 0; keep_aspect_ratio_policy string = stretch; mode string = nearest; nearest_mode string = round_prefer_floor`,
	Infer: func(c *graph.Infer) error {
		if err := resizeModes(c.Node); err != nil {
			return err
		}
		return shapedLike(c, 4)
	},
	Run: halves(func(c *graph.Ctx) error {
		switch c.In[0].DType() {
		case tensor.Float32:
			return resizeGradOf[float32](c)
		case tensor.Float64:
			return resizeGradOf[float64](c)
		}
		return graph.Typef("gradient of a resize to %s", c.In[0])
	}),
})

// resizeGrad: the transposed map, of the versions of Resize from 10 on.
func resizeGrad(r rule) *graph.Value {
	args := r.attrs("antialias", "axes", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside", "keep_aspect_ratio_policy", "mode", "nearest_mode")
	roi, scales, sizes := r.input(1), r.input(2), r.input(3)
	if r.n.Op.Since < 11 {
		roi, scales, sizes = nil, r.x(1), nil
		args = append(args, graph.Str("coordinate_transformation_mode", "asymmetric"), graph.Str("nearest_mode", ""))
	}
	return r.Op("ai.onnxrun::ResizeGrad", append([]graph.Arg{r.g(0), roi, scales, sizes, r.shape(r.x(0))}, args...)...)
}

type resizeGradPass[T float32 | float64] struct {
	dx, g          []T
	taps           kernel.Taps[T]
	in, out, inner int
}

func (a *resizeGradPass[T]) Do(_, lo, hi int) {
	kernel.ResampleAxisGrad(a.dx, a.g, &a.taps, a.in, a.out, a.inner, lo, hi)
}

func resizeGradOf[T float32 | float64](c *graph.Ctx) error {
	out, err := outOf(c, 0)
	if err != nil {
		return err
	}
	x, y := out.Shape(), c.In[0].Shape()
	if len(x) != len(y) {
		return graph.Shapef("gradient %s of a resize of %v", c.In[0], x)
	}
	m, err := readResize(c, x, y)
	if err != nil || out.Len() == 0 {
		return err
	}
	dx, g := tensor.Data[T](out), tensor.Data[T](c.In[0])
	if len(g) == 0 {
		clear(dx)
		return nil
	}
	left, outer := 0, 1
	for k := range m.rank {
		if !m.axis[k].still() {
			left++
		}
	}
	if left == 0 {
		copy(dx, g)
		return nil
	}
	for k := range m.rank { // the last axis was the first
		r := &m.axis[k]
		if !r.still() {
			a := resizeGradPass[T]{dx: dx, g: g, in: r.in, out: r.out, inner: y[k+1:].Elems()}
			if left--; left > 0 {
				if a.dx, err = graph.Scratch[T](c, outer*r.in*a.inner); err != nil {
					return err
				}
			}
			if a.taps, err = axisTaps[T](c, r); err != nil {
				return err
			}
			graph.Parallel(c, outer, 1+1<<15/(a.inner*r.out*a.taps.N), a)
			g = a.dx
		}
		outer *= r.in
	}
	return nil
}

// axisTaps are the taps of an axis in any mode.
func axisTaps[T float32 | float64](c *graph.Ctx, r *resizeAxis) (t kernel.Taps[T], err error) {
	if c.Node.Str("mode") != "nearest" {
		return resizeTaps[T](c, r, weightsOf(c.Node))
	}
	t.N = 1
	if t.Index, err = nearestIndex(c, r); err != nil {
		return t, err
	}
	if t.Weight, err = graph.Scratch[T](c, r.out); err != nil {
		return t, err
	}
	for i := range t.Weight {
		t.Weight[i] = 1
	}
	return t, nil
}
