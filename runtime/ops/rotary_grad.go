package ops

import "github.com/onnxrun/onnxrun/graph"

// rotaryGrad turns the gradient back. Of a pair (a, b) that became (a·cos − b·sin, a·sin + b·cos), with gradients (p, q), cos gets a·p + b·q and sin gets
// a·q − b·p, summed over heads and over all tokens with the same position.
func rotaryGrad(r rule) []*graph.Value {
	x, cos, g := r.x(0), r.x(1), r.g(0)
	args := []graph.Arg{g, cos, r.neg(r.x(2)), r.input(3)}
	for _, a := range r.n.Attrs {
		args = append(args, a)
	}
	dx := r.Op("RotaryEmbedding", args...)
	a, b := r.rotaryPairs(x)
	p, q := r.rotaryPairs(g)
	over := func(v *graph.Value) *graph.Value { return r.Op("ReduceSum", v, r.Ints(2), graph.Int("keepdims", 0)) }
	dcos, dsin := over(r.add(r.mul(a, p), r.mul(b, q))), over(r.sub(r.mul(a, q), r.mul(b, p)))
	if pos := r.input(3); pos != nil {
		flat := r.Op("Reshape", pos, r.Ints(-1))
		rows := func(v *graph.Value) *graph.Value {
			to := r.Op("Concat", r.Op("Shape", flat), r.Op("Shape", cos, graph.Int("start", 1)), graph.Int("axis", 0))
			return r.put(r.Op("Reshape", v, to, graph.Int("allowzero", 1)), flat, 0, r.extent(cos, 0))
		}
		dcos, dsin = rows(dcos), rows(dsin)
	}
	return []*graph.Value{dx, dcos, dsin}
}

// rotaryPairs are the first and the second elements of all pairs that are turned, as [batch, seq, heads, pairs].
func (r rule) rotaryPairs(v *graph.Value) (a, b *graph.Value) {
	if r.rank(v) == 4 {
		v = r.Op("Transpose", v, graph.Ints("perm", 0, 2, 1, 3))
	} else {
		heads := r.Ints(max(1, r.n.Int("num_heads")))
		size := r.Op("Div", r.extent(v, 2), heads)
		v = r.Op("Reshape", v, r.Op("Concat", r.Op("Shape", v, graph.Int("end", 2)), heads, size, graph.Int("axis", 0)), graph.Int("allowzero", 1))
	}
	if r.Err() != nil {
		return nil, nil
	}
	end := r.extent(v, 3)
	if dim := r.n.Int("rotary_embedding_dim"); dim > 0 {
		end = r.Ints(dim)
	}
	half := r.Op("Div", end, r.Ints(2))
	part := func(from, to, step *graph.Value) *graph.Value { return r.Op("Slice", v, from, to, r.Ints(3), step) }
	if r.n.Bool("interleaved") {
		return part(r.Ints(0), end, r.Ints(2)), part(r.Ints(1), end, r.Ints(2))
	}
	return part(r.Ints(0), half, r.Ints(1)), part(half, end, r.Ints(1))
}
