package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// halves makes a kernel for float32 also serve float16 and bfloat16: inputs are widened before it and outputs rounded
// (to nearest, ties to even) after it, once per operator, as the standard's reference does. Outputs of other types pass through.
// Every output that run fills must be of known shape before the run, or made by Ctx.Alloc with the type of a half input.
func halves(run func(*graph.Ctx) error) func(*graph.Ctx) error {
	return func(c *graph.Ctx) error {
		half := tensor.Invalid
		for _, t := range c.In {
			if t != nil && t.DType().IsHalf() {
				half = t.DType()
			}
		}
		if half == tensor.Invalid {
			return run(c)
		}
		in, out := append([]*tensor.Tensor{}, c.In...), append([]*tensor.Tensor{}, c.Out...)
		defer func() {
			copy(c.In, in)
			copy(c.Out, out)
		}()
		for i, t := range in {
			if t != nil && t.DType().IsHalf() {
				w, err := c.Exec().Alloc(tensor.Float32, t.Shape())
				if err != nil {
					return err
				}
				kernel.Widen(tensor.Data[float32](w), tensor.Data[uint16](t), t.DType() == tensor.BFloat16)
				c.In[i] = w
			}
		}
		for i, t := range out {
			if t != nil && t.DType().IsHalf() {
				w, err := c.Exec().Alloc(tensor.Float32, t.Shape())
				if err != nil {
					return err
				}
				c.Out[i] = w
			}
		}
		if err := run(c); err != nil {
			return err
		}
		for i, w := range c.Out {
			if w == nil || w.DType() != tensor.Float32 || out[i] == w {
				continue
			}
			t := out[i]
			if t == nil {
				var err error
				if t, err = c.Exec().Alloc(half, w.Shape()); err != nil {
					return err
				}
				out[i] = t
			}
			kernel.Narrow(tensor.Data[uint16](t), tensor.Data[float32](w), t.DType() == tensor.BFloat16)
		}
		return nil
	}
}
