package ops

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// drawn is a float64 tensor of random numbers between lo and hi. Equal seeds, ranges and shapes give equal ones.
func drawn(seed uint64, lo, hi float64, shape ...int) *tensor.Tensor {
	r := rand.New(rand.NewPCG(seed, 7))
	v := make([]float64, tensor.Shape(shape).Elems())
	for i := range v {
		v[i] = lo + (hi-lo)*r.Float64()
	}
	return f64(v, shape...)
}

func f64(v []float64, shape ...int) *tensor.Tensor { return tensor.Must(tensor.Of(v, shape...)) }

// row is a vector of float64.
func row(v ...float64) *tensor.Tensor { return f64(v, len(v)) }

func args(v ...*tensor.Tensor) []*tensor.Tensor { return v }

// exactGradient is a row whose gradients are known: at a kink, at infinity, of NaN.
type exactGradient struct {
	name, op string
	in       []*tensor.Tensor
	want     []*tensor.Tensor // for each floating-point input
	cot      *tensor.Tensor   // of the output, ones where it is nil
	attrs    []graph.Attr
}

func checkExact(t *testing.T, rows []exactGradient) {
	t.Helper()
	for _, r := range rows {
		t.Run(r.op+" "+r.name, func(t *testing.T) {
			got, err := optest.Gradients(Registry(), r.op, optest.Case{In: r.in, Attrs: r.attrs}, r.cot)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range r.want {
				if d := optest.Diff(got[i], want, 1e-12, 0); d != "" {
					t.Errorf("gradient %d: %s", i, d)
				}
			}
		})
	}
}

var (
	inf  = math.Inf(1)
	nan  = math.NaN()
	zero = math.Copysign(0, -1) // −0
)
