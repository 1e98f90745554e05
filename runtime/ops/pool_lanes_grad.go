package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// laneMaxGrad is the gradient of a largest-element lanePool, 16 lanes at once.
type laneMaxGrad struct {
	win         kernel.Window // axes H, W and the lanes
	dx, x, y, g []float32
}

func runLaneMaxGrad(c *graph.Ctx, win kernel.Window, dx *tensor.Tensor) {
	graph.Parallel(c, dx.Len()/win.InSize(), 1+1<<14/(win.InSize()+win.OutSize()*win.KernelSize()), laneMaxGrad{
		win, tensor.Data[float32](dx), tensor.Data[float32](c.In[0]), tensor.Data[float32](c.In[1]), tensor.Data[float32](c.In[2])})
}

// Do takes planes [N, C/16].
func (a *laneMaxGrad) Do(_, lo, hi int) {
	w := &a.win
	in, out := w.InSize(), w.OutSize()
	for p := lo; p < hi; p++ {
		x, dx := a.x[p*in:][:in], a.dx[p*in:][:in]
		clear(dx)
		for o0 := range w.Out[0] {
			c0 := cutOf(w, 0, o0, false)
			for o1 := 0; o1 < w.Out[1]; {
				c1, end := alike(w, 1, o1, w.Out[1], false)
				if c0.hi > c0.lo && c1.hi > c1.lo {
					from, at := (c0.at*w.In[1]+c1.at)*16, p*out+(o0*w.Out[1]+o1)*16
					s := kernel.MaxLanes{X: x[from:], DX: dx[from:], Y: a.y[at:], G: a.g[at:], Cols: end - o1, Rows: c0.hi - c0.lo, Taps: c1.hi - c1.lo,
						Step: w.Stride[1] * 16, Tap: w.Dilation[1] * 16, Row: w.Dilation[0] * w.In[1] * 16}
					s.Grad()
				}
				o1 = end
			}
		}
	}
}
