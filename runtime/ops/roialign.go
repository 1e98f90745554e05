package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// RoiAlign pools regions of X [N, C, H, W]: rois [R, 4] are (x1, y1, x2, y2) of the image batch_indices [R], cut into
// output_height × output_width bins, whose value is the mean or the largest of bilinear samples. The largest is that of the
// weighted neighbours, not of their sums, as in Caffe2, where the operator comes from.
var roiAlign = family(
	&graph.Op{
		Name: "RoiAlign", Since: 22,
		Sig: `(X:T1, rois:T1, batch_indices:T2) -> (Y:T1)
			T1 = float; T2 = i64
			coordinate_transformation_mode string = half_pixel; mode string = avg; output_height int = 1; output_width int = 1
			sampling_ratio int = 0; spatial_scale float = 1`,
		Infer: inferRoiAlign, Run: halves(runRoiAlign),
		Grad: by1(roiAlignGrad),
	},
	&graph.Op{Since: 16, Sig: "T1 = f16 f32 f64"},
	// It took pixels without the shift by half of one.
	&graph.Op{Since: 10, Sig: "-coordinate_transformation_mode", Infer: inferRoiAlign, Run: halves(runRoiAlign), Grad: by1(roiAlignGrad)},
)

// maxRoiSamples bounds sampling_ratio.
const maxRoiSamples = 1 << 12

func inferRoiAlign(c *graph.Infer) error {
	n := c.Node
	if err := sameTypes(c, 1); err != nil {
		return err
	}
	h, w := n.Int("output_height"), n.Int("output_width")
	if h < 1 || w < 1 || h > maxSlide || w > maxSlide {
		return graph.Shapef("output of %d × %d", h, w)
	}
	if r := n.Int("sampling_ratio"); r < 0 || r > maxRoiSamples {
		return graph.Limitf("sampling_ratio is %d", r)
	}
	if m := n.Str("mode"); m != "avg" && m != "max" {
		return graph.Invalidf("mode is %q", m)
	}
	if m := n.Str("coordinate_transformation_mode"); m != "half_pixel" && m != "output_half_pixel" && m != "" {
		return graph.Invalidf("coordinate_transformation_mode is %q", m)
	}
	y := []graph.Dim{graph.Unknown(), graph.Unknown(), graph.Size(h), graph.Size(w)}
	if x, ok := c.Shape(0); ok {
		if len(x) != 4 {
			return graph.Shapef("input of %d axes, want N, C, H, W", len(x))
		}
		y[1] = x[1]
	}
	rois, okR := c.Shape(1)
	if okR {
		if len(rois) != 2 || rois[1].IsInt() && !rois[1].Is(4) {
			return graph.Shapef("rois %s, want [R,4]", graph.ShapeString(rois))
		}
		y[0] = rois[0]
	}
	if b, ok := c.Shape(2); ok && (len(b) != 1 || okR && b[0].IsInt() && rois[0].IsInt() && !b[0].Equal(rois[0])) {
		return graph.Shapef("batch_indices %s for rois %s", graph.ShapeString(b), graph.ShapeString(rois))
	}
	c.SetTensor(0, c.DType(0), y...)
	return nil
}

func runRoiAlign(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return roiAlignOf[float32](c)
	case tensor.Float64:
		return roiAlignOf[float64](c)
	}
	return graph.Typef("regions of %s", c.In[0])
}

type roiArgs[T float32 | float64] struct {
	x, rois, y         []T
	batch              []int64
	channels, h, w     int
	outH, outW, ratio  int
	scale, shift, atom float64 // atom is the least extent of a region
	largest            bool
}

// axes are the rows and columns of the bins of a region.
func (a *roiArgs[T]) axes(r int) (v, u kernel.RoiAxis) {
	x0, y0 := float64(a.rois[r*4])*a.scale-a.shift, float64(a.rois[r*4+1])*a.scale-a.shift
	x1, y1 := float64(a.rois[r*4+2])*a.scale-a.shift, float64(a.rois[r*4+3])*a.scale-a.shift
	v = kernel.RoiAxis{Start: y0, Bin: max(y1-y0, a.atom) / float64(a.outH), In: a.h}
	u = kernel.RoiAxis{Start: x0, Bin: max(x1-x0, a.atom) / float64(a.outW), In: a.w}
	v.Sampling(a.ratio)
	u.Sampling(a.ratio)
	return v, u
}

// Do takes regions and channels [R, C].
func (a *roiArgs[T]) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		r, c := i/a.channels, i%a.channels
		plane := a.x[(int(a.batch[r])*a.channels+c)*a.h*a.w:][:a.h*a.w]
		v, u := a.axes(r)
		out := a.y[i*a.outH*a.outW:][:a.outH*a.outW]
		for o := range out {
			out[o] = kernel.RoiBin(plane, &v, &u, o/a.outW, o%a.outW, a.largest)
		}
	}
}

func roiAlignOf[T float32 | float64](c *graph.Ctx) error {
	n, s := c.Node, c.In[0].Shape()
	y, err := outOf(c, 0)
	if err != nil || y.Len() == 0 {
		return err
	}
	a := roiOf(c, tensor.Data[T](y), n.Int("output_height"), n.Int("output_width"))
	if err := a.check(s[0]); err != nil {
		return err
	}
	samples := max(1, a.ratio*a.ratio)
	graph.Parallel(c, len(a.y)/(a.outH*a.outW), 1+1<<13/(a.outH*a.outW*samples), a)
	return nil
}

// roiOf is the work on regions of input 0 cut into h × w bins with the values y.
func roiOf[T float32 | float64](c *graph.Ctx, y []T, h, w int) roiArgs[T] {
	n, s := c.Node, c.In[0].Shape()
	a := roiArgs[T]{
		x: tensor.Data[T](c.In[0]), rois: tensor.Data[T](c.In[1]), y: y, batch: tensor.Data[int64](c.In[2]),
		channels: s[1], h: s[2], w: s[3], outH: h, outW: w, ratio: n.Int("sampling_ratio"),
		scale: float64(n.Float("spatial_scale")), atom: 1, largest: n.Str("mode") == "max",
	}
	if n.Str("coordinate_transformation_mode") == "half_pixel" {
		a.shift, a.atom = .5, math.Inf(-1)
	}
	return a
}

// check fails when a region is of none of the images.
func (a *roiArgs[T]) check(images int) error {
	for _, b := range a.batch {
		if b < 0 || b >= int64(images) {
			return graph.Shapef("batch index %d of %d images", b, images)
		}
	}
	return nil
}
