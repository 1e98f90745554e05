package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// ConvWeightGrad is the gradient of the weights, which have the given shape [M, C/group, kernel…], of a convolution of X [N, C, spatial…] whose output has the gradient
// dY [N, M, out…].
var convWeightGrad = family(&graph.Op{
	Domain: private, Name: "ConvWeightGrad", Since: 1,
	Sig: `(X:T, dY:T, shape:I) -> (dW:T)
		T = float; I = i64
		dilations ints; group int = 1; pads ints; strides ints`,
	Infer: inferConvWeightGrad, Run: halves(runConvWeightGrad),
})

func inferConvWeightGrad(c *graph.Infer) error {
	if err := sameTypes(c, 1); err != nil {
		return err
	}
	if err := shapedLike(c, 2); err != nil {
		return err
	}
	x, g, w := c.Type(0), c.Type(1), c.Out[0].Type
	if !x.Ranked || !g.Ranked || !w.Ranked {
		return nil
	}
	group := c.Node.Int("group")
	if len(x.Shape) != len(g.Shape) || len(x.Shape) != len(w.Shape) || len(x.Shape) < 3 || group < 1 {
		return graph.Shapef("weights %s of a convolution of %s to %s", w, x, g)
	}
	if known := func(d, e graph.Dim) bool { return d.IsInt() && e.IsInt() && !d.Equal(e) }; known(x.Shape[0], g.Shape[0]) || known(g.Shape[1], w.Shape[0]) ||
		known(x.Shape[1], w.Shape[1].Mul(graph.Size(group))) {
		return graph.Shapef("weights %s of a convolution of %s to %s in %d groups", w, x, g, group)
	}
	if m, ok := g.Shape[1].Int(); ok && m%group != 0 {
		return graph.Shapef("%d channels in %d groups", m, group)
	}
	_, err := readSlide(c.Node, len(x.Shape)-2, kernelExtents(w.Shape[2:]))
	return err
}

// shapedLike sets output 0 to the type of input 0 and the shape that input i holds.
func shapedLike(c *graph.Infer, i int) error {
	c.Set(0, graph.Unranked(c.DType(0)))
	if d, ok := c.Ints(i); ok {
		for _, n := range d {
			if v, ok := n.Int(); ok && v < 0 {
				return graph.Shapef("shape %s", graph.ShapeString(d))
			}
		}
		c.SetTensor(0, c.DType(0), d...)
		return checkSize(d)
	}
	if s, ok := c.Shape(i); ok && len(s) == 1 {
		if n, ok := s[0].Int(); ok && n < 64 {
			c.SetTensor(0, c.DType(0), unknownDims(n)...)
		}
	}
	return nil
}

func runConvWeightGrad(c *graph.Ctx) error {
	w, err := outOf(c, 0)
	if err != nil || w.Len() == 0 {
		return err
	}
	x, g := c.In[0].Shape(), c.In[1].Shape()
	s, err := readSlide(c.Node, len(x)-2, w.Shape()[2:])
	if err != nil {
		return err
	}
	copy(s.In[3-s.rank:], x[2:])
	copy(s.Out[3-s.rank:], g[2:])
	if s.InSize() > 1<<31-1 || s.OutSize() > 1<<31-1 {
		return graph.Limitf("convolution of %s to %s", c.In[0], c.In[1])
	}
	if c.In[0].Len() == 0 || c.In[1].Len() == 0 {
		clear(w.Bytes())
		return nil
	}
	group := c.Node.Int("group")
	rows := g[1] / group
	switch {
	case w.DType() == tensor.Float64:
		weightsOneByOne[float64](c, s.Window, group, rows)
	case rows <= 2:
		weightsOneByOne[float32](c, s.Window, group, rows)
	default:
		return weightsByProduct(c, s.Window, group, rows)
	}
	return nil
}

// weightGrads computes weights one by one: for groups with few output channels, as depthwise convolutions have them, and for float64.
type weightGrads[T float32 | float64] struct {
	win             kernel.Window
	x, g, w         []T
	batch, channels int // channels of X
	per, rows, all  int // input and output channels of a group, channels of dY
}

func weightsOneByOne[T float32 | float64](c *graph.Ctx, win kernel.Window, group, rows int) {
	x := c.In[0].Shape()
	a := weightGrads[T]{win: win, x: tensor.Data[T](c.In[0]), g: tensor.Data[T](c.In[1]), w: tensor.Data[T](c.Out[0]),
		batch: x[0], channels: x[1], per: x[1] / group, rows: rows, all: rows * group}
	graph.Parallel(c, len(a.w), 1+1<<16/(a.batch*win.OutSize()), a)
}

// Do takes weights [M, C/group, kernel…].
func (a *weightGrads[T]) Do(_, lo, hi int) {
	k := &a.win.Kernel
	in, out := a.win.InSize(), a.win.OutSize()
	for i := lo; i < hi; i++ {
		plane := i / a.win.KernelSize()
		m, ch := plane/a.per, plane%a.per
		ch += m / a.rows * a.per
		sum := 0.0
		for n := range a.batch {
			sum += kernel.ConvWeight(&a.win, a.x[(n*a.channels+ch)*in:][:in], a.g[(n*a.all+m)*out:][:out], i/k[2]/k[1]%k[0], i/k[2]%k[1], i%k[2])
		}
		a.w[i] = T(sum)
	}
}

// weightBlocks computes weights by matrix products, cut into [part, group, block of input channels]; each part is the sum over some images.
type weightBlocks struct {
	win                    kernel.Window
	x, g, w, scratch       []float32 // w is [part, M, C/group·taps]
	batch, channels, all   int
	group, rows            int
	per, block             int // input channels of a group and of a block
	images, parts, workMem int // images of a part, parts, scratch memory of a worker
}

// weightTasks is how many pieces of work there should be; with fewer blocks the images are dealt to parts, too.
const weightTasks = 16

func weightsByProduct(c *graph.Ctx, win kernel.Window, group, rows int) error {
	x, taps := c.In[0].Shape(), win.KernelSize()
	a := weightBlocks{win: win, x: tensor.Data[float32](c.In[0]), g: tensor.Data[float32](c.In[1]), w: tensor.Data[float32](c.Out[0]),
		batch: x[0], channels: x[1], all: rows * group, group: group, rows: rows, per: x[1] / group}
	a.block = max(1, min(a.per, 192/taps))
	blocks := (a.per + a.block - 1) / a.block
	a.block = (a.per + blocks - 1) / blocks
	a.parts = min(a.batch, (weightTasks+group*blocks-1)/(group*blocks))
	a.images = (a.batch + a.parts - 1) / a.parts
	a.parts = (a.batch + a.images - 1) / a.images
	a.workMem = kernel.ConvWeightsScratch(rows, a.block*taps, win.OutSize())
	var err error
	if a.scratch, err = graph.Scratch[float32](c, a.workMem*c.Exec().Workers()); err != nil {
		return err
	}
	size := len(a.w)
	if a.parts > 1 {
		if a.w, err = graph.Scratch[float32](c, a.parts*size); err != nil {
			return err
		}
	}
	work := a.images * rows * a.block * taps * win.OutSize()
	graph.Parallel(c, a.parts*group*blocks, 1+1<<20/max(work, 1), a)
	if a.parts > 1 {
		graph.Parallel(c, size, 1<<13, addParts{tensor.Data[float32](c.Out[0]), a.w})
	}
	return nil
}

func (a *weightBlocks) Do(worker, lo, hi int) {
	taps, blocks := a.win.KernelSize(), (a.per+a.block-1)/a.block
	in, out := a.win.InSize(), a.win.OutSize()
	for i := lo; i < hi; i++ {
		part, group, first := i/blocks/a.group, i/blocks%a.group, i%blocks*a.block
		image := part * a.images
		k := kernel.ConvWeights{
			Win: &a.win, XStep: a.channels * in, GStep: a.all * out, Images: min(a.images, a.batch-image), Channels: min(a.block, a.per-first), Rows: a.rows,
			X: a.x[(image*a.channels+group*a.per+first)*in:], G: a.g[(image*a.all+group*a.rows)*out:],
			W: a.w[((part*a.all+group*a.rows)*a.per+first)*taps:], Ldw: a.per * taps, Scratch: a.scratch[worker*a.workMem:][:a.workMem],
		}
		k.Run()
	}
}

// addParts is y = Σ parts, in order.
type addParts struct{ y, parts []float32 }

func (a *addParts) Do(_, lo, hi int) {
	y := a.y[lo:hi]
	copy(y, a.parts[lo:hi])
	for at := len(a.y); at < len(a.parts); at += len(a.y) {
		for i, v := range a.parts[at+lo:][:len(y)] {
			y[i] += v
		}
	}
}
