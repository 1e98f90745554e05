package ops

import "github.com/onnxrun/onnxrun/graph"

// softmaxGrad: y·(g − Σ g·y).
func softmaxGrad(r rule) *graph.Value {
	gy := r.mul(r.g(0), r.y(0))
	return r.sub(gy, r.mul(r.y(0), r.Op("ReduceSum", gy, r.Ints(r.n.Int("axis")))))
}

// logSoftmaxGrad: g − exp(y)·Σ g.
func logSoftmaxGrad(r rule) *graph.Value {
	return r.sub(r.g(0), r.mul(r.Op("Exp", r.y(0)), r.Op("ReduceSum", r.g(0), r.Ints(r.n.Int("axis")))))
}

// layerNormGrad: with x̂ = (x − mean)/σ and h = g·scale, dX = (h − mean(h) − x̂·mean(h·x̂))/σ, dScale = Σ g·x̂, dB = Σ g.
func layerNormGrad(r rule) []*graph.Value {
	x := r.x(0)
	axis, err := graph.Axis(r.n.Int("axis"), r.rank(x))
	if err != nil {
		r.Fail(err)
		return nil
	}
	axes := make([]int, 0, r.rank(x))
	for i := axis; i < r.rank(x); i++ {
		axes = append(axes, i)
	}
	over := func(v *graph.Value) *graph.Value { return r.Op("ReduceMean", v, r.Ints(axes...)) }
	var centered, inv *graph.Value
	if mean := r.want(1); mean.Type.DType == x.Type.DType {
		centered, inv = r.sub(x, mean), r.want(2)
	} else { // the statistics have less precision than X
		centered = r.sub(x, over(x))
		inv = r.Op("Reciprocal", r.Op("Sqrt", r.add(over(r.square(centered)), r.attr("epsilon"))))
	}
	hat := r.mul(centered, inv)
	h := r.mul(r.g(0), r.x(1))
	dx := r.mul(inv, r.sub(r.sub(h, over(h)), r.mul(hat, over(r.mul(h, hat)))))
	return []*graph.Value{dx, r.mul(r.g(0), hat), r.g(0)}
}
