package ops

import (
	"unsafe"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
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
		m, _ := c.Memo.(*halfMemo)
		if m == nil {
			m = &halfMemo{wideIn: make([]*tensor.Tensor, len(c.In)), wideOut: make([]*tensor.Tensor, len(c.Out))}
		}
		m.in, m.out = append(m.in[:0], c.In...), append(m.out[:0], c.Out...)
		c.Memo = m.inner
		defer func() {
			copy(c.In, m.in)
			copy(c.Out, m.out)
			m.inner, c.Memo = c.Memo, m
		}()
		for i, t := range m.in {
			if t == nil || !t.DType().IsHalf() {
				continue
			}
			w, err := wide(c, t, m.wideIn[i])
			if err != nil {
				return err
			}
			m.wideIn[i], c.In[i] = w, w
			graph.Parallel(c, t.Len(), 1<<14, widenArgs{tensor.Data[float32](w), tensor.Data[uint16](t), t.DType() == tensor.BFloat16})
		}
		for i, t := range m.out {
			if t == nil || !t.DType().IsHalf() {
				continue
			}
			w, err := wide(c, t, m.wideOut[i])
			if err != nil {
				return err
			}
			m.wideOut[i], c.Out[i] = w, w
		}
		if err := run(c); err != nil {
			return err
		}
		for i, w := range c.Out {
			if w == nil || w.DType() != tensor.Float32 || m.out[i] == w {
				continue
			}
			t := m.out[i]
			if t == nil {
				var err error
				if t, err = c.Exec().Alloc(half, w.Shape()); err != nil {
					return err
				}
				m.out[i] = t
			}
			graph.Parallel(c, t.Len(), 1<<14, narrowArgs{tensor.Data[uint16](t), tensor.Data[float32](w), t.DType() == tensor.BFloat16})
		}
		return nil
	}
}

// halfMemo is what halves keeps from run to run beside the operator's own memo.
type halfMemo struct {
	inner           any
	in, out         []*tensor.Tensor // of the node, during a run
	wideIn, wideOut []*tensor.Tensor // in scratch memory
}

// wide is a float32 tensor of the shape of t in scratch memory; it is old, from the run before, if that lies at the same place.
func wide(c *graph.Ctx, t, old *tensor.Tensor) (*tensor.Tensor, error) {
	mem, err := graph.Scratch[float32](c, t.Len())
	if err != nil {
		return nil, err
	}
	if old != nil && old.Shape().Equal(t.Shape()) && unsafe.SliceData(tensor.Data[float32](old)) == unsafe.SliceData(mem) {
		return old, nil
	}
	return tensor.Of(mem, t.Shape()...)
}
