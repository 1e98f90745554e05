package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// MaxPool is the largest element that a sliding window sees; NaN if it sees one. Indices are where in X the elements stand:
// row-major over all of X, or with storage_order 1 column-major within each [spatial…] plane.
var maxPool = family(
	&graph.Op{
		Name: "MaxPool", Since: 22,
		Sig: `(X:T) -> (Y:T, Indices?:I)
			T = float i8 u8
			I = i64
			auto_pad string = NOTSET; ceil_mode int = 0; dilations ints; kernel_shape ints!; pads ints; storage_order int = 0; strides ints`,
		Infer: inferPool, Run: halves(runMaxPool),
		Grad: by1(maxPoolGrad),
	},
	&graph.Op{Since: 12, Sig: "T = f16 f32 f64 i8 u8"},
	&graph.Op{Since: 11, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 10},
	&graph.Op{Since: 8, Sig: "-ceil_mode; -dilations"},
	&graph.Op{Since: 1, Sig: "(X:T) -> (Y:T); -storage_order"},
)

// inferPool is for pools: [N, C, spatial…], of which the window changes the spatial extents. An output 1 has indices.
func inferPool(c *graph.Infer) error {
	x, ok := c.Shape(0)
	if !ok {
		c.Set(0, graph.Unranked(c.DType(0)))
		c.Set(1, graph.Unranked(tensor.Int64))
		return nil
	}
	if len(x) < 3 {
		return graph.Shapef("input of %d axes, want N, C and at least one more", len(x))
	}
	s, err := readSlide(c.Node, len(x)-2, nil)
	if err != nil {
		return err
	}
	dims, err := s.outDims(x)
	if err != nil {
		return err
	}
	shape := append([]graph.Dim{x[0], x[1]}, dims...)
	c.SetTensor(0, c.DType(0), shape...)
	c.SetTensor(1, tensor.Int64, shape...)
	return nil
}

func runMaxPool(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return maxPoolOf[float32](c)
	case tensor.Float64:
		return maxPoolOf[float64](c)
	case tensor.Int8:
		return maxPoolOf[int8](c)
	case tensor.Uint8:
		return maxPoolOf[uint8](c)
	}
	return graph.Typef("max pool of %s", c.In[0])
}

type maxPoolArgs[T kernel.Ordered] struct {
	win         kernel.Window
	x, y        []T
	idx         []int64
	columnMajor bool
}

// Do takes output rows [N, C, Out0, Out1].
func (a *maxPoolArgs[T]) Do(_, lo, hi int) {
	n := a.win.Out[2]
	for r := lo; r < hi; r++ {
		o1, o0, plane := poolRow(&a.win, r)
		if a.idx == nil {
			kernel.MaxPoolRow(&a.win, o0, o1, plane, a.x, a.y[r*n:][:n])
		} else {
			kernel.MaxPoolIndexRow(&a.win, o0, o1, plane, a.x, a.y[r*n:][:n], a.idx[r*n:][:n], a.columnMajor)
		}
	}
}

// poolRow splits the number of a row of outputs [N, C, Out0, Out1] into its position and the plane [N, C].
func poolRow(w *kernel.Window, r int) (o1, o0, plane int) {
	return r % w.Out[1], r / w.Out[1] % w.Out[0], r / w.Out[1] / w.Out[0]
}

func maxPoolOf[T kernel.Ordered](c *graph.Ctx) error {
	win, rows, grain, err := poolWindow(c)
	if err != nil || rows == 0 {
		return err
	}
	if !c.Wants(1) && poolsLanes(c, &win) {
		return runLanePool(c, win, rows, true, false)
	}
	a := maxPoolArgs[T]{win: win, x: tensor.Data[T](c.In[0]), columnMajor: c.Node.Int("storage_order") == 1}
	if c.Out[0] != nil {
		a.y = tensor.Data[T](c.Out[0])
	} else if a.y, err = graph.Scratch[T](c, rows*win.Out[2]); err != nil {
		return err
	}
	if c.Wants(1) {
		idx, err := outOf(c, 1)
		if err != nil {
			return err
		}
		a.idx = tensor.Data[int64](idx)
	}
	graph.Parallel(c, rows, grain, a)
	return nil
}

// poolWindow is the window of a pool over input 0, the number of rows of the output and how many of them are a piece of work; no rows when the output is empty.
func poolWindow(c *graph.Ctx) (win kernel.Window, rows, grain int, err error) {
	x := c.In[0].Shape()
	s, err := readSlide(c.Node, len(x)-2, nil)
	if err == nil {
		err = s.bind(x)
	}
	if err != nil {
		return win, 0, 0, err
	}
	size, ok := tensor.Shape{x[0], x[1], s.Out[0], s.Out[1], s.Out[2]}.Size()
	if !ok {
		return win, 0, 0, graph.Shapef("pool of %v", x)
	}
	if size == 0 {
		return win, 0, 0, nil
	}
	taps := min(s.Kernel[0], s.In[0]) * min(s.Kernel[1], s.In[1]) * min(s.Kernel[2], s.In[2])
	return s.Window, size / s.Out[2], 1 + 1<<16/max(1, s.Out[2]*taps), nil
}
