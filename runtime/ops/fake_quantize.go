package ops

import "github.com/onnxrun/onnxrun/graph"

// FakeQuantize rounds X to the numbers that an integer type of the given scale and zero point can hold: (q − zero_point)·scale with
// q = clip(round(X/scale) + zero_point, lo, hi), ties to even. Without scale, it is max|X|/hi, taken anew each time, and constant to the gradient. The
// gradient passes unchanged where q was not clipped, and not at all elsewhere (straight-through estimator, https://arxiv.org/abs/1712.05877).
var fakeQuantize = grad(family(&graph.Op{
	Domain: private, Name: "FakeQuantize", Since: 1,
	Sig: `(X:T, scale?:T) -> (Y:T)
		T = f32 f64
		zero_point float = 0; lo float!; hi float!`,
	Infer: graph.Same,
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		r := rule{Builder: b, n: n}
		scale, q := r.quantized()
		return []*graph.Value{r.mul(r.sub(r.Op("Clip", q, r.attr("lo"), r.attr("hi")), r.attr("zero_point")), scale)}
	},
}), func(r rule) []*graph.Value {
	_, q := r.quantized()
	out := r.Op("Or", r.less(q, r.attr("lo")), r.greater(q, r.attr("hi")))
	return []*graph.Value{r.where(out, r.num(0), r.g(0))}
})

// quantized is the scale, and X on it before it is clipped.
func (r rule) quantized() (scale, q *graph.Value) {
	scale = r.input(1)
	if scale == nil {
		largest := r.Op("ReduceMax", r.Op("Abs", r.x(0)), graph.Int("keepdims", 0))
		scale = r.Op("Max", r.div(largest, r.attr("hi")), r.num(0x1p-126)) // zeros have some scale
	}
	return scale, r.add(r.Op("Round", r.div(r.x(0), scale)), r.attr("zero_point"))
}
