package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// copyStrided is move without a task, for many small copies in one run.
func copyStrided(y, x *tensor.Tensor, s *kernel.Strided) error {
	d := x.DType()
	if y.DType() != d {
		return graph.Typef("cannot move elements of %s to %s", x, y)
	}
	items, _, ok := s.Plan(y.Len(), x.Len())
	if !ok {
		return graph.Shapef("elements outside of %s or %s", x, y)
	}
	switch {
	case items == 0:
	case d == tensor.String:
		kernel.Copy(y.Strings(), x.Strings(), s, 0, items)
	case d.Size() == 1:
		kernel.Copy(y.Bytes(), x.Bytes(), s, 0, items)
	case d.Size() == 2:
		kernel.Copy(tensor.Data[uint16](y), tensor.Data[uint16](x), s, 0, items)
	case d.Size() == 4:
		kernel.Copy(tensor.Data[uint32](y), tensor.Data[uint32](x), s, 0, items)
	case d.Size() == 8:
		kernel.Copy(tensor.Data[uint64](y), tensor.Data[uint64](x), s, 0, items)
	case d.Size() == 16:
		kernel.Copy(tensor.Data[complex128](y), tensor.Data[complex128](x), s, 0, items)
	default:
		return graph.Typef("elements of type %s cannot be moved one by one", d)
	}
	return nil
}

// sliceRange is the part from lo to hi of x along an axis: a copy.
func sliceRange(c *graph.Ctx, x *tensor.Tensor, axis, lo, hi int) (*tensor.Tensor, error) {
	shape := x.Shape().Clone()
	shape[axis] = hi - lo
	y, err := c.Exec().Alloc(x.DType(), shape)
	if err != nil {
		return nil, err
	}
	if x.DType().Packed() {
		clear(y.Bytes()) // the bits after the last element too
	}
	return y, copyRange(c, y, 0, x, lo, axis, hi-lo)
}

// copyRange copies n slices of x along an axis, from lo on, to y, from at on; x and y are alike on all other axes.
func copyRange(c *graph.Ctx, y *tensor.Tensor, at int, x *tensor.Tensor, lo, axis, n int) error {
	outer, inner := x.Shape()[:axis].Elems(), x.Shape()[axis+1:].Elems()
	from, to := x.Dim(axis)*inner, y.Dim(axis)*inner
	if x.DType().Packed() {
		for o := range outer {
			for i := range n * inner {
				setSmallBits(y, o*to+at*inner+i, x.SmallBits(o*from+lo*inner+i))
			}
		}
		return nil
	}
	s := memo[kernel.Strided](c)
	s.Reset(at*inner, lo*inner)
	s.Axis(outer, to, from)
	s.Axis(n*inner, 1, 1)
	return copyStrided(y, x, s)
}

// setSmallBits sets element i of a packed tensor.
func setSmallBits(t *tensor.Tensor, i int, v uint8) {
	bits := t.DType().Bits()
	per := 8 / bits
	shift := i % per * bits
	p := &t.Bytes()[i/per]
	*p = *p&^((1<<bits-1)<<shift) | v<<shift
}
