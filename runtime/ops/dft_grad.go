package ops

import "github.com/onnxrun/onnxrun/graph"

// dftGrad: the transform is linear, so its gradient is the adjoint. That of the sum over e^(−iωt) is the sum over e^(iωt): n times the inverse transform, and of
// the inverse transform the forward one divided by n. Elements that were cut off or added get zero or are dropped, and real numbers keep
// the real part. A bin of half a spectrum that the inverse transform mirrors counts twice, and its ends have no imaginary part.
func dftGrad(r rule) *graph.Value {
	x, g := r.x(0), r.g(0)
	axis := r.dftAxis()
	along := func(v *graph.Value) *graph.Value { return r.Op("Gather", r.shape(v), axis) }
	have, n := along(x), r.input(1)
	inverse, onesided := r.n.Bool("inverse"), r.n.Bool("onesided")
	switch {
	case n != nil:
		n = r.Op("Reshape", r.Op("Cast", n, graph.Int("to", 7)), r.Ints(1))
	case inverse && onesided:
		n = along(g)
	default:
		n = have
	}
	if onesided && !inverse {
		g = r.resized(g, axis, along(g), n)
	}
	back := 1
	if inverse {
		back = 0
	}
	length := r.Op("Squeeze", n, r.Ints(0))
	d := r.Op("DFT", g, length, r.Op("Squeeze", axis, r.Ints(0)), graph.Int("inverse", back))
	factor := r.Op("Cast", length, graph.Int("to", int(x.Type.DType)))
	if inverse {
		factor = r.Op("Reciprocal", factor)
	}
	d = r.mul(d, factor)
	if inverse && onesided {
		half := r.Op("Add", r.Op("Div", n, r.Ints(2)), r.Ints(1))
		d = r.mul(r.resized(d, axis, n, half), r.halfWeights(n, half, axis))
		n = half
	}
	d = r.resized(d, axis, n, have)
	return r.Op("Slice", d, r.Ints(0), r.extent(x, r.rank(x)-1), r.Ints(-1))
}

// dftAxis is the axis of a transform, as a vector of one element.
func (r rule) dftAxis() *graph.Value {
	if axis := r.input(2); axis != nil {
		return r.Op("Reshape", axis, r.Ints(1))
	}
	if axis, ok := r.n.Attr("axis").(int64); ok {
		return r.Ints(int(axis))
	}
	return r.Ints(-2)
}

// resized cuts an axis of v off behind, or fills it up with zeros, from an extent to another.
func (r rule) resized(v, axis, from, to *graph.Value) *graph.Value {
	pads := r.Op("Concat", r.Ints(0), r.Op("Sub", to, from), graph.Int("axis", 0))
	return r.Op("Pad", v, pads, (*graph.Value)(nil), axis)
}

// halfWeights says for the real and the imaginary part of each bin of half a spectrum of n how often the inverse transform reads it.
func (r rule) halfWeights(n, half, axis *graph.Value) *graph.Value {
	bin := r.Op("Range", r.Scalar(7, 0), r.Op("Squeeze", half, r.Ints(0)), r.Scalar(7, 1))
	mirrored := r.Op("And", r.greater(bin, r.Scalar(7, 0)), r.less(r.Op("Mul", bin, r.Ints(2)), n))
	ones := make([]int, r.rank(r.x(0)))
	for i := range ones {
		ones[i] = 1
	}
	shape := r.Op("ScatterElements", r.Ints(ones...), axis, half)
	column := func(end float64) *graph.Value { return r.Op("Reshape", r.where(mirrored, r.num(2), r.num(end)), shape) }
	return r.Op("Concat", column(1), column(0), graph.Int("axis", -1))
}
