package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Conv slides kernels W [M, C/group, kernel…] over X [N, C, spatial…]: each output channel is the sum of the products with
// the input channels of its group, plus B [M].
var conv = family(
	&graph.Op{
		Name: "Conv", Since: 22,
		Sig: `(X:T, W:T, B?:T) -> (Y:T)
			T = float
			auto_pad string = NOTSET; dilations ints; group int = 1; kernel_shape ints; pads ints; strides ints`,
		Infer: inferConv, Run: halves(runConv),
		Grad: by(convGrad),
	},
	&graph.Op{Since: 11, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 1},
)

func inferConv(c *graph.Infer) error {
	if err := sameTypes(c, 1, 2); err != nil {
		return err
	}
	if err := inferConvShape(c, c.DType(0)); err != nil {
		return err
	}
	if b, ok := c.Shape(2); ok {
		if w, ok := c.Shape(1); len(b) != 1 || ok && w[0].IsInt() && b[0].IsInt() && !b[0].Equal(w[0]) {
			return graph.Shapef("bias of %s for kernels of %s", c.Type(2), c.Type(1))
		}
	}
	return nil
}

// inferConvShape sets the output of a convolution of input 0 by input 1 to type d.
func inferConvShape(c *graph.Infer, d tensor.DType) error {
	x, okX := c.Shape(0)
	w, okW := c.Shape(1)
	switch {
	case !okX && !okW:
		c.Set(0, graph.Unranked(d))
		return nil
	case !okX:
		x = unknownDims(len(w))
	case !okW:
		w = unknownDims(len(x))
	}
	if len(x) != len(w) {
		return graph.Shapef("input of rank %d and kernels of rank %d", len(x), len(w))
	}
	if len(x) < 3 {
		return graph.Shapef("input of %d axes, want N, C and at least one more", len(x))
	}
	group := c.Node.Int("group")
	cx, okX := x[1].Int()
	cw, okW := w[1].Int()
	m, okM := w[0].Int()
	if group < 1 || okM && m%group != 0 || okX && cx%group != 0 || okX && okW && cx/group != cw {
		return graph.Shapef("input %s, kernels %s, group %d", graph.ShapeString(x), graph.ShapeString(w), group)
	}
	s, err := readSlide(c.Node, len(x)-2, kernelExtents(w[2:]))
	if err != nil {
		return err
	}
	dims, err := s.outDims(x)
	if err != nil {
		return err
	}
	c.SetTensor(0, d, append([]graph.Dim{x[0], w[0]}, dims...)...)
	return nil
}

// kernelExtents are dims as readSlide wants them: -1 where they are unknown.
func kernelExtents(dims []graph.Dim) []int {
	size := make([]int, len(dims))
	for i, d := range dims {
		n, ok := d.Int()
		if size[i] = n; !ok {
			size[i] = -1
		}
	}
	return size
}

func runConv(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return convolve[float32](c)
	case tensor.Float64:
		return convolve[float64](c)
	}
	return graph.Typef("convolution of %s", c.In[0])
}

func convolve[T float32 | float64](c *graph.Ctx) error {
	var bias []T
	if c.Has(2) {
		bias = tensor.Data[T](c.In[2])
	}
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	return convolveData(c, tensor.Data[T](c.In[0]), tensor.Data[T](c.In[1]), bias, tensor.Data[T](y))
}

// convArgs is a convolution cut into tiles: [N, group, row block, column block], or rows of single output channels when thin.
type convArgs[T kernel.Number] struct {
	win                 kernel.Window
	x, w, bias, y       []T
	batch, group        int
	channels, rows      int // of a group: input and output channels
	cols, height        int // of a tile
	colTiles, rowTiles  int
	panel               []T // of all workers
	off                 []int32
	panelSize, offSize  int
	inSize, outSize, kk int
}

// convScratch is scratch memory that several convolutions of one node share.
type convScratch[T kernel.Number] struct {
	panel []T
	off   []int32
}

// convolveData convolves inputs 0 and 1, of whose elements x and w are the numbers, into y.
func convolveData[T kernel.Number](c *graph.Ctx, x, w, bias, y []T) error {
	xs, ws := c.In[0].Shape(), c.In[1].Shape()
	s, err := readSlide(c.Node, len(xs)-2, ws[2:])
	if err != nil {
		return err
	}
	if err := s.bind(xs); err != nil {
		return err
	}
	group := c.Node.Int("group")
	a := convArgs[T]{win: s.Window, x: x, w: w, bias: bias, y: y, batch: xs[0], group: group, channels: ws[1], rows: ws[0] / group}
	return convolveWindow(c, a, &convScratch[T]{})
}

// convolveWindow runs a convolution of which the first lines of a, up to channels and rows, are set.
func convolveWindow[T kernel.Number](c *graph.Ctx, a convArgs[T], scratch *convScratch[T]) error {
	if len(a.y) == 0 {
		return nil
	}
	win, err := &a.win, error(nil)
	taps := win.KernelSize()
	a.inSize, a.outSize, a.kk = win.InSize(), win.OutSize(), a.channels*taps
	for i := range 3 {
		if win.In[i]+max(win.Head[i], 0)+max(win.Tail[i], 0) > 1<<31-1 || a.inSize > 1<<31-1 {
			return graph.Limitf("convolution over planes of %v with pads %v and %v", win.In, win.Head, win.Tail)
		}
	}
	if a.rows <= 2 {
		a.cols = min(win.Out[2], max(64, min(2048, 1<<20/max(1, a.kk))))
		a.colTiles = (win.Out[2] + a.cols - 1) / a.cols
		graph.Parallel(c, a.batch*a.group*a.rows*win.Out[0]*win.Out[1]*a.colTiles, 1+1<<18/(a.cols*max(1, a.kk)), convThin[T]{a})
		return nil
	}
	_, a.cols, a.height, a.panelSize = kernel.ConvBlock[T](a.channels, taps, a.rows)
	a.cols = min(a.cols, (a.outSize+3)&^3)
	a.colTiles, a.rowTiles = (a.outSize+a.cols-1)/a.cols, (a.rows+a.height-1)/a.height
	a.offSize = 4 * a.cols
	workers := c.Exec().Workers()
	if len(scratch.panel) < a.panelSize*workers {
		if scratch.panel, err = graph.Scratch[T](c, a.panelSize*workers); err != nil {
			return err
		}
	}
	if len(scratch.off) < a.offSize*workers {
		if scratch.off, err = graph.Scratch[int32](c, a.offSize*workers); err != nil {
			return err
		}
	}
	a.panel, a.off = scratch.panel, scratch.off
	graph.Parallel(c, a.batch*a.group*a.rowTiles*a.colTiles, 1+1<<18/(a.cols*a.height*max(1, a.kk)), a)
	return nil
}

func (a *convArgs[T]) Do(worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		block := i / a.colTiles / a.rowTiles // of the batch and the group
		col, row := i%a.colTiles*a.cols, i/a.colTiles%a.rowTiles*a.height
		t := kernel.ConvTile[T]{
			Win: &a.win, Channels: a.channels, Col0: col, Cols: min(a.cols, a.outSize-col), Rows: min(a.height, a.rows-row),
			Panel: a.panel[worker*a.panelSize:][:a.panelSize], Off: a.off[worker*a.offSize:][:a.offSize],
		}
		m := block%a.group*a.rows + row
		t.X = a.x[block*a.channels*a.inSize:][:a.channels*a.inSize]
		t.W = a.w[m*a.kk:][:t.Rows*a.kk]
		t.Y = a.y[(block/a.group*a.group*a.rows+m)*a.outSize:][:t.Rows*a.outSize]
		if a.bias != nil {
			t.Bias = a.bias[m : m+t.Rows]
		}
		t.Run()
	}
}

// convThin is a convolution whose groups have one or two output channels.
type convThin[T kernel.Number] struct{ convArgs[T] }

func (a *convThin[T]) Do(_, lo, hi int) {
	out := &a.win.Out
	for i := lo; i < hi; i++ {
		line := i / a.colTiles // [N, M, Out0, Out1]
		o1, o0, plane := line%out[1], line/out[1]%out[0], line/out[1]/out[0]
		m := plane % (a.group * a.rows)
		block := plane / a.rows // [N, group]
		var bias T
		if a.bias != nil {
			bias = a.bias[m]
		}
		from := i % a.colTiles * a.cols
		kernel.ConvRow(&a.win, a.channels, o0, o1, from, min(from+a.cols, out[2]), a.x[block*a.channels*a.inSize:][:a.channels*a.inSize],
			a.w[m*a.kk:][:a.kk], bias, a.y[line*out[2]:][:out[2]])
	}
}
