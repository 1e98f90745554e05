package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// DeformConvGrad is the gradients of a DeformConv whose output has the gradient dY; that of the bias is a sum of dY.
var deformConvGradient = family(&graph.Op{
	Domain: private, Name: "DeformConvGrad", Since: 1,
	Sig: `(X:T, W:T, offset:T, dY:T, mask?:T) -> (dX:T, dW:T, dOffset:T, dMask?:T)
		T = float
		dilations ints; group int = 1; kernel_shape ints; offset_group int = 1; pads ints; strides ints`,
	Infer: func(c *graph.Infer) error {
		for i := range 3 {
			c.Set(i, c.Type(i))
		}
		c.Set(3, c.Type(4))
		return sameTypes(c, 1, 2, 3, 4)
	},
	Run: halves(func(c *graph.Ctx) error {
		switch c.In[0].DType() {
		case tensor.Float32:
			return deformConvGradOf[float32](c)
		case tensor.Float64:
			return deformConvGradOf[float64](c)
		}
		return graph.Typef("gradient of a deformable convolution of %s", c.In[0])
	}),
})

func deformConvGrad(r rule) []*graph.Value {
	args := append([]graph.Arg{r.x(0), r.x(1), r.x(2), r.g(0), r.input(4)}, r.attrs("dilations", "group", "kernel_shape", "offset_group", "pads", "strides")...)
	n := 3
	if r.input(4) != nil {
		n = 4
	}
	d := append(r.OpN(n, "ai.onnxrun::DeformConvGrad", args...), nil)
	return []*graph.Value{d[0], d[1], d[2], r.channelSum(r.g(0)), d[3]}
}

type deformGradArgs[T float32 | float64] struct {
	deformArgs[T]      // y is dY, column the gradients of the samples of one position
	dx, dOffset, dMask []T
	dw                 []T // of each image: W's gradient
}

// Do takes images.
func (a *deformGradArgs[T]) Do(worker, lo, hi int) {
	w := &a.win
	in, out, taps := w.InSize(), w.OutSize(), w.KernelSize()
	column := a.column[worker*a.channels*taps:][:a.channels*taps]
	for n := lo; n < hi; n++ {
		dw := a.dw[n*len(a.w):][:len(a.w)]
		clear(dw)
		clear(a.dx[n*a.channels*in:][:a.channels*in])
		offsets := n * a.shifts * taps * out
		clear(a.dOffset[2*offsets:][:2*a.shifts*taps*out])
		if a.dMask != nil {
			clear(a.dMask[offsets:][:a.shifts*taps*out])
		}
		for at := range out {
			clear(column)
			for m := range a.outputs {
				g := a.y[(n*a.outputs+m)*out+at]
				weights := a.w[m*a.per*taps:][:a.per*taps]
				for k, v := range column[m/a.rows*a.per*taps:][:len(weights)] {
					column[m/a.rows*a.per*taps+k] = v + g*weights[k]
				}
			}
			top, left := at/w.Out[2]*w.Stride[1]-w.Head[1], at%w.Out[2]*w.Stride[2]-w.Head[2]
			for c := range a.channels {
				plane := (n*a.channels + c) * in
				group := n*a.shifts + c/(a.channels/a.shifts)
				for k := range taps {
					shift := (group*taps + k) * 2 * out
					grad, mask := float64(column[c*taps+k]), 1.0
					if a.mask != nil {
						mask = float64(a.mask[(group*taps+k)*out+at])
					}
					v, dy, dx := kernel.BilinearGrad(a.dx[plane:][:in], a.x[plane:][:in], w.In[1], w.In[2],
						float64(top+k/w.Kernel[2]*w.Dilation[1])+float64(a.offset[shift+at]), float64(left+k%w.Kernel[2]*w.Dilation[2])+float64(a.offset[shift+out+at]), grad*mask)
					a.dOffset[shift+at] += T(grad * mask * dy)
					a.dOffset[shift+out+at] += T(grad * mask * dx)
					if a.dMask != nil {
						a.dMask[(group*taps+k)*out+at] += T(grad * v)
					}
					column[c*taps+k] = T(v * mask) // from here on the sample
				}
			}
			for m := range a.outputs {
				g := a.y[(n*a.outputs+m)*out+at]
				to := dw[m*a.per*taps:][:a.per*taps]
				for k, v := range column[m/a.rows*a.per*taps:][:len(to)] {
					to[k] += g * v
				}
			}
		}
	}
}

func deformConvGradOf[T float32 | float64](c *graph.Ctx) error {
	xs, ws, ys := c.In[0].Shape(), c.In[1].Shape(), c.In[3].Shape()
	if len(xs) != 4 || len(ws) != 4 || len(ys) != 4 {
		return graph.Shapef("gradient %s of a convolution of %s by %s", c.In[3], c.In[0], c.In[1])
	}
	s, err := readSlide(c.Node, 2, ws[2:])
	if err == nil {
		err = s.bind(xs)
	}
	if err != nil {
		return err
	}
	group, shifts := c.Node.Int("group"), c.Node.Int("offset_group")
	taps, out := s.KernelSize(), s.OutSize()
	if group < 1 || shifts < 1 || shifts > maxSlide || xs[1]%shifts != 0 || xs[1] != ws[1]*group || ws[0]%group != 0 || !ys.Equal(tensor.Shape{xs[0], ws[0], s.Out[1], s.Out[2]}) ||
		c.In[2].Len() != xs[0]*shifts*taps*2*out || c.Has(4) && c.In[4].Len() != xs[0]*shifts*taps*out {
		return graph.Shapef("gradient %s of a convolution of %s by %s with offsets %s", c.In[3], c.In[0], c.In[1], c.In[2])
	}
	a := deformGradArgs[T]{deformArgs: deformArgs[T]{
		win: s.Window, x: tensor.Data[T](c.In[0]), w: tensor.Data[T](c.In[1]), offset: tensor.Data[T](c.In[2]), y: tensor.Data[T](c.In[3]),
		channels: xs[1], shifts: shifts, per: ws[1], rows: ws[0] / group, outputs: ws[0],
	}}
	if c.Has(4) {
		a.mask = tensor.Data[T](c.In[4])
	}
	outs := [4][]T{} // what nobody reads is computed too
	for i, in := range [4]int{0, 1, 2, 4} {
		switch {
		case i < len(c.Out) && c.Out[i] != nil:
			outs[i] = tensor.Data[T](c.Out[i])
		case c.Has(in):
			if outs[i], err = graph.Scratch[T](c, c.In[in].Len()); err != nil {
				return err
			}
		}
	}
	a.dx, a.dOffset, a.dMask = outs[0], outs[2], outs[3]
	if size := xs[1] * taps; size > math.MaxInt32 {
		return graph.Limitf("%d taps", size)
	}
	if a.column, err = graph.Scratch[T](c, xs[1]*taps*c.Exec().Workers()); err != nil {
		return err
	}
	if a.dw, err = graph.Scratch[T](c, xs[0]*len(a.w)); err != nil {
		return err
	}
	graph.Parallel(c, xs[0], 1, a)
	clear(outs[1])
	for i, v := range a.dw { // image after image
		outs[1][i%len(a.w)] += v
	}
	return nil
}
