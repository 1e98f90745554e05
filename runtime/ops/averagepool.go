package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// AveragePool is the mean of what a sliding window sees; with count_include_pad padding counts as zeros, else not at all.
var averagePool = family(
	&graph.Op{
		Name: "AveragePool", Since: 22,
		Sig: `(X:T) -> (Y:T)
			T = float
			auto_pad string = NOTSET; ceil_mode int = 0; count_include_pad int = 0; dilations ints; kernel_shape ints!; pads ints; strides ints`,
		Infer: inferPool, Run: halves(runAveragePool),
		Grad: by1(averagePoolGrad),
	},
	&graph.Op{Since: 19, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 11, Sig: "-dilations"},
	&graph.Op{Since: 10},
	&graph.Op{Since: 7, Sig: "-ceil_mode"},
	&graph.Op{Since: 1, Sig: "-count_include_pad"},
)

func runAveragePool(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return averagePoolOf[float32](c)
	case tensor.Float64:
		return averagePoolOf[float64](c)
	}
	return graph.Typef("average pool of %s", c.In[0])
}

type averagePoolArgs[T float32 | float64] struct {
	win  kernel.Window
	x, y []T
	pad  bool
}

// Do takes output rows [N, C, Out0, Out1].
func (a *averagePoolArgs[T]) Do(_, lo, hi int) {
	n, in := a.win.Out[2], a.win.InSize()
	for r := lo; r < hi; r++ {
		o1, o0, plane := poolRow(&a.win, r)
		kernel.AveragePoolRow(&a.win, o0, o1, a.x[plane*in:][:in], a.y[r*n:][:n], a.pad)
	}
}

func averagePoolOf[T float32 | float64](c *graph.Ctx) error {
	win, rows, grain, err := poolWindow(c)
	if err != nil || rows == 0 {
		return err
	}
	pad := c.Node.Bool("count_include_pad")
	if poolsLanes(c, &win) {
		return runLanePool(c, win, rows, false, pad)
	}
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	graph.Parallel(c, rows, grain, averagePoolArgs[T]{win, tensor.Data[T](c.In[0]), tensor.Data[T](y), pad})
	return nil
}
