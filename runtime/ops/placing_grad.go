package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// padGrad of a constant: the opposite pads cut G where elements were added and put zeros where some were removed; the constant gets what fell on added elements.
// The other modes pick elements.
func padGrad(r rule) []*graph.Value {
	pads, axes := r.x(1), r.input(3)
	if m := r.n.Str("mode"); m != "constant" && m != "" {
		n := *r.n
		n.In = []*graph.Value{r.x(0), pads, nil, axes} // the constant, which has the type of the data, is not read
		return []*graph.Value{movedGrad(rule{r.Builder, &n, r.out})}
	}
	dx := r.Op("Pad", r.g(0), r.neg(pads), (*graph.Value)(nil), axes)
	if r.input(2) == nil {
		return []*graph.Value{dx}
	}
	added := r.Op("Pad", r.ZerosLike(r.x(0)), pads, r.num(1), axes)
	return []*graph.Value{dx, nil, r.like(r.Op("ReduceSum", r.mul(r.g(0), added), graph.Int("keepdims", 0)), r.x(2))}
}

// cumulated is CumSum of v as the node has it, or the other way.
func (r rule) cumulated(v *graph.Value, reverse, exclusive bool) *graph.Value {
	return r.Op("CumSum", v, r.x(1), graph.Int("reverse", one(reverse)), graph.Int("exclusive", one(exclusive)))
}

func cumSumGrad(r rule) *graph.Value {
	return r.cumulated(r.g(0), !r.n.Bool("reverse"), r.n.Bool("exclusive"))
}

// cumProdGrad: an element's gradient is the sum over the products that it is in, divided by it. All products from the first zero on are zero and depend on
// it alone: as long as there is no second zero, its gradient is the sum of the products without it.
func cumProdGrad(r rule) *graph.Value {
	x := r.x(0)
	reverse, exclusive := r.n.Bool("reverse"), r.n.Bool("exclusive")
	zero := r.Op("Equal", x, r.num(0))
	rest := r.where(zero, r.num(1), x)
	products := r.Op("CumProd", rest, r.x(1), graph.Int("reverse", one(reverse)), graph.Int("exclusive", one(exclusive)))
	count := r.Op("Cast", zero, graph.Int("to", int(x.Type.DType)))
	within := r.cumulated(count, reverse, exclusive) // zeros in each product
	first := r.Op("And", zero, r.less(r.cumulated(count, reverse, false), r.num(1.5)))
	g := r.mul(r.g(0), products)
	without := r.cumulated(r.when(r.less(within, r.num(0.5)), g), !reverse, exclusive)
	one := r.cumulated(r.when(r.Op("And", r.greater(within, r.num(0.5)), r.less(within, r.num(1.5))), g), !reverse, exclusive)
	return r.where(zero, r.when(first, one), r.div(without, rest))
}

// topKGrad puts the gradient of the values where they came from.
func topKGrad(r rule) *graph.Value {
	if !r.has(0) {
		return nil
	}
	return r.Op("ScatterElements", r.ZerosLike(r.x(0)), r.want(1), r.g(0), graph.Int("axis", r.n.Int("axis")), graph.Str("reduction", "add"))
}

// oneHotGrad: each of the two values gets the sum over the places that have it.
func oneHotGrad(r rule) []*graph.Value {
	sum := func(off, on float64) *graph.Value {
		values, err := tensor.FromFloats(r.x(2).Type.DType, []float64{off, on}, 2)
		if err != nil {
			r.Fail(err)
			return nil
		}
		places := r.Op("OneHot", r.x(0), r.x(1), r.Const(values), graph.Int("axis", r.n.Int("axis")))
		return r.Op("Reshape", r.Op("ReduceSum", r.mul(r.g(0), places), graph.Int("keepdims", 0)), r.Ints(1))
	}
	return []*graph.Value{nil, nil, r.Op("Concat", sum(1, 0), sum(0, 1), graph.Int("axis", 0))}
}

// affineGridGrad: the grid is positions [N, P, axes + 1] · thetaᵀ, and the identity map gives the positions.
func affineGridGrad(r rule) *graph.Value {
	theta, g := r.x(0), r.g(0)
	axes := r.rank(g) - 2
	if r.Err() != nil || axes < 2 {
		return nil
	}
	eye := make([]float64, axes*(axes+1))
	for i := range axes {
		eye[i*(axes+1)+i] = 1
	}
	same, err := tensor.FromFloats(theta.Type.DType, eye, axes, axes+1)
	if err != nil {
		r.Fail(err)
		return nil
	}
	args := append([]graph.Arg{r.Op("Expand", r.Const(same), r.shape(theta)), r.x(1)}, r.attrs("align_corners")...)
	rows := func(v *graph.Value) *graph.Value { return r.Op("Reshape", v, r.Ints(0, -1, axes)) }
	at := rows(r.Op("AffineGrid", args...))
	pads := r.Ints(0, 0, 0, 0, 0, 1)
	return r.Op("MatMul", r.transposed(rows(g)), r.Op("Pad", at, pads, r.num(1)))
}
