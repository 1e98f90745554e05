package optest

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// scaledUp makes rows of huge and of tiny numbers of a row: it multiplies an input to differentiate by with a power of two. Where the outputs are multiplied by the same, to
// the bit, the operator is homogeneous in that input, and the gradient by it must stay as it is.
func scaledUp(reg *graph.Registry, o *graph.Op, c Case, y, weights []*tensor.Tensor) error {
	var plain []*tensor.Tensor
	for _, i := range c.Grad {
		near := c
		near.In = slices.Clone(c.In)
		near.In[i] = times(c.In[i], 0.7)
		if got, err := outputs(reg, o, near); err != nil || !multiplied(y, got, 0.7, 1e-4) { // many a coincidence ends here
			continue
		}
		for _, by := range []float64{0x1p300, 0x1p-300} {
			if c.In[i].DType() != tensor.Float64 {
				by = map[bool]float64{true: 0x1p60, false: 0x1p-60}[by > 1]
			}
			e := c
			e.In = slices.Clone(c.In)
			e.In[i] = times(c.In[i], by)
			got, err := outputs(reg, o, e)
			if err != nil || !multiplied(y, got, by, 0) {
				continue
			}
			if plain == nil {
				if plain, err = vjp(reg, o, c, weights, false); err != nil {
					return err
				}
			}
			grads, err := vjp(reg, o, e, weights, false)
			if err != nil {
				return fmt.Errorf("with input %d times %g: %w", i, by, err)
			}
			for k, g := range grads {
				d := ""
				if c.Grad[k] == i {
					d = Diff(g, plain[k], 1e-9, 1e-12*largest(plain[k]))
				} else if math.IsNaN(largest(g)) {
					d = "it is NaN"
				}
				if d != "" {
					return fmt.Errorf("with input %d times %g: the gradient of input %d: %s", i, by, c.Grad[k], d)
				}
			}
			note(o, e)
		}
	}
	return nil
}

// multiplied reports whether each number among the outputs is a multiple of what it was, within a relative tolerance, and there are such.
func multiplied(was, now []*tensor.Tensor, by, tol float64) bool {
	some := false
	for k, y := range was {
		if y == nil || !y.DType().IsFloat() || !now[k].Shape().Equal(y.Shape()) {
			continue
		}
		for i := range y.Len() {
			v, want := now[k].Float(i), y.Float(i)*by
			if !(math.Abs(v-want) <= tol*math.Abs(want)) || math.IsInf(v, 0) {
				return false
			}
			some = some || v != 0
		}
	}
	return some
}

// largest is the largest magnitude among the elements, NaN where one is.
func largest(x *tensor.Tensor) float64 {
	m := 0.0
	for i := range x.Len() {
		m = math.Max(m, math.Abs(x.Float(i)))
	}
	return m
}

func times(x *tensor.Tensor, by float64) *tensor.Tensor {
	v := make([]float64, x.Len())
	for i := range v {
		v[i] = x.Float(i) * by
	}
	return tensor.Must(tensor.FromFloats(x.DType(), v, x.Shape()...))
}
