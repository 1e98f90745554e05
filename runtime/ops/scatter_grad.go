package ops

import "github.com/onnxrun/onnxrun/graph"

// scatterNDGrad and scatterElementsGrad differ in how they put updates to their places and get what is there.
func scatterNDGrad(r rule) []*graph.Value {
	return scatterGrad(r, func(v *graph.Value) *graph.Value {
		return r.Op("GatherND", v, r.x(1))
	}, func(data, updates *graph.Value, reduction string) *graph.Value {
		return r.Op("ScatterND", data, r.x(1), updates, graph.Str("reduction", reduction))
	})
}

func scatterElementsGrad(r rule) []*graph.Value {
	axis := graph.Int("axis", r.n.Int("axis"))
	return scatterGrad(r, func(v *graph.Value) *graph.Value {
		return r.Op("GatherElements", v, r.x(1), axis)
	}, func(data, updates *graph.Value, reduction string) *graph.Value {
		return r.Op("ScatterElements", data, r.x(1), updates, axis, graph.Str("reduction", reduction))
	})
}

// scatterGrad takes the gradients of data and updates. Updates that replace must not meet, as the standard asks; of those that are combined, any number may.
func scatterGrad(r rule, at func(*graph.Value) *graph.Value, put func(data, updates *graph.Value, reduction string) *graph.Value) []*graph.Value {
	x, updates, g := r.x(0), r.x(2), r.g(0)
	switch r.n.Str("reduction") {
	case "add":
		return []*graph.Value{g, nil, at(g)}
	case "mul": // the product of all others, see reduceProdGrad
		number := func(cond *graph.Value) *graph.Value { return r.Op("Cast", cond, graph.Int("to", int(x.Type.DType))) }
		zeroX, zeroU := r.Op("Equal", x, r.num(0)), r.Op("Equal", updates, r.num(0))
		restX, restU := r.where(zeroX, r.num(1), x), r.where(zeroU, r.num(1), updates)
		product := put(restX, restU, "mul")
		zeros := put(number(zeroX), number(zeroU), "add")
		others := func(g, product, zeros, rest, zero *graph.Value) *graph.Value {
			return r.when(r.less(r.sub(zeros, number(zero)), r.num(0.5)), r.mul(g, r.div(product, rest)))
		}
		return []*graph.Value{others(g, product, zeros, restX, zeroX), nil, others(at(g), at(product), at(zeros), restU, zeroU)}
	case "max", "min": // equal parts go to all that are the result
		is := func(v, y *graph.Value) *graph.Value {
			return r.Op("Cast", r.Op("Equal", v, y), graph.Int("to", int(x.Type.DType)))
		}
		isX, isU := is(x, r.y(0)), is(updates, at(r.y(0)))
		share := r.div(g, put(isX, isU, "add"))
		return []*graph.Value{r.mul(share, isX), nil, r.mul(at(share), isU)}
	}
	return []*graph.Value{put(g, r.ZerosLike(updates), "none"), nil, at(g)}
}
