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

// weightBlocks computes weights by matrix products, cut into blocks [group, input channels, output channels].
type weightBlocks struct {
	win                  kernel.Window
	x, g, w, scratch     []float32 // x and g have their channels last
	batch, channels, all int
	rows, per            int // output and input channels of a group
	block, rowBlock      int // input and output channels of a block
	blocks, rowBlocks    int // of a group
	workMem              int // scratch memory of a worker
}

// Blocks have at most so many output channels, input channels, and columns of weights.
const (
	weightRows     = 140
	weightChannels = 32
	weightColumns  = 2048
)

func weightsByProduct(c *graph.Ctx, win kernel.Window, group, rows int) error {
	x, taps := c.In[0].Shape(), win.KernelSize()
	a := weightBlocks{win: win, w: tensor.Data[float32](c.Out[0]), batch: x[0], channels: x[1], all: rows * group, rows: rows, per: x[1] / group}
	a.block = max(1, min(a.per, weightChannels, weightColumns/taps))
	a.blocks = (a.per + a.block - 1) / a.block
	// Threads share rows where there are few blocks of input channels; the results are the same.
	parts := (2*c.Exec().Workers() + group*a.blocks - 1) / (group * a.blocks)
	a.rowBlock = min(weightRows, max(14, (rows+parts-1)/parts))
	a.rowBlocks = (rows + a.rowBlock - 1) / a.rowBlock
	a.rowBlock = (rows + a.rowBlocks - 1) / a.rowBlocks
	rest := a.per - (a.blocks-1)*a.block // the last block may need more than the others, whose channels fill panels
	a.workMem = max(kernel.ConvWeightsScratch(a.rowBlock, a.block, taps), kernel.ConvWeightsScratch(a.rowBlock, rest, taps))
	var err error
	if a.x, err = channelsLast(c, 0); err != nil {
		return err
	}
	if a.g, err = channelsLast(c, 1); err != nil {
		return err
	}
	if a.scratch, err = graph.Scratch[float32](c, a.workMem*c.Exec().Workers()); err != nil {
		return err
	}
	graph.Parallel(c, group*a.blocks*a.rowBlocks, 1, a)
	return nil
}

// Do takes blocks.
func (a *weightBlocks) Do(worker, lo, hi int) {
	taps := a.win.KernelSize()
	for i := lo; i < hi; i++ {
		group, first, row := i/a.rowBlocks/a.blocks, i/a.rowBlocks%a.blocks*a.block, i%a.rowBlocks*a.rowBlock
		k := kernel.ConvWeights{
			Win: &a.win, X: a.x[group*a.per+first:], G: a.g[group*a.rows+row:], XStep: a.channels, GStep: a.all, Images: a.batch,
			Channels: min(a.block, a.per-first), Rows: min(a.rowBlock, a.rows-row),
			W: a.w[((group*a.rows+row)*a.per+first)*taps:], Ldw: a.per * taps, Scratch: a.scratch[worker*a.workMem:][:a.workMem],
		}
		k.Run()
	}
}

// channelsLast is input i [N, C, spatial…] as [N, spatial…, C], in scratch memory.
func channelsLast(c *graph.Ctx, i int) ([]float32, error) {
	s := c.In[i].Shape()
	x := tensor.Data[float32](c.In[i])
	y, err := graph.Scratch[float32](c, len(x))
	if err != nil {
		return nil, err
	}
	a := lastArgs{x, y, s[1], s[2:].Elems(), (s[1] + lastChannels - 1) / lastChannels}
	graph.Parallel(c, s[0]*a.blocks, 1+1<<15/max(1, min(a.channels, lastChannels)*a.plane), a)
	return y, nil
}

// lastChannels are the channels that lastArgs brings to the end at once.
const lastChannels = 64

type lastArgs struct {
	x, y                    []float32
	channels, plane, blocks int
}

// Do takes blocks of channels of the images.
func (a *lastArgs) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		image, first := i/a.blocks, i%a.blocks*lastChannels
		at := image * a.channels * a.plane
		kernel.Transpose32(a.y[at+first:], a.x[at+first*a.plane:], a.plane, min(lastChannels, a.channels-first), a.channels, a.plane)
	}
}
