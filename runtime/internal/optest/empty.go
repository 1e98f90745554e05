package optest

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// emptied makes rows without elements of a row: it sets an axis of an input, or all axes of one extent, to 0. Of those that the operator accepts, the gradients must be
// there, of the shapes of their inputs, and without NaN.
func emptied(reg *graph.Registry, o *graph.Op, c Case) error {
	for _, zero := range zeroings(c) {
		e := c
		e.In = slices.Clone(c.In)
		some := false
		for i, x := range c.In {
			if x == nil {
				continue
			}
			shape := slices.Clone(x.Shape())
			for a := range shape {
				if zero(i, a) {
					shape[a] = 0
				}
			}
			if !x.Shape().Equal(shape) {
				e.In[i] = tensor.Must(tensor.New(x.DType(), shape...))
				some = true
			}
		}
		if !some {
			continue
		}
		if err := checkEmpty(reg, o, e); err != nil {
			return fmt.Errorf("of %v: %w", e.In, err)
		}
	}
	return nil
}

func checkEmpty(reg *graph.Registry, o *graph.Op, c Case) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	y, err := outputs(reg, o, c)
	if err != nil {
		return nil // the operator does not take it
	}
	cots := make([]*tensor.Tensor, len(y))
	for k, v := range y {
		if v == nil || !v.DType().IsFloat() {
			continue
		}
		if cots[k], err = tensor.FromFloats(v.DType(), slices.Repeat([]float64{1}, v.Len()), v.Shape()...); err != nil {
			return err
		}
	}
	grads, err := vjp(reg, o, c, cots, false)
	if err != nil {
		return err
	}
	for k, g := range grads {
		for i := range g.Len() {
			if math.IsNaN(g.Float(i)) {
				return fmt.Errorf("the gradient of input %d is NaN at %d", c.Grad[k], i)
			}
		}
	}
	note(o, c)
	return nil
}

// zeroings choose axes of the inputs of a row: one axis of one input, the same axis of all inputs, counted from the front or from the back, all axes of one extent.
func zeroings(c Case) []func(input, axis int) bool {
	var list []func(input, axis int) bool
	extents := map[int]bool{}
	rank := 0
	for i, x := range c.In {
		if x == nil {
			continue
		}
		rank = max(rank, x.Rank())
		for a, n := range x.Shape() {
			if slices.Contains(c.Grad, i) {
				list = append(list, func(input, axis int) bool { return input == i && axis == a })
			}
			if n > 1 && !extents[n] {
				extents[n] = true
				list = append(list, func(input, axis int) bool { return c.In[input].Dim(axis) == n })
			}
		}
	}
	for a := range rank {
		list = append(list, func(_, axis int) bool { return axis == a }, func(input, axis int) bool { return c.In[input].Rank()-1-axis == a })
	}
	return list
}
