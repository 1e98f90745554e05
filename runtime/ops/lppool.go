package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// LpPool is (Σ |x|^p)^(1/p) over what a sliding window sees.
var lpPool = family(
	&graph.Op{
		Name: "LpPool", Since: 22,
		Sig: `(X:T) -> (Y:T)
			T = float
			auto_pad string = NOTSET; ceil_mode int = 0; dilations ints; kernel_shape ints!; p int = 2; pads ints; strides ints`,
		Infer: inferLpPool, Run: halves(runLpPool),
		Grad: by1(lpPoolGrad),
	},
	&graph.Op{Since: 18, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 11, Sig: "-ceil_mode; -dilations"},
	&graph.Op{Since: 2},
	&graph.Op{Since: 1, Sig: "kernel_shape ints; p float = 2"},
)

// GlobalLpPool is LpPool over whole planes.
var globalLpPool = family(
	&graph.Op{
		Name: "GlobalLpPool", Since: 22,
		Sig: `(X:T) -> (Y:T)
			T = float
			p int = 2`,
		Infer: inferGlobalLpPool, Run: halves(runGlobalLpPool),
		Grad: by1(globalLpPoolGrad),
	},
	&graph.Op{Since: 2, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 1, Sig: "p float = 2"},
)

// LpNormalization divides by the norm (Σ |x|^p)^(1/p), p 1 or 2, along an axis; where the norm is 0 so is the result.
var lpNormalization = family(
	&graph.Op{
		Name: "LpNormalization", Since: 22,
		Sig: `(input:T) -> (output:T)
			T = float
			axis int = -1; p int = 2`,
		Infer: inferLpNorm, Run: halves(runLpNorm), InPlace: true,
		Grad: by1(lpNormGrad),
	},
	&graph.Op{Since: 1, Sig: "T = f16 f32 f64"},
)

// lpOrder is the attribute p, which was a float at first.
func lpOrder(n *graph.Node) (float64, error) {
	p := float64(n.Float("p"))
	if v, ok := n.Attr("p").(int64); ok {
		p = float64(v)
	}
	if !(p > 0) {
		return 0, graph.Invalidf("p is %v", p)
	}
	return p, nil
}

func inferLpPool(c *graph.Infer) error {
	if _, err := lpOrder(c.Node); err != nil {
		return err
	}
	return inferPool(c)
}

func inferGlobalLpPool(c *graph.Infer) error {
	if _, err := lpOrder(c.Node); err != nil {
		return err
	}
	return inferGlobalPool(c)
}

func inferLpNorm(c *graph.Infer) error {
	if p := c.Node.Int("p"); p != 1 && p != 2 {
		return graph.Invalidf("p is %d, want 1 or 2", p)
	}
	return inferAxisSame(c)
}

type lpArgs[T float32 | float64] struct {
	win  kernel.Window
	x, y []T
	p    float64
}

// Do takes output rows [N, C, Out0, Out1].
func (a *lpArgs[T]) Do(_, lo, hi int) {
	n, in := a.win.Out[2], a.win.InSize()
	for r := lo; r < hi; r++ {
		o1, o0, plane := poolRow(&a.win, r)
		kernel.LpPoolRow(&a.win, o0, o1, a.x[plane*in:][:in], a.y[r*n:][:n], a.p)
	}
}

func runLpPool(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return lpPoolOf[float32](c)
	case tensor.Float64:
		return lpPoolOf[float64](c)
	}
	return graph.Typef("lp pool of %s", c.In[0])
}

func lpPoolOf[T float32 | float64](c *graph.Ctx) error {
	win, rows, grain, err := poolWindow(c)
	if err != nil || rows == 0 {
		return err
	}
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	p, err := lpOrder(c.Node)
	if err != nil {
		return err
	}
	graph.Parallel(c, rows, 1+grain/4, lpArgs[T]{win, tensor.Data[T](c.In[0]), tensor.Data[T](y), p})
	return nil
}

func runGlobalLpPool(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return globalLpPoolOf[float32](c)
	case tensor.Float64:
		return globalLpPoolOf[float64](c)
	}
	return graph.Typef("lp pool of %s", c.In[0])
}

func globalLpPoolOf[T float32 | float64](c *graph.Ctx) error {
	x := tensor.Data[T](c.In[0])
	y, err := outOf(c, 0)
	if err != nil || y.Len() == 0 {
		return err
	}
	p, err := lpOrder(c.Node)
	if err != nil {
		return err
	}
	one, n := [3]int{1, 1, 1}, len(x)/y.Len()
	win := kernel.Window{In: [3]int{1, 1, n}, Kernel: [3]int{1, 1, n}, Out: one, Stride: one, Dilation: one}
	graph.Parallel(c, y.Len(), 1+1<<14/max(1, n), lpArgs[T]{win, x, tensor.Data[T](y), p})
	return nil
}

func runLpNorm(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return lpNormOf[float32](c)
	case tensor.Float64:
		return lpNormOf[float64](c)
	}
	return graph.Typef("lp normalization of %s", c.In[0])
}

type lpNormArgs[T float32 | float64] struct {
	x, y     []T
	n, inner int
	square   bool
}

func (a *lpNormArgs[T]) Do(_, lo, hi int) {
	for r := lo; r < hi; r++ {
		start := r/a.inner*a.n*a.inner + r%a.inner
		norm := 0.0
		for i, k := 0, start; i < a.n; i, k = i+1, k+a.inner {
			v := float64(a.x[k])
			if a.square {
				norm += v * v
			} else {
				norm += math.Abs(v)
			}
		}
		if a.square {
			norm = math.Sqrt(norm)
		}
		if norm == 0 {
			norm = 1
		}
		for i, k := 0, start; i < a.n; i, k = i+1, k+a.inner {
			a.y[k] = T(float64(a.x[k]) / norm)
		}
	}
}

func lpNormOf[T float32 | float64](c *graph.Ctx) error {
	outer, n, inner, err := split(c.In[0].Shape(), c.Node.Int("axis"))
	if err != nil {
		return err
	}
	y, err := outOf(c, 0)
	if err != nil {
		return err
	}
	graph.Parallel(c, outer*inner, 1+1<<14/max(n, 1), lpNormArgs[T]{tensor.Data[T](c.In[0]), tensor.Data[T](y), n, inner, c.Node.Int("p") == 2})
	return nil
}
