package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// DeformConv is a convolution of X [N, C, H, W] by W [M, C/group, kh, kw] whose taps are moved by offset [N, offset_group·kh·kw·2, oH, oW] (vertical,
// then horizontal) and weighted by mask [N, offset_group·kh·kw, oH, oW]; moved taps see bilinear samples, zeros outside (Zhu et al., "Deformable ConvNets v2", 2018).
var deformConv = family(
	&graph.Op{
		Name: "DeformConv", Since: 22,
		Sig: `(X:T, W:T, offset:T, B?:T, mask?:T) -> (Y:T)
			T = float
			dilations ints; group int = 1; kernel_shape ints; offset_group int = 1; pads ints; strides ints`,
		Infer: inferDeformConv, Run: halves(runDeformConv),
		Grad: by(deformConvGrad),
	},
	&graph.Op{Since: 19, Sig: "T = f16 f32 f64"},
)

func inferDeformConv(c *graph.Infer) error {
	if err := sameTypes(c, 1, 2, 3, 4); err != nil {
		return err
	}
	if x, ok := c.Shape(0); ok && len(x) != 4 {
		return graph.Unsupportedf("deformable convolution over %d axes", len(x)-2)
	}
	if err := inferConvShape(c, c.DType(0)); err != nil {
		return err
	}
	if len(c.Out) == 0 {
		return nil
	}
	y, w := c.Out[0].Type, c.Type(1)
	if len(y.Shape) != 4 || len(w.Shape) != 4 || !w.IsStatic() {
		return nil
	}
	groups, taps := c.Node.Int("offset_group"), w.Shape[2].Mul(w.Shape[3])
	if groups < 1 || groups > maxSlide {
		return graph.Shapef("offset_group is %d", groups)
	}
	if x, ok := c.Shape(0); ok {
		if n, ok := x[1].Int(); ok && n%groups != 0 {
			return graph.Shapef("%d offset groups of %d channels", groups, n)
		}
	}
	for _, in := range [...]struct {
		i    int
		want []graph.Dim
	}{
		{2, []graph.Dim{y.Shape[0], taps.Mul(graph.Size(2 * groups)), y.Shape[2], y.Shape[3]}},
		{3, []graph.Dim{w.Shape[0]}},
		{4, []graph.Dim{y.Shape[0], taps.Mul(graph.Size(groups)), y.Shape[2], y.Shape[3]}},
	} {
		s, ok := c.Shape(in.i)
		if !ok {
			continue
		}
		bad := len(s) != len(in.want)
		for k := 0; !bad && k < len(s); k++ {
			bad = s[k].IsInt() && in.want[k].IsInt() && !s[k].Equal(in.want[k])
		}
		if bad {
			return graph.Shapef("input %d is %s, want %s", in.i, graph.ShapeString(s), graph.ShapeString(in.want))
		}
	}
	return nil
}

func runDeformConv(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return deformConvOf[float32](c)
	case tensor.Float64:
		return deformConvOf[float64](c)
	}
	return graph.Typef("deformable convolution of %s", c.In[0])
}

type deformArgs[T float32 | float64] struct {
	win                         kernel.Window
	x, w, offset, bias, mask, y []T
	channels, shifts            int // channels of X, offset groups
	per, rows                   int // input and output channels of a group
	outputs                     int // channels of Y
	column                      []T // of each worker: the samples [C, kh, kw] of one position
}

// Do takes positions [N, oH, oW].
func (a *deformArgs[T]) Do(worker, lo, hi int) {
	w := &a.win
	in, out, taps := w.InSize(), w.OutSize(), w.KernelSize()
	column := a.column[worker*a.channels*taps:][:a.channels*taps]
	for i := lo; i < hi; i++ {
		n, at := i/out, i%out
		top, left := at/w.Out[2]*w.Stride[1]-w.Head[1], at%w.Out[2]*w.Stride[2]-w.Head[2]
		for c := range a.channels {
			plane := a.x[(n*a.channels+c)*in:][:in]
			group := n*a.shifts + c/(a.channels/a.shifts)
			for k := range taps {
				shift := a.offset[(group*taps+k)*2*out:]
				v := kernel.Bilinear(plane, w.In[1], w.In[2], float64(top+k/w.Kernel[2]*w.Dilation[1])+float64(shift[at]), float64(left+k%w.Kernel[2]*w.Dilation[2])+float64(shift[out+at]))
				if a.mask != nil {
					v *= a.mask[(group*taps+k)*out+at]
				}
				column[c*taps+k] = v
			}
		}
		for m := range a.outputs {
			var sum T
			if a.bias != nil {
				sum = a.bias[m]
			}
			weights := a.w[m*a.per*taps:][:a.per*taps]
			for k, v := range column[m/a.rows*a.per*taps:][:len(weights)] {
				sum += v * weights[k]
			}
			a.y[(n*a.outputs+m)*out+at] = sum
		}
	}
}

func deformConvOf[T float32 | float64](c *graph.Ctx) error {
	xs, ws := c.In[0].Shape(), c.In[1].Shape()
	s, err := readSlide(c.Node, 2, ws[2:])
	if err == nil {
		err = s.bind(xs)
	}
	if err != nil {
		return err
	}
	y, err := outOf(c, 0)
	if err != nil || y.Len() == 0 {
		return err
	}
	group := c.Node.Int("group")
	a := deformArgs[T]{
		win: s.Window, x: tensor.Data[T](c.In[0]), w: tensor.Data[T](c.In[1]), offset: tensor.Data[T](c.In[2]), y: tensor.Data[T](y),
		channels: xs[1], shifts: c.Node.Int("offset_group"), per: ws[1], rows: ws[0] / group, outputs: ws[0],
	}
	if c.Has(3) {
		a.bias = tensor.Data[T](c.In[3])
	}
	if c.Has(4) {
		a.mask = tensor.Data[T](c.In[4])
	}
	depth := max(1, xs[1]*s.KernelSize())
	if depth > math.MaxInt32 {
		return graph.Limitf("%d taps", depth)
	}
	if a.column, err = graph.Scratch[T](c, xs[1]*s.KernelSize()*c.Exec().Workers()); err != nil {
		return err
	}
	graph.Parallel(c, xs[0]*s.OutSize(), 1+1<<17/(depth*(8+a.rows)), a)
	return nil
}
