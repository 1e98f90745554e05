package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

func runReduce(kind kernel.ReduceKind) func(*graph.Ctx) error {
	return halves(func(c *graph.Ctx) error {
		switch c.In[0].DType() {
		case tensor.Float32:
			if kind != kernel.ReduceLogSumExp {
				return reduceBy(c, kind, kernel.ReductionOfFloat32)
			}
			return reduceOf[float32, float64](c, kind)
		case tensor.Float64:
			return reduceOf[float64, float64](c, kind)
		case tensor.Int8:
			return reduceOf[int8, int64](c, kind)
		case tensor.Int32:
			return reduceOf[int32, int64](c, kind)
		case tensor.Int64:
			return reduceOf[int64, int64](c, kind)
		case tensor.Uint8:
			return reduceOf[uint8, uint64](c, kind)
		case tensor.Uint32:
			return reduceOf[uint32, uint64](c, kind)
		case tensor.Uint64:
			return reduceOf[uint64, uint64](c, kind)
		case tensor.Bool: // the largest of bytes 0 and 1 is their disjunction; Min of none is true
			if err := reduceOf[uint8, uint64](c, kind); err != nil {
				return err
			}
			y := tensor.Data[uint8](c.Out[0])
			for i, v := range y {
				y[i] = min(v, 1)
			}
			return nil
		}
		return graph.Typef("reduction of %s", c.In[0])
	})
}

func reduceOf[T kernel.Numeric, A float64 | int64 | uint64](c *graph.Ctx, kind kernel.ReduceKind) error {
	if kind == kernel.ReduceLogSumExp {
		return reduceBy(c, kind, kernel.LogSumExpOf[T])
	}
	return reduceBy(c, kind, kernel.ReductionOf[T, A])
}

func reduceBy[T tensor.Elem, A any](c *graph.Ctx, kind kernel.ReduceKind, of func(kernel.ReduceKind) kernel.Reduction[T, A]) error {
	axes := c.Node.Ints("axes")
	if c.Has(1) {
		axes = tensor.Data[int64](c.In[1])
	}
	r, _ := c.Memo.(*reduction[T, A])
	if r == nil || !slices.Equal(axes, r.axes) {
		reduced, err := reducedAxes(axes, c.In[0].Rank(), c.Node.Bool("noop_with_empty_axes"))
		if err != nil {
			return err
		}
		r = &reduction[T, A]{Reduction: of(kind), axes: slices.Clone(axes)}
		r.plan(c.In[0].Shape(), reduced)
		c.Memo = r
	}
	if n := c.Exec().Workers() * reductionCols; !r.rows && len(r.acc) < n {
		r.acc = make([]A, n)
	}
	r.x, r.y = tensor.Data[T](c.In[0]), tensor.Data[T](c.Out[0])
	c.Exec().Parallel(r, r.items, r.grain)
	r.x, r.y = nil, nil
	return nil
}

// extent is an axis, or several that lie next to each other and are all reduced or all kept.
type extent struct{ n, stride int }

// reductionCols is the number of columns that are reduced side by side.
const reductionCols = 128

// reduction is the task of one node. When the last extent is reduced, each item is one result, from rows of run elements; else the
// last extent is run columns, and each item reduces reductionCols of them side by side.
type reduction[T tensor.Elem, A any] struct {
	kernel.Reduction[T, A]
	axes          []int64
	kept, reduced []extent // but for the last
	rows          bool
	run, n        int // n elements make one result
	items, grain  int
	x, y          []T
	acc           []A // reductionCols for each worker
}

func (r *reduction[T, A]) plan(shape tensor.Shape, reduced []bool) {
	var all []extent // innermost first
	var flags []bool
	stride, outputs := 1, 1
	r.n = 1
	for i := len(shape) - 1; i >= 0; i-- {
		d := shape[i]
		if reduced[i] {
			r.n *= d
		} else {
			outputs *= d
		}
		if k := len(all); k > 0 && d != 1 && flags[k-1] == reduced[i] {
			all[k-1].n *= d
		} else if d != 1 {
			all, flags = append(all, extent{d, stride}), append(flags, reduced[i])
		}
		stride *= d
	}
	r.rows, r.run = true, 1 // a scalar is one row
	if len(all) > 0 {
		r.rows, r.run = flags[0], all[0].n
	}
	for i := len(all) - 1; i > 0; i-- {
		if flags[i] {
			r.reduced = append(r.reduced, all[i])
		} else {
			r.kept = append(r.kept, all[i])
		}
	}
	switch {
	case outputs == 0:
		r.items, r.grain = 0, 1
	case r.n == 0:
		r.items, r.grain = 1, 1
	case r.rows:
		r.items, r.grain = outputs, 1+32768/r.n
	default:
		r.items = outputs / r.run * r.chunks()
		r.grain = 1 + 32768/(r.n*min(r.run, reductionCols))
	}
}

func (r *reduction[T, A]) chunks() int { return (r.run + reductionCols - 1) / reductionCols }

// Do computes the items lo to hi-1.
func (r *reduction[T, A]) Do(worker, lo, hi int) {
	if r.n == 0 {
		for i := range r.y {
			r.y[i] = r.Out(r.Init, 0)
		}
		return
	}
	if r.rows {
		for i := lo; i < hi; i++ {
			r.y[i] = r.Out(r.fold(0, r.offset(i), r.Init), r.n)
		}
		return
	}
	chunks := r.chunks()
	for i := lo; i < hi; i++ {
		first := i % chunks * reductionCols
		acc := r.acc[worker*reductionCols:][:min(reductionCols, r.run-first)]
		for k := range acc {
			acc[k] = r.Init
		}
		r.foldCols(0, r.offset(i/chunks)+first, acc)
		y := r.y[i/chunks*r.run+first:][:len(acc)]
		for k, a := range acc {
			y[k] = r.Out(a, r.n)
		}
	}
}

// offset is where the elements for the i-th combination of the kept extents start.
func (r *reduction[T, A]) offset(i int) int {
	off := 0
	for k := len(r.kept) - 1; k >= 0; k-- {
		e := r.kept[k]
		off += i % e.n * e.stride
		i /= e.n
	}
	return off
}

func (r *reduction[T, A]) fold(d, off int, acc A) A {
	if d == len(r.reduced) {
		return r.Row(acc, r.x[off:off+r.run])
	}
	for range r.reduced[d].n {
		acc = r.fold(d+1, off, acc)
		off += r.reduced[d].stride
	}
	return acc
}

func (r *reduction[T, A]) foldCols(d, off int, acc []A) {
	if d == len(r.reduced) {
		r.Cols(acc, r.x[off:off+len(acc)])
		return
	}
	if r.Rows != nil && d == len(r.reduced)-1 {
		r.Rows(acc, r.x[off:], r.reduced[d].n, r.reduced[d].stride)
		return
	}
	for range r.reduced[d].n {
		r.foldCols(d+1, off, acc)
		off += r.reduced[d].stride
	}
}
