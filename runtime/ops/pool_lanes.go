package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// lanePool is a pool over [N, C, H, W, 16] whose window has extent 1 along the last axis, as those over blocked activations do: 16 lanes at once. Outputs whose windows
// are cut alike by the edges of the image are computed together.
type lanePool struct {
	win     kernel.Window // axes H, W and the lanes
	x, y    []float32
	largest bool // the maximum, else the mean
	pad     bool // padding counts
	weights []float32
	taps    int
}

// poolsLanes reports whether such a pool can compute the node.
func poolsLanes(c *graph.Ctx, w *kernel.Window) bool {
	return c.In[0].DType() == tensor.Float32 && w.In[2] == 16 && w.Kernel[2] == 1 && w.Stride[2] == 1 && w.Head[2] == 0 && w.Tail[2] == 0
}

func runLanePool(c *graph.Ctx, win kernel.Window, rows int, largest, pad bool) error {
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	a := lanePool{win: win, x: tensor.Data[float32](c.In[0]), y: tensor.Data[float32](y), largest: largest, pad: pad}
	if !largest {
		a.taps = min(win.Kernel[0], win.In[0]) * min(win.Kernel[1], win.In[1])
		if a.weights, err = graph.Scratch[float32](c, a.taps*16*c.Exec().Workers()); err != nil {
			return err
		}
	}
	work := win.Out[1] * max(1, min(win.Kernel[0], win.In[0])*min(win.Kernel[1], win.In[1]))
	graph.Parallel(c, rows/win.Out[1], 1+1<<13/work, a)
	return nil
}

// windowCut is what the edges leave of a window along an axis: taps lo to hi-1 of which the first sees the input at, and how many count for a mean.
type windowCut struct{ at, lo, hi, count int }

func cutOf(w *kernel.Window, axis, o int, pad bool) windowCut {
	first, lo, hi := w.Taps(axis, o)
	p := windowCut{first + lo*w.Dilation[axis], lo, hi, hi - lo}
	if pad {
		p.count = w.Padded(axis, o)
	}
	return p
}

// alike is the end of the outputs from o on, below end, whose windows are cut as that of o. With pad, padding counts.
func alike(w *kernel.Window, axis, o, end int, pad bool) (windowCut, int) {
	p := cutOf(w, axis, o, pad)
	if p.lo == 0 && p.hi == w.Kernel[axis] { // not at all
		span := (w.Kernel[axis]-1)*w.Dilation[axis] + 1
		return p, min(end, (w.In[axis]+w.Head[axis]-span)/w.Stride[axis]+1)
	}
	for o++; o < end; o++ {
		if q := cutOf(w, axis, o, pad); q.lo != p.lo || q.hi != p.hi || q.count != p.count {
			break
		}
	}
	return p, o
}

// Do takes output rows [N, C, H].
func (a *lanePool) Do(worker, lo, hi int) {
	w := &a.win
	weights := laneWeights{w: a.weights[worker*a.taps*16:][:a.taps*16]}
	for lo < hi {
		o0, plane := lo%w.Out[0], lo/w.Out[0]
		c0, end := alike(w, 0, o0, min(w.Out[0], o0+hi-lo), a.pad)
		for o1 := 0; o1 < w.Out[1]; {
			c1, end1 := alike(w, 1, o1, w.Out[1], a.pad)
			d := kernel.Depthwise{
				Y: a.y[((plane*w.Out[0]+o0)*w.Out[1]+o1)*16:], YRow: w.Out[1] * 16, Rows: end - o0, Cols: end1 - o1,
				Kernel: [2]int{c0.hi - c0.lo, c1.hi - c1.lo}, Stride: [2]int(w.Stride[:2]), Dilation: [2]int(w.Dilation[:2]),
				XRow: w.In[1] * 16, Lo: float32(math.Inf(-1)), Hi: float32(math.Inf(1)),
			}
			if d.Kernel[0] < 1 || d.Kernel[1] < 1 {
				a.blank(&d)
			} else {
				d.X = a.x[plane*w.InSize():][:w.InSize()][(c0.at*w.In[1]+c1.at)*16:]
				if a.largest {
					d.Max()
				} else {
					d.W, d.Bias = weights.of(1/float32(c0.count*c1.count)), zeroLanes[:]
					d.Run()
				}
			}
			o1 = end1
		}
		lo += end - o0
	}
}

// blank writes what windows give that see nothing.
func (a *lanePool) blank(d *kernel.Depthwise) {
	var v float32
	if a.largest {
		v = float32(math.Inf(-1))
	}
	for r := range d.Rows {
		row := d.Y[r*d.YRow:][:d.Cols*16]
		for i := range row {
			row[i] = v
		}
	}
}

var zeroLanes [16]float32

// laneWeights are weights of one value, kept from one use to the next.
type laneWeights struct {
	w   []float32
	now float32
}

func (l *laneWeights) of(v float32) []float32 {
	if l.now != v {
		for i := range l.w {
			l.w[i] = v
		}
		l.now = v
	}
	return l.w
}
