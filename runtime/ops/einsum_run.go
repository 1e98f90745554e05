package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// einsumPlan contracts the inputs from left to right, each step as a stack of matrix products:
//
//	acc[batch, a, b] = Σ over shared of acc[batch, a, shared] · input[batch, shared, b]
//
// where batch are the labels of both that are needed later, shared those that are not, a and b those of one side. Labels of one side that
// are not needed later are summed while that side is copied into the order of the axes above.
type einsumPlan[T kernel.Numeric] struct {
	steps []einStep[T]
	last  einCopy[T] // of the accumulator into the output
}

type einStep[T kernel.Numeric] struct {
	left, right einCopy[T]
	prod        product[T]
	size        int
}

// einView is a tensor whose axes have labels: axis i has extent dims[i] and stride strides[i].
type einView struct{ labels, dims, strides []int }

func einsumOf[T kernel.Numeric](c *graph.Ctx) error {
	p, _ := c.Memo.(*einsumPlan[T])
	if p == nil {
		var err error
		if p, err = planEinsum[T](c); err != nil {
			return err
		}
		c.Memo = p
	}
	acc, y := tensor.Data[T](c.In[0]), tensor.Data[T](c.Out[0])
	for i := range p.steps {
		s := &p.steps[i]
		a, err := s.left.run(c, acc, nil)
		if err != nil {
			return err
		}
		b, err := s.right.run(c, tensor.Data[T](c.In[i+1]), nil)
		if err != nil {
			return err
		}
		if i == len(p.steps)-1 && p.last.same {
			acc = y
		} else if acc, err = graph.Scratch[T](c, s.size); err != nil {
			return err
		}
		s.prod.run(c, a, b, acc, nil)
	}
	if len(p.steps) > 0 && p.last.same {
		return nil
	}
	_, err := p.last.run(c, acc, y)
	return err
}

func planEinsum[T kernel.Numeric](c *graph.Ctx) (*einsumPlan[T], error) {
	ranks := make([]int, len(c.In))
	for i, t := range c.In {
		ranks[i] = t.Rank()
	}
	in, out, err := parseEinsum(c.Node.Str("equation"), ranks)
	if err != nil {
		return nil, err
	}
	size := map[int]int{}
	for i, labels := range in {
		for k, l := range labels {
			if d, ok := size[l]; !ok || d == 1 {
				size[l] = c.In[i].Dim(k)
			}
		}
	}
	p := &einsumPlan[T]{}
	acc := einInput(in[0], c.In[0].Shape(), size)
	for i := 1; i < len(in); i++ {
		needed := slices.Clone(out)
		for _, l := range in[i+1:] {
			needed = append(needed, l...)
		}
		s := einStep[T]{}
		if acc, err = s.plan(acc, einInput(in[i], c.In[i].Shape(), size), needed, size); err != nil {
			return nil, err
		}
		p.steps = append(p.steps, s)
	}
	_, err = p.last.plan(acc, out, size)
	return p, err
}

// einInput is an input with each label once: the strides of a label that repeats add up, which walks the diagonal, and an extent of 1
// that broadcasts has stride 0.
func einInput(labels []int, shape tensor.Shape, size map[int]int) einView {
	v := einView{}
	strides := shape.Strides()
	for i, l := range labels {
		st := strides[i]
		if shape[i] == 1 {
			st = 0
		}
		if k := slices.Index(v.labels, l); k >= 0 {
			v.strides[k] += st
			continue
		}
		v.labels, v.dims, v.strides = append(v.labels, l), append(v.dims, size[l]), append(v.strides, st)
	}
	return v
}

func (s *einStep[T]) plan(a, b einView, needed []int, size map[int]int) (einView, error) {
	var batch, shared, onlyA, onlyB []int
	for _, l := range a.labels {
		both, later := slices.Contains(b.labels, l), slices.Contains(needed, l)
		switch {
		case both && later:
			batch = append(batch, l)
		case both:
			shared = append(shared, l)
		case later:
			onlyA = append(onlyA, l)
		}
	}
	for _, l := range b.labels {
		if !slices.Contains(a.labels, l) && slices.Contains(needed, l) {
			onlyB = append(onlyB, l)
		}
	}
	if _, err := s.left.plan(a, slices.Concat(batch, onlyA, shared), size); err != nil {
		return a, err
	}
	if _, err := s.right.plan(b, slices.Concat(batch, shared, onlyB), size); err != nil {
		return a, err
	}
	extent := func(labels []int) int {
		n := 1
		for _, l := range labels {
			n *= size[l]
		}
		return n
	}
	m, k, n, count := extent(onlyA), extent(shared), extent(onlyB), extent(batch)
	s.prod = product[T]{gemm: kernel.GemmOf[T], alpha: 1, matMulPlan: matMulPlan{
		m: m, n: n, k: k, count: count, lda: k, ldb: n, dims: []int{count}, strideA: []int{m * k}, strideB: []int{k * n},
	}}
	labels := slices.Concat(batch, onlyA, onlyB)
	shape := make(tensor.Shape, len(labels))
	for i, l := range labels {
		shape[i] = size[l]
	}
	var ok bool
	if s.size, ok = shape.Size(); !ok {
		return a, graph.Limitf("einsum of an intermediate %v", shape)
	}
	return einView{labels, shape, shape.Strides()}, nil
}

// einCopy writes a view with the axes dims in dense order, and sums the axes sumDims.
type einCopy[T kernel.Numeric] struct {
	same                             bool // the view is that already
	dims, strides, sumDims, sumSteps []int
	size, row, step                  int // row elements of the last axis, step apart, are an item
	x, y                             []T
}

// plan returns the view that run makes.
func (e *einCopy[T]) plan(v einView, order []int, size map[int]int) (einView, error) {
	shape := make(tensor.Shape, len(order))
	e.strides = make([]int, len(order))
	for i, l := range order {
		shape[i] = size[l]
		e.strides[i] = v.strides[slices.Index(v.labels, l)]
	}
	for i, l := range v.labels {
		if !slices.Contains(order, l) {
			e.sumDims, e.sumSteps = append(e.sumDims, v.dims[i]), append(e.sumSteps, v.strides[i])
		}
	}
	var ok bool
	if e.size, ok = shape.Size(); !ok {
		return v, graph.Limitf("einsum of an operand %v", shape)
	}
	dense := shape.Strides()
	e.same = len(e.sumDims) == 0
	for i, st := range e.strides {
		e.same = e.same && (st == dense[i] || shape[i] == 1)
	}
	e.dims, e.row = shape, 1
	if k := len(shape) - 1; k >= 0 {
		e.row, e.step = shape[k], e.strides[k]
		e.dims, e.strides = shape[:k], e.strides[:k]
	}
	return einView{order, shape, dense}, nil
}

// run copies x into y, or into scratch memory when y is nil and a copy is needed.
func (e *einCopy[T]) run(c *graph.Ctx, x, y []T) ([]T, error) {
	if y == nil {
		if e.same {
			return x, nil
		}
		var err error
		if y, err = graph.Scratch[T](c, e.size); err != nil {
			return nil, err
		}
	}
	if e.size == 0 {
		return y, nil
	}
	sums := tensor.Shape(e.sumDims).Elems()
	e.x, e.y = x, y
	c.Exec().Parallel(e, e.size/e.row, 1+16384/max(1, e.row*max(1, sums)))
	e.x, e.y = nil, nil
	return y, nil
}

// Do writes rows lo to hi-1 of the last axis.
func (e *einCopy[T]) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		off := 0
		for r, k := i, len(e.dims)-1; k >= 0; k-- {
			off += r % e.dims[k] * e.strides[k]
			r /= e.dims[k]
		}
		row := e.y[i*e.row:][:e.row]
		for j := range row {
			if len(e.sumDims) == 0 {
				row[j] = e.x[off]
			} else {
				row[j] = e.sum(0, off)
			}
			off += e.step
		}
	}
}

func (e *einCopy[T]) sum(d, off int) T {
	var s T
	for range e.sumDims[d] {
		if d+1 < len(e.sumDims) {
			s += e.sum(d+1, off)
		} else {
			s += e.x[off]
		}
		off += e.sumSteps[d]
	}
	return s
}
