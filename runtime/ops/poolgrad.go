package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// MaxPoolGrad is the gradient of the input X of a MaxPool with the output Y, whose gradient is dY. Without kernel_shape the window is the whole plane.
var maxPoolGradient = family(&graph.Op{
	Domain: private, Name: "MaxPoolGrad", Since: 1,
	Sig: `(X:T, Y:T, dY:T) -> (dX:T)
		T = float
		auto_pad string = NOTSET; ceil_mode int = 0; dilations ints; kernel_shape ints; pads ints; strides ints`,
	Infer: graph.Same, Run: halves(func(c *graph.Ctx) error {
		switch c.In[0].DType() {
		case tensor.Float32:
			return maxPoolGradOf[float32](c)
		case tensor.Float64:
			return maxPoolGradOf[float64](c)
		}
		return graph.Typef("gradient of a max pool of %s", c.In[0])
	}),
})

// SumPoolGrad is the gradient of the input, which has the given shape, of an AveragePool whose output has the gradient dY; with mean 0 of a pool that sums.
var sumPoolGradient = family(&graph.Op{
	Domain: private, Name: "SumPoolGrad", Since: 1,
	Sig: `(dY:T, shape:I) -> (dX:T)
		T = float; I = i64
		auto_pad string = NOTSET; ceil_mode int = 0; count_include_pad int = 0; dilations ints; kernel_shape ints!; mean int = 1; pads ints; strides ints`,
	Infer: func(c *graph.Infer) error { return shapedLike(c, 1) }, Run: halves(func(c *graph.Ctx) error {
		switch c.In[0].DType() {
		case tensor.Float32:
			return sumPoolGradOf[float32](c)
		case tensor.Float64:
			return sumPoolGradOf[float64](c)
		}
		return graph.Typef("gradient of a pool to %s", c.In[0])
	}),
})

// poolGradWindow is the window of a pool of tensors of shape x to those of shape y.
func poolGradWindow(n *graph.Node, x, y tensor.Shape) (kernel.Window, error) {
	one := [3]int{1, 1, 1}
	if len(x) < 2 || len(y) != len(x) {
		return kernel.Window{}, graph.Shapef("pool of %v to %v", x, y)
	}
	if len(n.Ints("kernel_shape")) == 0 {
		all := x[2:].Elems()
		return kernel.Window{In: [3]int{1, 1, all}, Kernel: [3]int{1, 1, all}, Out: one, Stride: one, Dilation: one}, nil
	}
	s, err := readSlide(n, len(x)-2, nil)
	if err == nil {
		err = s.bind(x)
	}
	if err == nil && (!y[2:].Equal(s.Out[3-s.rank:]) || !y[:2].Equal(x[:2])) {
		err = graph.Shapef("pool of %v to %v, want %v", x, y, s.Out[3-s.rank:])
	}
	return s.Window, err
}

type maxPoolGradArgs[T float32 | float64] struct {
	win         kernel.Window
	dx, x, y, g []T
}

// Do takes planes [N, C].
func (a *maxPoolGradArgs[T]) Do(_, lo, hi int) {
	in, out := a.win.InSize(), a.win.OutSize()
	for p := lo; p < hi; p++ {
		clear(a.dx[p*in:][:in])
		kernel.MaxPoolGrad(&a.win, a.dx[p*in:][:in], a.x[p*in:][:in], a.y[p*out:][:out], a.g[p*out:][:out])
	}
}

func maxPoolGradOf[T float32 | float64](c *graph.Ctx) error {
	dx, err := outOf(c, 0)
	if err != nil || dx.Len() == 0 {
		return err
	}
	if !c.In[1].Shape().Equal(c.In[2].Shape()) {
		return graph.Shapef("gradient %s of %s", c.In[2], c.In[1])
	}
	win, err := poolGradWindow(c.Node, dx.Shape(), c.In[1].Shape())
	if err != nil {
		return err
	}
	if poolsLanes(c, &win) {
		runLaneMaxGrad(c, win, dx)
		return nil
	}
	graph.Parallel(c, dx.Len()/win.InSize(), 1+1<<14/(win.InSize()+win.OutSize()*win.KernelSize()), maxPoolGradArgs[T]{
		win, tensor.Data[T](dx), tensor.Data[T](c.In[0]), tensor.Data[T](c.In[1]), tensor.Data[T](c.In[2])})
	return nil
}

type sumPoolGradArgs[T float32 | float64] struct {
	win       kernel.Window
	dx, g     []T
	mean, pad bool
}

// Do takes planes [N, C].
func (a *sumPoolGradArgs[T]) Do(_, lo, hi int) {
	in, out := a.win.InSize(), a.win.OutSize()
	for p := lo; p < hi; p++ {
		clear(a.dx[p*in:][:in])
		kernel.SumPoolGrad(&a.win, a.dx[p*in:][:in], a.g[p*out:][:out], a.mean, a.pad)
	}
}

func sumPoolGradOf[T float32 | float64](c *graph.Ctx) error {
	dx, err := outOf(c, 0)
	if err != nil || dx.Len() == 0 {
		return err
	}
	win, err := poolGradWindow(c.Node, dx.Shape(), c.In[0].Shape())
	if err != nil {
		return err
	}
	graph.Parallel(c, dx.Len()/win.InSize(), 1+1<<14/(win.InSize()+win.OutSize()*min(win.KernelSize(), win.InSize())), sumPoolGradArgs[T]{
		win, tensor.Data[T](dx), tensor.Data[T](c.In[0]), c.Node.Bool("mean"), c.Node.Bool("count_include_pad")})
	return nil
}
