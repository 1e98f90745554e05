package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Col2Im puts together images [N, C, image_shape…] of blocks, the columns of input [N, C·block elements, blocks]: blocks slide over the padded image like the
// window of a convolution, and where they overlap they add up.
var col2Im = family(&graph.Op{
	Name: "Col2Im", Since: 18,
	Sig: `(input:T, image_shape:i64, block_shape:i64) -> (output:T)
		T = tensor
		dilations ints; pads ints; strides ints`,
	Infer: inferCol2Im, Run: halves(runCol2Im),
	Grad: by1(func(r rule) *graph.Value {
		return r.Op("ai.onnxrun::Im2Col", append([]graph.Arg{r.g(0), r.x(2)}, r.attrs("dilations", "pads", "strides")...)...)
	}),
})

// Im2Col is the transpose of Col2Im: the columns [N, C·block elements, blocks] are what blocks see of X [N, C, image…], zeros in the padding.
var im2Col = family(&graph.Op{
	Domain: private, Name: "Im2Col", Since: 1,
	Sig: `(X:T, block_shape:i64) -> (Y:T)
		T = num
		dilations ints; pads ints; strides ints`,
	Infer: inferIm2Col, Run: halves(runIm2Col),
	Grad: by1(func(r rule) *graph.Value {
		image := r.Op("Shape", r.x(0), graph.Int("start", 2))
		return r.Op("Col2Im", append([]graph.Arg{r.g(0), image, r.x(1)}, r.attrs("dilations", "pads", "strides")...)...)
	}),
})

// blockWindow is the window of blocks over an image.
func blockWindow(n *graph.Node, image, block []int) (s slide, err error) {
	if len(image) != len(block) {
		return s, graph.Shapef("blocks %v of an image %v", block, image)
	}
	for i, b := range block {
		if b < 1 || b > maxSlide || image[i] < 0 || image[i] > 1<<40 {
			return s, graph.Shapef("blocks %v of an image %v", block, image)
		}
	}
	if s, err = readSlide(n, len(image), block); err != nil {
		return s, err
	}
	for i, d := range image {
		if err := s.fit(3-s.rank+i, d); err != nil {
			return s, err
		}
	}
	if _, ok := tensor.Shape(block).Size(); !ok {
		return s, graph.Shapef("blocks %v", block)
	}
	if _, ok := tensor.Shape(s.Out[:]).Size(); !ok {
		return s, graph.Shapef("blocks %v of an image %v", block, image)
	}
	return s, nil
}

func inferCol2Im(c *graph.Infer) error {
	if err := needTensor(c, 0); err != nil {
		return err
	}
	c.Set(0, graph.Unranked(c.DType(0)))
	x, ranked := c.Shape(0)
	if ranked && len(x) != 3 {
		return graph.Shapef("columns %s, want N, C times the block, blocks", graph.ShapeString(x))
	}
	if !ranked {
		x = unknownDims(3)
	}
	dims, known := c.Ints(1)
	block, sure := c.ConstInts(2)
	if !known {
		if s, ok := c.Shape(1); !ok || len(s) != 1 || !s[0].IsInt() {
			return nil
		} else if n, _ := s[0].Int(); n > 3 {
			return graph.Unsupportedf("images of %d axes", n)
		} else {
			dims = unknownDims(n)
		}
	}
	y := append([]graph.Dim{x[0], graph.Unknown()}, dims...)
	if sure {
		taps, ok := tensor.Shape(block).Size()
		for _, b := range block {
			ok = ok && b > 0
		}
		if !ok || len(block) != len(dims) {
			return graph.Shapef("blocks %v of an image %s", block, graph.ShapeString(dims))
		}
		if n, ok := x[1].Int(); ok && n%taps != 0 {
			return graph.Shapef("columns of %d elements for blocks %v", n, block)
		}
		y[1] = x[1].Div(graph.Size(taps))
		if image, ok := static(dims); ok {
			s, err := blockWindow(c.Node, image, block)
			if err != nil {
				return err
			}
			if l, ok := x[2].Int(); ok && l != s.OutSize() {
				return graph.Shapef("%d columns, want %d for blocks %v of an image %v", l, s.OutSize(), block, image)
			}
		}
	}
	if err := checkSize(y); err != nil {
		return err
	}
	c.SetTensor(0, c.DType(0), y...)
	return nil
}

func inferIm2Col(c *graph.Infer) error {
	c.Set(0, graph.Unranked(c.DType(0)))
	x, ok := c.Shape(0)
	if !ok {
		return nil
	}
	if len(x) < 3 || len(x) > 5 {
		return graph.Shapef("image of %d axes, want 3 to 5", len(x))
	}
	y := []graph.Dim{x[0], graph.Unknown(), graph.Unknown()}
	if block, sure := c.ConstInts(1); sure {
		if image, ok := static(x[2:]); ok {
			s, err := blockWindow(c.Node, image, block)
			if err != nil {
				return err
			}
			y[1], y[2] = x[1].Mul(graph.Size(s.KernelSize())), graph.Size(s.OutSize())
		}
	}
	if err := checkSize(y); err != nil {
		return err
	}
	c.SetTensor(0, c.DType(0), y...)
	return nil
}

type columnArgs[T kernel.Addable] struct {
	win        kernel.Window
	image, col []T
	back       bool
}

// Do takes planes [N, C].
func (a *columnArgs[T]) Do(_, lo, hi int) {
	in, col := a.win.InSize(), a.win.OutSize()*a.win.KernelSize()
	for p := lo; p < hi; p++ {
		if a.back {
			kernel.Col2Im(&a.win, a.image[p*in:][:in], a.col[p*col:][:col])
		} else {
			kernel.Im2Col(&a.win, a.col[p*col:][:col], a.image[p*in:][:in])
		}
	}
}

func runCol2Im(c *graph.Ctx) error { return runColumns(c, 2, true) }
func runIm2Col(c *graph.Ctx) error { return runColumns(c, 1, false) }

// runColumns goes from columns back to the image, or from the image to columns; blocks is the input with the shape of a block.
func runColumns(c *graph.Ctx, blocks int, back bool) error {
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	image, col := c.In[0], y
	if back {
		image, col = y, c.In[0]
	}
	block, err := appendInts(nil, c.In[blocks])
	if err != nil {
		return err
	}
	if image.Rank() < 3 || col.Rank() != 3 {
		return graph.Shapef("columns %s of images %s", col, image)
	}
	s, err := blockWindow(c.Node, image.Shape()[2:], block)
	if err != nil {
		return err
	}
	planes := image.Dim(0) * image.Dim(1)
	if col.Dim(0) != image.Dim(0) || col.Dim(1) != image.Dim(1)*s.KernelSize() || col.Dim(2) != s.OutSize() {
		return graph.Shapef("columns %s of blocks %v of images %s", col, block, image)
	}
	switch y.DType() {
	case tensor.Float32:
		columnsOf[float32](c, s, planes, image, col, back)
	case tensor.Float64:
		columnsOf[float64](c, s, planes, image, col, back)
	case tensor.Complex64:
		columnsOf[complex64](c, s, planes, image, col, back)
	case tensor.Complex128:
		columnsOf[complex128](c, s, planes, image, col, back)
	case tensor.Int8:
		columnsOf[int8](c, s, planes, image, col, back)
	case tensor.Int16:
		columnsOf[int16](c, s, planes, image, col, back)
	case tensor.Int32:
		columnsOf[int32](c, s, planes, image, col, back)
	case tensor.Int64:
		columnsOf[int64](c, s, planes, image, col, back)
	case tensor.Uint8:
		columnsOf[uint8](c, s, planes, image, col, back)
	case tensor.Uint16:
		columnsOf[uint16](c, s, planes, image, col, back)
	case tensor.Uint32:
		columnsOf[uint32](c, s, planes, image, col, back)
	case tensor.Uint64:
		columnsOf[uint64](c, s, planes, image, col, back)
	default:
		return graph.Typef("sums of %s", y)
	}
	return nil
}

func columnsOf[T kernel.Addable](c *graph.Ctx, s slide, planes int, image, col *tensor.Tensor, back bool) {
	graph.Parallel(c, planes, 1+1<<15/max(1, s.OutSize()*s.KernelSize()+s.InSize()), columnArgs[T]{s.Window, tensor.Data[T](image), tensor.Data[T](col), back})
}
