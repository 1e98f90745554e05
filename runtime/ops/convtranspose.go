package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// ConvTranspose adds, for each element of X [N, C, spatial…], the kernel W [C, M/group, kernel…] times that element to Y at
// stride·position - pad: the transpose of Conv as a linear map, with output_padding more elements at the end of each axis.
var convTranspose = family(
	&graph.Op{
		Name: "ConvTranspose", Since: 22,
		Sig: `(X:T, W:T, B?:T) -> (Y:T)
			T = float
			auto_pad string = NOTSET; dilations ints; group int = 1; kernel_shape ints; output_padding ints; output_shape ints; pads ints; strides ints`,
		Infer: inferConvTranspose, Run: halves(runConvTranspose),
		Grad: by(convTransposeGrad),
	},
	&graph.Op{Since: 11, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 1},
)

func inferConvTranspose(c *graph.Infer) error {
	if err := sameTypes(c, 1, 2); err != nil {
		return err
	}
	x, okX := c.Shape(0)
	w, okW := c.Shape(1)
	if !okX || !okW {
		c.Set(0, graph.Unranked(c.DType(0)))
		return nil
	}
	group := c.Node.Int("group")
	if len(x) != len(w) || len(x) < 3 {
		return graph.Shapef("input %s, kernels %s", graph.ShapeString(x), graph.ShapeString(w))
	}
	cx, okX := x[1].Int()
	if group < 1 || okX && cx%group != 0 || okX && w[0].IsInt() && !w[0].Is(cx) {
		return graph.Shapef("input %s, kernels %s, group %d", graph.ShapeString(x), graph.ShapeString(w), group)
	}
	m := w[1].Mul(graph.Size(group))
	if b, ok := c.Shape(2); ok && (len(b) != 1 || b[0].IsInt() && m.IsInt() && !b[0].Equal(m)) {
		return graph.Shapef("bias of %s for %s channels", c.Type(2), m)
	}
	s, err := readSlide(c.Node, len(x)-2, kernelExtents(w[2:]))
	if err != nil {
		return err
	}
	y := []graph.Dim{x[0], m}
	for i, d := range x[2:] {
		n, known := d.Int()
		if out := c.Node.Ints("output_shape"); !known && len(out) == s.rank {
			y = append(y, graph.Size(int(out[i])))
		} else if s.Kernel[3-s.rank+i] < 0 {
			y = append(y, graph.Unknown())
		} else if known {
			if err := s.fitTranspose(c.Node, 3-s.rank+i, n); err != nil {
				return err
			}
			y = append(y, graph.Size(s.Out[3-s.rank+i]))
		} else {
			axis := 3 - s.rank + i
			if err := s.fitTranspose(c.Node, axis, maxSlide); err != nil { // the output is in·stride and a constant
				return err
			}
			stride := s.Stride[axis]
			y = append(y, d.Mul(graph.Size(stride)).Add(graph.Size(s.Out[axis]-maxSlide*stride)))
		}
	}
	c.SetTensor(0, c.DType(0), y...)
	return nil
}

// fitTranspose settles the pads and the output extent of an axis of a ConvTranspose.
func (s *slide) fitTranspose(n *graph.Node, axis, in int) error {
	i := axis - 3 + s.rank
	extra, want := 0, -1
	if v := n.Ints("output_padding"); len(v) > 0 {
		if len(v) != s.rank || v[i] < 0 || v[i] > maxSlide {
			return graph.Shapef("output_padding is %v", v)
		}
		extra = int(v[i])
	}
	if v := n.Ints("output_shape"); len(v) > 0 {
		if len(v) != s.rank || v[i] < 1 || v[i] > 1<<40 {
			return graph.Shapef("output_shape is %v", v)
		}
		want = int(v[i])
	}
	if in > 1<<31 {
		return graph.Shapef("an axis of %d", in)
	}
	same := s.auto == "SAME_UPPER" || s.auto == "SAME_LOWER"
	if same && want < 0 {
		want = in * s.Stride[axis]
	}
	full := (in-1)*s.Stride[axis] + extra + (s.Kernel[axis]-1)*s.Dilation[axis] + 1
	s.In[axis] = in
	if want >= 0 {
		pad := max(0, full-want)
		s.Head[axis] = pad - pad/2
		if s.auto == "SAME_UPPER" {
			s.Head[axis] = pad / 2
		}
		s.Tail[axis] = pad - s.Head[axis]
		s.Out[axis] = want
		return nil
	}
	s.Out[axis] = full - s.Head[axis] - s.Tail[axis]
	if s.Out[axis] < 0 {
		return graph.Shapef("pads %d and %d of an axis of %d", s.Head[axis], s.Tail[axis], full)
	}
	return nil
}

func runConvTranspose(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return convTransposeOf[float32](c)
	case tensor.Float64:
		return convTransposeOf[float64](c)
	}
	return graph.Typef("transposed convolution of %s", c.In[0])
}

// convTransposeOf cuts the output into phases, the positions with the same remainder by the stride along each axis. To a phase only the
// taps of one remainder contribute, and with them it is a convolution of stride 1 with the kernel reversed.
func convTransposeOf[T float32 | float64](c *graph.Ctx) error {
	xs, ws := c.In[0].Shape(), c.In[1].Shape()
	s, err := readSlide(c.Node, len(xs)-2, ws[2:])
	if err != nil {
		return err
	}
	for i, d := range xs[2:] {
		if err := s.fitTranspose(c.Node, 3-s.rank+i, d); err != nil {
			return err
		}
	}
	out, err := outOf(c, 0)
	if err != nil {
		return err
	}
	y := tensor.Data[T](out)
	if len(y) == 0 {
		return nil
	}
	group := c.Node.Int("group")
	a := convArgs[T]{x: tensor.Data[T](c.In[0]), batch: xs[0], group: group, rows: ws[1]}
	if c.Has(2) {
		a.bias = tensor.Data[T](c.In[2])
	}
	weights, err := graph.Scratch[T](c, len(tensor.Data[T](c.In[1])))
	if err != nil {
		return err
	}
	var part []T
	if s.Stride != [3]int{1, 1, 1} {
		most := xs[0] * ws[1] * group // elements of the largest phase
		for i := range 3 {
			most *= (s.Out[i] + s.Stride[i] - 1) / s.Stride[i]
		}
		if part, err = graph.Scratch[T](c, most); err != nil {
			return err
		}
	}
	scratch := &convScratch[T]{}
	var r [3]int // the phase
	for r[0] = 0; r[0] < min(s.Stride[0], s.Out[0]); r[0]++ {
		for r[1] = 0; r[1] < min(s.Stride[1], s.Out[1]); r[1]++ {
			for r[2] = 0; r[2] < min(s.Stride[2], s.Out[2]); r[2]++ {
				var first, step [3]int
				a.win, first, step = phase(&s.Window, r)
				a.channels, a.w, a.y = xs[1]/group, weights[:len(weights)/s.KernelSize()*a.win.KernelSize()], y
				if a.win.KernelSize() == 0 {
					a.channels, a.win.Kernel = 0, [3]int{1, 1, 1}
				} else {
					p := phaseWeights[T]{tensor.Data[T](c.In[1]), a.w, s.Kernel, a.win.Kernel, first, step, a.channels, ws[1], 0}
					p.run(c, group)
				}
				if part != nil {
					a.y = part[:xs[0]*ws[1]*group*a.win.OutSize()]
				}
				if err := convolveWindow(c, a, scratch); err != nil {
					return err
				}
				if part != nil {
					graph.Parallel(c, xs[0]*ws[1]*group*a.win.Out[0]*a.win.Out[1], 1+1<<15/a.win.Out[2],
						phaseScatter[T]{a.y, y, a.win.Out, s.Out, s.Stride, r})
				}
			}
		}
	}
	return nil
}

// phase is the convolution that computes the outputs r + stride·j, with the first tap that contributes along each axis and the step to the next.
// Output o sees input i by tap k when i·stride = o + head - k·dilation.
func phase(w *kernel.Window, r [3]int) (p kernel.Window, first, step [3]int) {
	for a := range 3 {
		s, d := w.Stride[a], w.Dilation[a]
		first[a], step[a] = -1, s/gcd(s, d)
		for k := range min(w.Kernel[a], step[a]) {
			if (r[a]+w.Head[a]-k*d)%s == 0 {
				first[a] = k
				break
			}
		}
		p.In[a], p.Out[a], p.Stride[a], p.Dilation[a] = w.In[a], (w.Out[a]-r[a]+s-1)/s, 1, d*step[a]/s
		if first[a] >= 0 {
			p.Kernel[a] = (w.Kernel[a]-1-first[a])/step[a] + 1
			last := first[a] + (p.Kernel[a]-1)*step[a]
			p.Head[a] = -(r[a] + w.Head[a] - last*d) / s
		}
	}
	return p, first, step
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// phaseWeights brings the taps of a phase of kernels [group, channels, rows, kernel] to [group, rows, channels, taps reversed].
type phaseWeights[T any] struct {
	w, out         []T
	kernel, taps   [3]int
	first, step    [3]int
	channels, rows int
	blocks         int // of rows
}

// phaseRows are rows that lie together in both arrays for long enough.
const phaseRows = 16

func (a phaseWeights[T]) run(c *graph.Ctx, group int) {
	a.blocks = (a.rows + phaseRows - 1) / phaseRows
	graph.Parallel(c, group*a.blocks, 1+1<<12/max(1, a.channels*a.taps[0]*a.taps[1]*a.taps[2]), a)
}

// Do takes blocks of rows of the groups.
func (a *phaseWeights[T]) Do(_, lo, hi int) {
	k := &a.kernel
	taps, size := a.taps[0]*a.taps[1]*a.taps[2], k[0]*k[1]*k[2]
	for i := lo; i < hi; i++ {
		group, first := i/a.blocks, i%a.blocks*phaseRows
		for c := range a.channels {
			for m := first; m < min(first+phaseRows, a.rows); m++ {
				w := a.w[((group*a.channels+c)*a.rows+m)*size:][:size]
				out := a.out[((group*a.rows+m)*a.channels+c)*taps:][:taps]
				if taps == size { // all of them
					for t := range out {
						out[t] = w[size-1-t]
					}
					continue
				}
				at := 0
				for i0 := a.taps[0] - 1; i0 >= 0; i0-- {
					for i1 := a.taps[1] - 1; i1 >= 0; i1-- {
						for i2 := a.taps[2] - 1; i2 >= 0; i2-- {
							out[at] = w[((a.first[0]+i0*a.step[0])*k[1]+a.first[1]+i1*a.step[1])*k[2]+a.first[2]+i2*a.step[2]]
							at++
						}
					}
				}
			}
		}
	}
}

// phaseScatter puts the rows of a phase [N·M, part] where they belong in [N·M, whole].
type phaseScatter[T any] struct {
	x, y                   []T
	part, whole, stride, r [3]int
}

func (a *phaseScatter[T]) Do(_, lo, hi int) {
	n := a.part[2]
	for i := lo; i < hi; i++ {
		j1, j0, plane := i%a.part[1], i/a.part[1]%a.part[0], i/a.part[1]/a.part[0]
		x := a.x[i*n:][:n]
		y := a.y[((plane*a.whole[0]+a.r[0]+j0*a.stride[0])*a.whole[1]+a.r[1]+j1*a.stride[1])*a.whole[2]:][:a.whole[2]]
		at := a.r[2]
		for _, v := range x {
			y[at] = v
			at += a.stride[2]
		}
	}
}
