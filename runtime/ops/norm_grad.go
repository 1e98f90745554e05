package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

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

// perChannel gives v [C] the axes to spread over x [N, C, …].
func (r rule) perChannel(v, x *graph.Value) *graph.Value {
	var axes []int
	for i := 1; i < r.rank(x)-1; i++ {
		axes = append(axes, i)
	}
	if axes == nil {
		return v
	}
	return r.Op("Unsqueeze", v, r.Ints(axes...))
}

// batchNormGrad: with fixed statistics y is linear in x, scale and B: with σ = √(var + epsilon), dMean = −scale/σ·Σ g and dVar = −scale/(2σ³)·Σ g·(x − mean).
func batchNormGrad(r rule) []*graph.Value {
	if !r.has(0) {
		return nil
	}
	x, scale, g := r.x(0), r.x(1), r.g(0)
	if r.n.Bool("training_mode") {
		return r.OpN(3, "ai.onnxrun::BatchNormGrad", x, scale, g, graph.Float("epsilon", r.n.Float("epsilon")))
	}
	d := x.Type.DType
	to := func(v *graph.Value, d tensor.DType) *graph.Value {
		if v.Type.DType == d {
			return v
		}
		return r.Op("Cast", v, graph.Int("to", int(d)))
	}
	mean, variance, factor := to(r.x(3), d), to(r.x(4), d), to(scale, d)
	inv := r.Op("Reciprocal", r.Op("Sqrt", r.add(variance, r.attr("epsilon"))))
	k := r.mul(factor, inv)
	sum := r.channelSum(g)
	cov := r.mul(inv, r.channelSum(r.mul(g, r.sub(x, r.perChannel(mean, x)))))
	return []*graph.Value{
		r.mul(g, r.perChannel(k, x)), to(cov, scale.Type.DType), to(sum, scale.Type.DType),
		to(r.neg(r.mul(k, sum)), r.x(3).Type.DType), to(r.mul(r.num(-0.5), r.mul(r.mul(k, inv), cov)), r.x(4).Type.DType),
	}
}

// groupNormGrad is layerNormGrad over groups of channels, whose scale and bias are per channel (before version 21 per group).
func groupNormGrad(r rule) []*graph.Value {
	x, scale, g := r.x(0), r.x(1), r.g(0)
	if r.rank(x) < 2 {
		return nil
	}
	groups, perGroup := 0, false
	if r.n.Op.Name == "GroupNormalization" {
		groups, perGroup = r.n.Int("num_groups"), r.n.Op.Since < 21
	}
	rows := func(v *graph.Value) *graph.Value { // [N, groups, rest]
		if groups == 0 {
			return r.Op("Reshape", v, r.Op("Concat", r.Op("Shape", v, graph.Int("end", 2)), r.Ints(-1), graph.Int("axis", 0)))
		}
		return r.Op("Reshape", v, r.Ints(0, groups, -1))
	}
	over := func(v *graph.Value) *graph.Value { return r.Op("ReduceMean", v, r.Ints(2)) }
	xs := rows(x)
	centered := r.sub(xs, over(xs))
	inv := r.Op("Reciprocal", r.Op("Sqrt", r.add(over(r.square(centered)), r.attr("epsilon"))))
	hat := r.mul(centered, inv)
	if perGroup {
		gs := rows(g)
		h := r.mul(gs, r.Op("Unsqueeze", scale, r.Ints(1)))
		dx := r.mul(inv, r.sub(r.sub(h, over(h)), r.mul(hat, over(r.mul(h, hat)))))
		return []*graph.Value{r.like(dx, x), r.channelSum(r.mul(gs, hat)), r.channelSum(gs)}
	}
	h := rows(r.mul(g, r.perChannel(scale, x)))
	dx := r.mul(inv, r.sub(r.sub(h, over(h)), r.mul(hat, over(r.mul(h, hat)))))
	return []*graph.Value{r.like(dx, x), r.channelSum(r.mul(g, r.like(hat, x))), r.channelSum(g)}
}

// rmsNormGrad: with x̂ = x/√(mean(x²) + epsilon) and h = g·scale, dX = (h − x̂·mean(h·x̂))/√…, dScale = Σ g·x̂.
func rmsNormGrad(r rule) []*graph.Value {
	x, scale, g := r.x(0), r.x(1), r.g(0)
	axis, err := graph.Axis(r.n.Int("axis"), r.rank(x))
	if err != nil {
		r.Fail(err)
		return nil
	}
	var axes []int
	for i := axis; i < r.rank(x); i++ {
		axes = append(axes, i)
	}
	d, v := x.Type.DType, scale.Type.DType
	if d != v {
		g, scale = r.Op("Cast", g, graph.Int("to", int(d))), r.Op("Cast", scale, graph.Int("to", int(d)))
	}
	over := func(v *graph.Value) *graph.Value { return r.Op("ReduceMean", v, r.Ints(axes...)) }
	inv := r.Op("Reciprocal", r.Op("Sqrt", r.add(over(r.square(x)), r.attr("epsilon"))))
	hat := r.mul(x, inv)
	h := r.mul(g, scale)
	dscale := r.mul(g, hat)
	if d != v {
		dscale = r.Op("Cast", dscale, graph.Int("to", int(v)))
	}
	return []*graph.Value{r.mul(inv, r.sub(h, r.mul(hat, over(r.mul(h, hat))))), dscale}
}

// lpNormGrad: with the norm n and s = y for p = 2 or sign(x) for p = 1, (g − s·Σ g·y)/n. Where the norm is zero y is x.
func lpNormGrad(r rule) *graph.Value {
	x, y, axis := r.x(0), r.y(0), r.Ints(r.n.Int("axis"))
	op, s := "ReduceL2", y
	if r.n.Int("p") == 1 {
		op, s = "ReduceL1", r.Op("Sign", x)
	}
	n := r.Op(op, x, axis)
	n = r.where(r.Op("Equal", n, r.num(0)), r.num(1), n)
	return r.div(r.sub(r.g(0), r.mul(s, r.Op("ReduceSum", r.mul(r.g(0), y), axis))), n)
}

// lrnGrad: with d = bias + alpha/size·(sum of squares near), g·d^−beta − 2·alpha/size·beta·x·(sum of g·x·d^(−beta−1) over the channels that x is near to).
func lrnGrad(r rule) *graph.Value {
	x, g := r.x(0), r.g(0)
	size, alpha, beta := r.n.Int("size"), float64(r.n.Float("alpha")), float64(r.n.Float("beta"))
	if rank := r.rank(x); r.Err() != nil || rank < 2 || size > maxSlide {
		r.Fail(graph.Unsupportedf("the gradient of LRN of %s with size %d", x.Type, size))
		return nil
	}
	if r.empty(x) { // windows may be longer than an axis of no elements
		return g
	}
	near := func(v *graph.Value, before, after int) *graph.Value { // the mean of size channels, those outside being zero
		axes := max(2, r.rank(x)-1)
		kernel, pads := make([]int64, axes), make([]int64, 2*axes)
		for i := range kernel {
			kernel[i] = 1
		}
		kernel[0], pads[0], pads[axes] = int64(size), int64(before), int64(after)
		line := r.Op("Unsqueeze", v, r.Ints(1))
		if r.rank(x) != 3 && r.rank(x) != 4 { // channels and the rest
			kernel, pads = []int64{int64(size), 1}, []int64{int64(before), 0, int64(after), 0}
			line = r.Op("Reshape", v, r.Op("Concat", r.Op("Shape", v, graph.Int("end", 1)), r.Ints(1), r.Op("Shape", v, graph.Int("start", 1), graph.Int("end", 2)), r.Ints(-1), graph.Int("axis", 0)))
		}
		return r.like(r.Op("AveragePool", line, graph.Ints("kernel_shape", kernel...), graph.Ints("pads", pads...), graph.Int("count_include_pad", 1)), v)
	}
	before, after := (size-1)/2, size/2
	d := r.add(r.attr("bias"), r.mul(r.num(alpha), near(r.square(x), before, after)))
	gd := r.mul(g, r.Op("Pow", d, r.num(-beta)))
	return r.sub(gd, r.mul(r.mul(r.num(2*alpha*beta), x), near(r.div(r.mul(gd, x), d), after, before)))
}
