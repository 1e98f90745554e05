package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
)

// attrs are those attributes of the node that have one of the names.
func (r rule) attrs(names ...string) []graph.Arg {
	var out []graph.Arg
	for _, a := range r.n.Attrs {
		if slices.Contains(names, a.Name) {
			out = append(out, a)
		}
	}
	return out
}

var poolAttrs = []string{"auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides"}

// maxPoolGrad gives the gradient to the first of the largest elements in a window.
func maxPoolGrad(r rule) *graph.Value {
	if !r.has(0) {
		return nil
	}
	return r.Op("ai.onnxrun::MaxPoolGrad", append([]graph.Arg{r.x(0), r.want(0), r.g(0)}, r.attrs(poolAttrs...)...)...)
}

func averagePoolGrad(r rule) *graph.Value {
	return r.Op("ai.onnxrun::SumPoolGrad", append([]graph.Arg{r.g(0), r.shape(r.x(0))}, r.attrs(append(poolAttrs, "count_include_pad")...)...)...)
}

func globalAveragePoolGrad(r rule) *graph.Value {
	return r.Op("Expand", r.div(r.g(0), r.count()), r.shape(r.x(0)))
}

// lpPowers are sign(x)·|x|^(p−1) and g·y^(1−p), zero where y is: of (Σ |x|^p)^(1/p), the gradient is the first times the sum of the second over the windows.
func lpPowers(r rule) (in, out *graph.Value) {
	p, err := lpOrder(r.n)
	if err != nil {
		r.Fail(err)
		return nil, nil
	}
	x, y := r.x(0), r.y(0)
	none := r.Op("Equal", y, r.num(0))
	in = r.mul(r.Op("Sign", x), r.Op("Pow", r.Op("Abs", x), r.num(p-1)))
	out = r.where(none, r.num(0), r.mul(r.g(0), r.Op("Pow", r.where(none, r.num(1), y), r.num(1-p))))
	return in, out
}

func lpPoolGrad(r rule) *graph.Value {
	in, out := lpPowers(r)
	sum := r.Op("ai.onnxrun::SumPoolGrad", append([]graph.Arg{out, r.shape(r.x(0)), graph.Int("mean", 0)}, r.attrs(poolAttrs...)...)...)
	return r.mul(in, sum)
}

func globalLpPoolGrad(r rule) *graph.Value {
	return r.mul(lpPowers(r))
}

// maxUnpoolGrad: the operator puts the numbers 1, 2, 3, … of the elements where the elements went, which says whose part of the gradient each place has.
func maxUnpoolGrad(r rule) *graph.Value {
	const double, integer = 11, 7
	x := r.x(0)
	size := r.Op("Size", x)
	one := r.Scalar(integer, 1)
	numbers := r.like(r.Op("Range", one, r.Op("Add", size, one), one), x)
	args := []graph.Arg{r.Op("Cast", numbers, graph.Int("to", double)), r.x(1), r.input(2)}
	from := r.Op("Cast", r.Op("MaxUnpool", append(args, r.attrs("kernel_shape", "pads", "strides")...)...), graph.Int("to", integer))
	zeros := r.Op("Expand", r.num(0), r.Op("Reshape", r.Op("Add", size, one), r.Ints(1)))
	all := r.Op("ScatterElements", zeros, r.Op("Reshape", from, r.Ints(-1)), r.Op("Reshape", r.g(0), r.Ints(-1)), graph.Str("reduction", "add"))
	return r.like(r.Op("Slice", all, r.Ints(1), r.Ints(maxSlide)), x)
}
