package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// MaxRoiPool is the largest element of each of pooled_shape bins of regions of X [N, C, H, W]: rois [R, 5] are (image, x1, y1, x2, y2), scaled by
// spatial_scale and rounded to elements, ends included. Empty bins are 0 (Girshick, "Fast R-CNN", 2015).
var maxRoiPool = family(
	&graph.Op{
		Name: "MaxRoiPool", Since: 22,
		Sig: `(X:T, rois:T) -> (Y:T)
			T = float
			pooled_shape ints!; spatial_scale float = 1`,
		Infer: inferMaxRoiPool, Run: halves(runMaxRoiPool),
	},
	&graph.Op{Since: 1, Sig: "T = f16 f32 f64"},
)

func inferMaxRoiPool(c *graph.Infer) error {
	if err := sameTypes(c, 1); err != nil {
		return err
	}
	p := c.Node.Ints("pooled_shape")
	if len(p) != 2 || min(p[0], p[1]) < 1 || max(p[0], p[1]) > maxSlide {
		return graph.Shapef("pooled_shape is %v", p)
	}
	y := []graph.Dim{graph.Unknown(), graph.Unknown(), graph.Size(int(p[0])), graph.Size(int(p[1]))}
	if x, ok := c.Shape(0); ok {
		if len(x) != 4 {
			return graph.Shapef("input of %d axes, want N, C, H, W", len(x))
		}
		y[1] = x[1]
	}
	if r, ok := c.Shape(1); ok {
		if len(r) != 2 || r[1].IsInt() && !r[1].Is(5) {
			return graph.Shapef("rois %s, want [R,5]", graph.ShapeString(r))
		}
		y[0] = r[0]
	}
	c.SetTensor(0, c.DType(0), y...)
	return nil
}

func runMaxRoiPool(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return maxRoiPoolOf[float32](c)
	case tensor.Float64:
		return maxRoiPoolOf[float64](c)
	}
	return graph.Typef("regions of %s", c.In[0])
}

type maxRoiArgs[T float32 | float64] struct {
	x, rois, y []T
	channels   int
	in, out    [2]int
	scale      float64
}

// roiBin are the elements lo to hi-1 of bin k of n between two rounded positions of an axis.
func roiBin(start, end float64, k, n, in int) (lo, hi int) {
	size := max(end-start+1, 1) / float64(n)
	clip := func(v float64) int {
		if !(v > 0) {
			return 0
		}
		return int(min(v, float64(in)))
	}
	return clip(math.Floor(float64(k)*size) + start), clip(math.Ceil(float64(k+1)*size) + start)
}

// Do takes regions and channels [R, C].
func (a *maxRoiArgs[T]) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		r := a.rois[i/a.channels*5:][:5]
		var at [4]float64
		for k := range at {
			at[k] = min(max(math.Round(float64(r[k+1])*a.scale), -1<<40), 1<<40)
		}
		x := a.x[(int(r[0])*a.channels+i%a.channels)*a.in[0]*a.in[1]:][:a.in[0]*a.in[1]]
		y := a.y[i*a.out[0]*a.out[1]:][:a.out[0]*a.out[1]]
		for o := range y {
			top, bottom := roiBin(at[1], at[3], o/a.out[1], a.out[0], a.in[0])
			left, right := roiBin(at[0], at[2], o%a.out[1], a.out[1], a.in[1])
			var best T
			for p := top; p < bottom; p++ {
				for q := left; q < right; q++ {
					if v := x[p*a.in[1]+q]; p == top && q == left || v > best || v != v {
						best = v
					}
				}
			}
			y[o] = best
		}
	}
}

func maxRoiPoolOf[T float32 | float64](c *graph.Ctx) error {
	s := c.In[0].Shape()
	y, err := outOf(c, 0)
	if err != nil || y.Len() == 0 {
		return err
	}
	a := maxRoiArgs[T]{
		x: tensor.Data[T](c.In[0]), rois: tensor.Data[T](c.In[1]), y: tensor.Data[T](y), channels: s[1],
		in: [2]int{s[2], s[3]}, out: [2]int{y.Dim(2), y.Dim(3)}, scale: float64(c.Node.Float("spatial_scale")),
	}
	for r := 0; r < len(a.rois); r += 5 {
		for k, v := range a.rois[r : r+5] {
			if v != v || k == 0 && !(v >= 0 && v < T(s[0])) {
				return graph.Shapef("region %v of %d images", a.rois[r:r+5], s[0])
			}
		}
	}
	graph.Parallel(c, len(a.y)/(a.out[0]*a.out[1]), 1+1<<15/(1+s[2]*s[3]), a)
	return nil
}
