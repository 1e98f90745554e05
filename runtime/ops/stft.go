package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// STFT is the discrete Fourier transform of pieces of a signal (batch, length[, 1 or 2]): of frame_length elements each, frame_step apart and
// multiplied by the window. The result is (batch, frames, bins, 2).
var stft = family(&graph.Op{
	Name: "STFT", Since: 17,
	Sig: `(signal:T1, frame_step:T2, window?:T1, frame_length?:T2) -> (output:T1)
		T1 = float; T2 = i32 i64
		onesided int = 1`,
	Infer: inferSTFT, Run: halves(runSTFT), Grad: by(stftGrad),
})

// scalarInt is the only element of an integer input, or unknown.
func scalarInt(c *graph.Infer, i int, name string, least int) (graph.Dim, error) {
	v, ok := c.Ints(i)
	if !ok {
		return graph.Unknown(), nil
	}
	if len(v) != 1 {
		return graph.Unknown(), graph.Shapef("%s has %d elements", name, len(v))
	}
	if n, ok := v[0].Int(); ok && n < least {
		return graph.Unknown(), graph.Shapef("%s is %d", name, n)
	}
	return v[0], nil
}

func inferSTFT(c *graph.Infer) error {
	step, err := scalarInt(c, 1, "frame_step", 1)
	if err != nil {
		return err
	}
	size, err := scalarInt(c, 3, "frame_length", 1)
	if err != nil {
		return err
	}
	if w, ok := c.Shape(2); ok {
		if len(w) != 1 || w[0].Is(0) || w[0].IsInt() && size.IsInt() && !w[0].Equal(size) {
			return graph.Shapef("window %s for frames of %s", c.Type(2), size)
		}
		if !size.Known() && (!c.Has(3) || w[0].IsInt()) {
			size = w[0]
		}
	} else if !c.Has(2) && !c.Has(3) {
		return graph.Invalidf("neither a window nor a frame_length")
	}
	s, ok := c.Shape(0)
	batch, frames := graph.Unknown(), graph.Unknown()
	if ok {
		if len(s) != 2 && len(s) != 3 || len(s) == 3 && s[2].IsInt() && !s[2].Is(1) && !(s[2].Is(2) && !c.Node.Bool("onesided")) {
			return graph.Shapef("signal is %s, onesided %v", c.Type(0), c.Node.Bool("onesided"))
		}
		batch, frames = s[0], s[1].Sub(size).Div(step).Add(graph.Size(1))
		length, okL := s[1].Int()
		if n, ok := size.Int(); ok && okL && n > length {
			return graph.Shapef("frames of %d in a signal of %d", n, length)
		}
	}
	if c.Node.Bool("onesided") {
		size = size.Div(graph.Size(2)).Add(graph.Size(1))
	}
	c.SetTensor(0, c.DType(0), batch, frames, size, graph.Size(2))
	return nil
}

func runSTFT(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return stftOf[float32](c)
	case tensor.Float64:
		return stftOf[float64](c)
	}
	return graph.Typef("transform of %s", c.In[0])
}

type stftArgs[T float32 | float64] struct {
	fourier
	x, window, y        []T
	length, parts, step int
	frames, bins        int
}

func stftOf[T float32 | float64](c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	if y.Len() == 0 {
		return nil
	}
	a := stftArgs[T]{x: tensor.Data[T](x), y: tensor.Data[T](y), length: x.Dim(1), parts: 1, frames: y.Dim(1), bins: y.Dim(2), step: int(c.In[1].Float(0))}
	if x.Rank() == 3 {
		a.parts = x.Dim(2)
	}
	n := 0
	if w := c.Input(2); w != nil {
		if w.DType() != x.DType() {
			return graph.Typef("signal %s and window %s", x, w)
		}
		a.window, n = tensor.Data[T](w), w.Len()
	}
	if c.Has(3) {
		n = int(c.In[3].Float(0))
	}
	var err error
	if a.fourier, err = newFourier(c, n); err != nil {
		return err
	}
	graph.Parallel(c, y.Dim(0)*a.frames, a.grain(), a)
	return nil
}

func (a *stftArgs[T]) Do(worker, lo, hi int) {
	row, work := a.row(worker)
	n := a.Len()
	for r := lo; r < hi; r++ {
		src := a.x[(r/a.frames*a.length+r%a.frames*a.step)*a.parts:][:n*a.parts]
		for i := range n {
			w := 1.0
			if a.window != nil {
				w = float64(a.window[i])
			}
			im := 0.0
			if a.parts == 2 {
				im = float64(src[2*i+1]) * w
			}
			row[i] = complex(float64(src[i*a.parts])*w, im)
		}
		if a.parts == 1 {
			a.Real(row, work)
			mirror(row[:n])
		} else {
			a.Transform(row, work)
		}
		dst := a.y[r*a.bins*2:][:a.bins*2]
		for i := range a.bins {
			dst[2*i], dst[2*i+1] = T(real(row[i])), T(imag(row[i]))
		}
	}
}

// stftGrad goes back through the steps of the transform: frames gathered, multiplied by the window, each transformed.
func stftGrad(r rule) []*graph.Value {
	b, n := r.Builder, r.n
	x := n.In[0]
	if x.Type.Rank() < 0 {
		b.Fail(graph.Unsupportedf("a signal of unknown rank"))
		return nil
	}
	if x.Type.Rank() == 2 {
		x = b.Op("Unsqueeze", x, b.Ints(-1))
	}
	number := func(v *graph.Value) *graph.Value {
		return b.Op("Reshape", b.Op("Cast", v, graph.Int("to", int(tensor.Int64))), b.Const(tensor.Must(tensor.New(tensor.Int64, 0))))
	}
	var size *graph.Value
	if n.Has(3) {
		size = number(n.In[3])
	} else {
		size = number(b.Op("Shape", n.In[2]))
	}
	zero, one := b.Scalar(tensor.Int64, 0), b.Scalar(tensor.Int64, 1)
	step := number(n.In[1])
	length := number(b.Op("Shape", x, graph.Int("start", 1), graph.Int("end", 2)))
	frames := b.Op("Add", b.Op("Div", b.Op("Sub", length, size), step), one)
	starts := b.Op("Unsqueeze", b.Op("Mul", b.Op("Range", zero, frames, one), step), b.Ints(1))
	places := b.Op("Add", starts, b.Op("Unsqueeze", b.Op("Range", zero, size, one), b.Ints(0)))
	pieces := b.Op("Gather", x, places, graph.Int("axis", 1))
	y := pieces
	var window *graph.Value
	if n.Has(2) {
		window = b.Op("Unsqueeze", n.In[2], b.Ints(1))
		y = b.Op("Mul", y, window)
	}
	y = b.Op("DFT", y, (*graph.Value)(nil), b.Scalar(tensor.Int64, 2), graph.Int("onesided", n.Int("onesided")))
	if b.Err() != nil {
		return nil
	}
	g := graph.GradNode(b, y.Def, []*graph.Value{r.g(0)})[0]
	var dw *graph.Value
	if window != nil {
		dw = r.like(b.SumTo(r.mul(g, pieces), window), n.In[2])
		g = r.mul(g, window)
	}
	if b.Err() != nil {
		return nil
	}
	dx := graph.GradNode(b, pieces.Def, []*graph.Value{g})[0]
	return []*graph.Value{r.like(dx, n.In[0]), nil, dw}
}
