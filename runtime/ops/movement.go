package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// widths is one kernel for each width of elements, for operators that move elements without looking at them:
//
//	var copyBodies = widths[copyArgs]{copyBody[uint8], copyBody[uint16], copyBody[uint32], copyBody[uint64], copyBody[complex128], copyBody[string]}
type widths[A any] [6]func(a *A, worker, lo, hi int)

// run is graph.For with the kernel for elements of type d. Packed types have none: see unpacked.
func (w *widths[A]) run(c *graph.Ctx, d tensor.DType, n, grain int, args A) error {
	k := -1
	switch d.Size() {
	case 1:
		k = 0
	case 2:
		k = 1
	case 4:
		k = 2
	case 8:
		k = 3
	case 16:
		k = 4
	}
	if d == tensor.String {
		k = 5
	}
	if k < 0 {
		return graph.Typef("elements of type %s cannot be moved one by one", d)
	}
	graph.For(c, n, grain, args, w[k])
	return nil
}

// cells are the elements of t as bits, or as strings.
func cells[T kernel.Cell](t *tensor.Tensor) []T {
	var z []T
	switch p := any(&z).(type) {
	case *[]uint8:
		*p = t.Bytes()
	case *[]uint16:
		*p = tensor.Data[uint16](t)
	case *[]uint32:
		*p = tensor.Data[uint32](t)
	case *[]uint64:
		*p = tensor.Data[uint64](t)
	case *[]complex128:
		*p = tensor.Data[complex128](t)
	case *[]string:
		*p = t.Strings()
	}
	return z
}

// unpacked makes a run that moves elements one by one also serve packed types: inputs are spread to one byte per element before it
// and outputs packed after it.
func unpacked(run func(*graph.Ctx) error) func(*graph.Ctx) error {
	return func(c *graph.Ctx) error {
		packed := tensor.Invalid
		for _, t := range c.In {
			if t != nil && t.DType().Packed() {
				packed = t.DType()
			}
		}
		if packed == tensor.Invalid {
			return run(c)
		}
		in, out := append([]*tensor.Tensor{}, c.In...), append([]*tensor.Tensor{}, c.Out...)
		defer func() {
			copy(c.In, in)
			copy(c.Out, out)
		}()
		for i, t := range in {
			if t != nil && t.DType().Packed() {
				w, err := c.Exec().Alloc(tensor.Uint8, t.Shape())
				if err != nil {
					return err
				}
				kernel.Unpack(w.Bytes(), t.Bytes(), t.DType().Bits())
				c.In[i] = w
			}
		}
		for i, t := range out {
			if t != nil && t.DType().Packed() {
				w, err := c.Exec().Alloc(tensor.Uint8, t.Shape())
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
			if w == nil || w.DType() != tensor.Uint8 || out[i] == w {
				continue
			}
			if out[i] == nil {
				t, err := c.Exec().Alloc(packed, w.Shape())
				if err != nil {
					return err
				}
				out[i] = t
			}
			kernel.Pack(out[i].Bytes(), w.Bytes(), out[i].DType().Bits())
		}
		return nil
	}
}

// memo is the *T that the node keeps from run to run.
func memo[T any](c *graph.Ctx) *T {
	m, ok := c.Memo.(*T)
	if !ok {
		m = new(T)
		c.Memo = m
	}
	return m
}

type moveArgs struct {
	y, x *tensor.Tensor
	s    *kernel.Strided
}

var moveBodies = widths[moveArgs]{moveBody[uint8], moveBody[uint16], moveBody[uint32], moveBody[uint64], moveBody[complex128], moveBody[string]}

func moveBody[T kernel.Cell](a *moveArgs, _, lo, hi int) {
	kernel.Copy(cells[T](a.y), cells[T](a.x), a.s, lo, hi)
}

// move copies from x to y the elements that s describes.
func move(c *graph.Ctx, y, x *tensor.Tensor, s *kernel.Strided) error {
	if y.DType() != x.DType() {
		return graph.Typef("cannot move elements of %s to %s", x, y)
	}
	items, grain, ok := s.Plan(y.Len(), x.Len())
	if !ok {
		return graph.Shapef("elements outside of %s or %s", x, y)
	}
	return moveBodies.run(c, x.DType(), items, grain, moveArgs{y, x, s})
}

type fillArgs struct{ y, v *tensor.Tensor }

var fillBodies = widths[fillArgs]{fillBody[uint8], fillBody[uint16], fillBody[uint32], fillBody[uint64], fillBody[complex128], fillBody[string]}

func fillBody[T kernel.Cell](a *fillArgs, _, lo, hi int) {
	var v T
	if a.v != nil {
		v = cells[T](a.v)[0]
	}
	kernel.Fill(cells[T](a.y)[lo:hi], v)
}

// fill sets every element of y to the only element of v, or to zero (an empty string) when v is nil.
func fill(c *graph.Ctx, y, v *tensor.Tensor) error {
	if v != nil && (v.DType() != y.DType() || v.Len() != 1) {
		return graph.Typef("%s cannot fill %s", v, y)
	}
	if d := y.DType(); d.Packed() {
		var b uint8
		if v != nil {
			b = kernel.Repeat(v.SmallBits(0), d.Bits())
		}
		kernel.Fill(y.Bytes(), b)
		return nil
	}
	return fillBodies.run(c, y.DType(), y.Len(), 65536, fillArgs{y, v})
}

// copyAll makes the output of a view hold the elements of its input, unless it shares their memory already.
func copyAll(c *graph.Ctx) error {
	x, y := c.In[0], c.Out[0]
	if y == nil || x.DType() != y.DType() || x.Len() != y.Len() {
		return graph.Shapef("%s seen as %s", x, y)
	}
	if x.DType() == tensor.String {
		copy(y.Strings(), x.Strings())
		return nil
	}
	from, to := x.Bytes(), y.Bytes()
	if len(from) == 0 || &from[0] == &to[0] {
		return nil
	}
	graph.For(c, len(from), 1<<17, bytesArgs{to, from}, func(a *bytesArgs, _, lo, hi int) { copy(a.y[lo:hi], a.x[lo:hi]) })
	return nil
}

type bytesArgs struct{ y, x []byte }

// appendInts appends the elements of an integer tensor, saturated to what an int holds, to buf.
func appendInts(buf []int, t *tensor.Tensor) ([]int, error) {
	switch t.DType() {
	case tensor.Int64:
		for _, v := range tensor.Data[int64](t) {
			buf = append(buf, int(min(max(v, int64(minInt)), int64(maxInt))))
		}
	case tensor.Int32:
		for _, v := range tensor.Data[int32](t) {
			buf = append(buf, int(v))
		}
	default:
		return buf, graph.Typef("%s, want integers of 32 or 64 bits", t)
	}
	return buf, nil
}
