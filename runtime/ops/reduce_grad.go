package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// unreduced gives v, of the shape of a reduction's output, the reduced axes back with extent 1.
func (r rule) unreduced(v *graph.Value) *graph.Value {
	axes := r.input(1)
	switch {
	case r.n.Int("keepdims") != 0:
		return v
	case axes != nil && (axes.Const == nil || axes.Const.Len() > 0):
		return r.Op("Unsqueeze", v, axes)
	case r.n.Bool("noop_with_empty_axes"):
		return v
	}
	return r.Op("Reshape", v, r.Ints(slices.Repeat([]int{1}, r.rank(r.x(0)))...))
}

// spread repeats v, of the shape of a reduction's output, along the reduced axes.
func (r rule) spread(v *graph.Value) *graph.Value {
	return r.Op("Expand", r.unreduced(v), r.shape(r.x(0)))
}

// count is how many elements of input 0 go into one of output 0, as a number of their type.
func (r rule) count() *graph.Value {
	x, okX := r.x(0).Type.Static()
	y, okY := r.y(0).Type.Static()
	if okX && okY && y.Elems() > 0 {
		return r.num(float64(x.Elems() / y.Elems()))
	}
	n := r.Op("Div", r.Op("Size", r.x(0)), r.Op("Max", r.Op("Size", r.y(0)), r.Ints(1)))
	return r.Op("Cast", n, graph.Int("to", int(r.x(0).Type.DType)))
}

// reduceAs is the node's own reduction of axes by another operator.
func (r rule) reduceAs(op string, v *graph.Value) *graph.Value {
	args := []graph.Arg{v}
	if axes := r.input(1); axes != nil {
		args = append(args, axes)
	}
	return r.Op(op, append(args, graph.Int("keepdims", 1), graph.Int("noop_with_empty_axes", r.n.Int("noop_with_empty_axes")))...)
}

// extremeGrad shares the gradient among all elements that are the largest (or smallest).
func extremeGrad(r rule) *graph.Value {
	is := r.Op("Cast", r.Op("Equal", r.x(0), r.unreduced(r.y(0))), graph.Int("to", int(r.x(0).Type.DType)))
	return r.mul(r.div(r.unreduced(r.g(0)), r.reduceAs("ReduceSum", is)), is)
}

// reduceL2Grad: x/‖x‖, zero where the norm is.
func reduceL2Grad(r rule) *graph.Value {
	norm := r.unreduced(r.y(0))
	zero := r.Op("Equal", norm, r.num(0))
	return r.mul(r.mul(r.unreduced(r.g(0)), r.x(0)), r.where(zero, r.num(0), r.Op("Reciprocal", r.where(zero, r.num(1), norm))))
}

// reduceProdGrad: the product of all others. It is y/x without zeros; with one zero, only that one has a gradient, the product of the rest; with more, none has.
func reduceProdGrad(r rule) *graph.Value {
	x := r.x(0)
	zero := r.Op("Equal", x, r.num(0))
	rest := r.where(zero, r.num(1), x)
	product := r.reduceAs("ReduceProd", rest)
	zeros := r.reduceAs("ReduceSum", r.Op("Cast", zero, graph.Int("to", int(x.Type.DType))))
	without := r.when(r.less(zeros, r.num(0.5)), r.div(product, rest))
	one := r.when(r.Op("And", zero, r.less(zeros, r.num(1.5))), product)
	return r.mul(r.unreduced(r.g(0)), r.add(without, one))
}
