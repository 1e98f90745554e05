package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// DFT is the discrete Fourier transform along an axis, computed in float64. The last axis holds the real part alone, or real and imaginary part. With onesided, the forward transform
// takes real numbers and gives the first half of the spectrum; the inverse takes that half and gives real numbers.
var dft = family(
	&graph.Op{
		Name: "DFT", Since: 20,
		Sig: `(input:T1, dft_length?:T2, axis?:i64) -> (output:T1)
			T1 = float; T2 = i32 i64
			inverse int = 0; onesided int = 0`,
		Infer: inferDFT, Run: halves(runDFT), Grad: by1(dftGrad),
	},
	&graph.Op{Since: 17, Sig: "(input:T1, dft_length?:T2) -> (output:T1); axis int = 1"},
)

// dftAxis is the axis, of the attribute in opset 17 and of input 2 since then, and whether it is known.
func dftAxis(n *graph.Node, rank int, input []int, known bool) (int, bool, error) {
	axis := -2
	if v, ok := n.Attr("axis").(int64); ok {
		axis = int(v)
	} else if n.Has(2) {
		if !known {
			return 0, false, nil
		}
		if len(input) != 1 {
			return 0, false, graph.Shapef("axis has %d elements", len(input))
		}
		axis = input[0]
	}
	axis, err := graph.Axis(axis, rank)
	if err == nil && axis == rank-1 {
		err = graph.Shapef("axis %d is that of real and imaginary parts", axis)
	}
	return axis, true, err
}

func inferDFT(c *graph.Infer) error {
	s, ok := c.Shape(0)
	if !ok {
		c.Set(0, graph.Unranked(c.DType(0)))
		return nil
	}
	if len(s) < 2 {
		return graph.Shapef("transform of %s", c.Type(0))
	}
	inverse, onesided := c.Node.Bool("inverse"), c.Node.Bool("onesided")
	parts := s[len(s)-1]
	if n, ok := parts.Int(); ok && (n < 1 || n > 2 || n == 2 && onesided && !inverse) {
		return graph.Shapef("transform of %s, whose last axis is to hold real and imaginary parts", c.Type(0))
	}
	out := append([]graph.Dim{}, s...)
	out[len(s)-1] = graph.Size(2)
	if inverse && onesided {
		out[len(s)-1] = graph.Size(1)
	}
	ints, known := c.ConstInts(2)
	axis, known, err := dftAxis(c.Node, len(s), ints, known)
	if err != nil {
		return err
	}
	if !known {
		for i := range len(s) - 1 {
			out[i] = graph.Unknown()
		}
		c.SetTensor(0, c.DType(0), out...)
		return nil
	}
	n := s[axis]
	if inverse && onesided {
		n = n.Sub(graph.Size(1)).Mul(graph.Size(2))
	}
	if c.Has(1) {
		n = graph.Unknown()
		if v, ok := c.Ints(1); ok && len(v) == 1 {
			n = v[0]
		} else if ok {
			return graph.Shapef("dft_length has %d elements", len(v))
		}
	}
	if v, ok := n.Int(); ok && v < 1 {
		return graph.Shapef("transform of length %d", v)
	}
	out[axis] = n
	if onesided && !inverse {
		out[axis] = n.Div(graph.Size(2)).Add(graph.Size(1))
	}
	c.SetTensor(0, c.DType(0), out...)
	return nil
}

func runDFT(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return dftOf[float32](c)
	case tensor.Float64:
		return dftOf[float64](c)
	}
	return graph.Typef("transform of %s", c.In[0])
}

// fourier is the memory of transforms: their tables and, for each worker, a row and its scratch.
type fourier struct {
	*kernel.FFT
	rows []complex128
}

// newFourier makes the tables of a length, or takes those of the last run, and scratch for all workers.
func newFourier(c *graph.Ctx, n int) (f fourier, err error) {
	f.FFT, _ = c.Memo.(*kernel.FFT)
	if f.FFT == nil || f.Len() != n {
		bytes := kernel.FFTBytes(n)
		if bytes > math.MaxInt/2 {
			return f, graph.Limitf("transform of length %d", n)
		}
		if err := c.Exec().Charge(int(bytes)); err != nil {
			return f, err
		}
		f.FFT = kernel.NewFFT(n)
		c.Memo = f.FFT
	}
	f.rows, err = graph.Scratch[complex128](c, c.Exec().Workers()*(n+1+f.Work()))
	return f, err
}

// row is the memory of a worker: room for n+1 numbers, and scratch.
func (f *fourier) row(worker int) (x, work []complex128) {
	size := f.Len() + 1 + f.Work()
	r := f.rows[worker*size:][:size]
	return r[:f.Len()+1], r[f.Len()+1:]
}

// grain is how many rows are worth a task.
func (f *fourier) grain() int { return 1 + (1<<13)/f.Len() }

type dftArgs[T float32 | float64] struct {
	fourier
	x, y               []T
	have, bins         int // extents of the axis in x and y
	inner              int // elements behind the axis, of which each has so many parts
	partsIn, partsOut  int
	inverse, halfGiven bool
}

func dftOf[T float32 | float64](c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	if y.Len() == 0 {
		return nil
	}
	rank := x.Rank()
	var at [1]int
	known := false
	if c.Has(2) {
		at[0], known = int(c.In[2].Float(0)), true
	}
	axis, _, err := dftAxis(c.Node, rank, at[:], known)
	if err != nil {
		return err
	}
	a := dftArgs[T]{x: tensor.Data[T](x), y: tensor.Data[T](y), have: x.Dim(axis), bins: y.Dim(axis), inverse: c.Node.Bool("inverse")}
	a.inner = x.Shape()[axis+1 : rank-1].Elems()
	a.partsIn, a.partsOut = x.Dim(rank-1), y.Dim(rank-1)
	a.halfGiven = a.inverse && c.Node.Bool("onesided")
	n := a.have
	if a.halfGiven {
		n = a.bins
	}
	if c.Has(1) {
		n = int(c.In[1].Float(0))
	}
	if a.fourier, err = newFourier(c, n); err != nil {
		return err
	}
	graph.Parallel(c, x.Shape()[:axis].Elems()*a.inner, a.grain(), a)
	return nil
}

func (a *dftArgs[T]) Do(worker, lo, hi int) {
	row, work := a.row(worker)
	n := a.Len()
	for r := lo; r < hi; r++ {
		outer, k := r/a.inner, r%a.inner
		from := (outer*a.have*a.inner + k) * a.partsIn
		src := a.x[min(from, len(a.x)):] // an axis of no elements is all padding
		have := min(a.have, n)
		if a.halfGiven {
			have = min(a.have, n/2+1)
		}
		for i := range have {
			at := i * a.inner * a.partsIn
			re, im := float64(src[at]), 0.0
			if a.partsIn == 2 {
				im = float64(src[at+1])
			}
			if a.inverse {
				im = -im // the inverse transform is the conjugate of that of the conjugate
			}
			row[i] = complex(re, im)
		}
		clear(row[have:])
		if a.halfGiven {
			mirror(row[:n])
		}
		scale := 1.0
		if a.inverse {
			scale = 1 / float64(n)
		}
		if a.partsIn == 1 && !a.inverse {
			a.Real(row, work)
			mirror(row[:n])
		} else {
			a.Transform(row, work)
		}
		dst := a.y[(outer*a.bins*a.inner+k)*a.partsOut:]
		for i := range a.bins {
			at := i * a.inner * a.partsOut
			dst[at] = T(real(row[i]) * scale)
			if a.partsOut == 2 {
				im := imag(row[i]) * scale
				if a.inverse {
					im = -im
				}
				dst[at+1] = T(im)
			}
		}
	}
}

// mirror fills the second half of the spectrum of real numbers from the first. The numbers that are their own mirror images are real.
func mirror(x []complex128) {
	n := len(x)
	x[0] = complex(real(x[0]), 0)
	for k := n/2 + 1; k < n; k++ {
		x[k] = complex(real(x[n-k]), -imag(x[n-k]))
	}
	if n%2 == 0 {
		x[n/2] = complex(real(x[n/2]), 0)
	}
}
