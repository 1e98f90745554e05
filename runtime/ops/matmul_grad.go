package ops

import "github.com/onnxrun/onnxrun/graph"

// matMulGrad: of Y = A·B, dA = G·Bᵀ and dB = Aᵀ·G. Vectors are matrices of one row or column on the way.
func matMulGrad(r rule) []*graph.Value {
	a, b, g := r.x(0), r.x(1), r.g(0)
	rankA, rankB := r.rank(a), r.rank(b)
	if rankA == 1 {
		a, g = r.Op("Unsqueeze", a, r.Ints(0)), r.Op("Unsqueeze", g, r.Ints(max(rankB, 2)-2))
	}
	if rankB == 1 {
		b, g = r.Op("Unsqueeze", b, r.Ints(1)), r.Op("Unsqueeze", g, r.Ints(-1))
	}
	if r.Err() != nil {
		return nil
	}
	var da, db *graph.Value
	switch {
	case len(b.Type.Shape) == 2: // a stack on the left is one tall matrix
		rowsA, rowsG := r.rows(a), r.rows(g)
		da = r.Op("Gemm", rowsG, b, graph.Int("transB", 1))
		db = r.Op("Gemm", rowsA, rowsG, graph.Int("transA", 1))
		if len(a.Type.Shape) != 2 {
			da = r.like(da, a)
		}
	default:
		da = r.Op("MatMul", g, r.transposed(b))
		db = r.Op("MatMul", r.transposed(a), g)
	}
	if rankA == 1 {
		da = r.Op("Squeeze", da, r.Ints(-2))
	}
	if rankB == 1 {
		db = r.Op("Squeeze", r.SumTo(db, b), r.Ints(1))
	}
	return []*graph.Value{da, db}
}

// rows is v as a matrix of all its rows.
func (r rule) rows(v *graph.Value) *graph.Value {
	if len(v.Type.Shape) == 2 {
		return v
	}
	n, ok := v.Type.Shape[len(v.Type.Shape)-1].Int()
	if ok && n > 0 {
		return r.Op("Reshape", v, r.Ints(-1, n))
	}
	return r.Op("Flatten", v, graph.Int("axis", len(v.Type.Shape)-1))
}

// transposed swaps the last two axes.
func (r rule) transposed(v *graph.Value) *graph.Value {
	n := r.rank(v)
	perm := make([]int64, n)
	for i := range perm {
		perm[i] = int64(i)
	}
	if n >= 2 {
		perm[n-2], perm[n-1] = perm[n-1], perm[n-2]
	}
	return r.Op("Transpose", v, graph.Ints("perm", perm...))
}

// gemmGrad: of Y = alpha·A'·B' + beta·C, where A' is A or Aᵀ and B' likewise, dA' = alpha·G·B'ᵀ, dB' = alpha·A'ᵀ·G and dC = beta·G.
func gemmGrad(r rule) []*graph.Value {
	g := r.g(0)
	alpha := graph.Float("alpha", r.n.Float("alpha"))
	product := func(a *graph.Value, transA bool, b *graph.Value, transB bool) *graph.Value {
		return r.Op("Gemm", a, b, alpha, graph.Int("transA", one(transA)), graph.Int("transB", one(transB)))
	}
	transA, transB := r.n.Bool("transA"), r.n.Bool("transB")
	da, db := product(g, false, r.x(1), !transB), product(r.x(0), !transA, g, false)
	if transA {
		da = product(r.x(1), transB, g, true)
	}
	if transB {
		db = product(g, true, r.x(0), transA)
	}
	dc := g
	if beta := r.n.Float("beta"); beta != 1 {
		dc = r.mul(g, r.attr("beta"))
	}
	return []*graph.Value{da, db, dc}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
