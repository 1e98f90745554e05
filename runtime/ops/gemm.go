package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// Gemm is alpha·A'·B' + beta·C, where A' is A or its transpose, B' likewise, and C broadcasts to the shape of the product.
// Before opset 7 C broadcasts only with the attribute broadcast, which says nothing about the result.
var gemm = family(
	&graph.Op{
		Name: "Gemm", Since: 13,
		Sig: `(A:T, B:T, C?:T) -> (Y:T)
			T = float i32 i64 u32 u64
			alpha float = 1; beta float = 1; transA int = 0; transB int = 0`,
		Infer: inferGemm, Run: halves(runGemm), Expand: expandGemm,
		Grad: by(gemmGrad),
	},
	&graph.Op{Since: 11, Sig: "T = f16 f32 f64 i32 i64 u32 u64"},
	&graph.Op{Since: 9, Sig: "(A:T, B:T, C:T) -> (Y:T)"},
	&graph.Op{Since: 7, Sig: "T = f16 f32 f64"},
	&graph.Op{Since: 6, Sig: "broadcast int = 0"},
	&graph.Op{Since: 1},
)

func inferGemm(c *graph.Infer) error {
	dims := [2][2]graph.Dim{{graph.Unknown(), graph.Unknown()}, {graph.Unknown(), graph.Unknown()}}
	for i, flip := range []bool{c.Node.Bool("transA"), c.Node.Bool("transB")} {
		s, ok := c.Shape(i)
		if !ok {
			continue
		}
		if len(s) != 2 {
			return graph.Shapef("gemm of %s and %s: input %d is no matrix", c.Type(0), c.Type(1), i)
		}
		dims[i] = [2]graph.Dim{s[0], s[1]}
		if flip {
			dims[i] = [2]graph.Dim{s[1], s[0]}
		}
	}
	if ka, kb := dims[0][1], dims[1][0]; ka.IsInt() && kb.IsInt() && !ka.Equal(kb) {
		return graph.Shapef("gemm of %s and %s: inner extents %s and %s", c.Type(0), c.Type(1), ka, kb)
	}
	out := []graph.Dim{dims[0][0], dims[1][1]}
	if s, ok := c.Shape(2); ok && c.Has(2) {
		wrong := len(s) > 2
		for i := range min(len(s), 2) {
			d, to := s[len(s)-1-i], out[1-i]
			if d.IsInt() && to.IsInt() && !d.Is(1) && !d.Equal(to) {
				wrong = true
			} else if d.IsInt() && !d.Is(1) && !to.IsInt() {
				out[1-i] = d
			}
		}
		if wrong {
			return graph.Shapef("gemm: C is %s, the product %s", c.Type(2), graph.ShapeString(out))
		}
	}
	c.SetTensor(0, c.DType(0), out...)
	return nil
}

func runGemm(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		if kernel.Active() > kernel.Go {
			return vectorGemm(c)
		}
		return gemmOf(c, kernel.Gemm)
	case tensor.Float64:
		return gemmOf(c, kernel.GemmOf[float64])
	case tensor.Int32:
		return gemmOf(c, kernel.GemmOf[int32])
	case tensor.Int64:
		return gemmOf(c, kernel.GemmOf[int64])
	case tensor.Uint32:
		return gemmOf(c, kernel.GemmOf[uint32])
	case tensor.Uint64:
		return gemmOf(c, kernel.GemmOf[uint64])
	}
	return graph.Typef("gemm of %s", c.In[0])
}

func planGemm(c *graph.Ctx) *matMulPlan {
	a, b, y := c.In[0], c.In[1], c.Out[0]
	p := &matMulPlan{
		m: y.Dim(0), n: y.Dim(1), k: a.Dim(1), count: 1, lda: a.Dim(1), ldb: b.Dim(1),
		transA: c.Node.Bool("transA"), transB: c.Node.Bool("transB"),
	}
	if p.transA {
		p.k = a.Dim(0)
	}
	return p
}

// biasStrides are the elements from one row and from one column of a bias to the next, 0 where it repeats.
func biasStrides(s tensor.Shape) (row, col int) {
	if len(s) > 0 && s[len(s)-1] != 1 {
		col = 1
	}
	if len(s) > 1 && s[0] != 1 {
		row = s[1]
	}
	return row, col
}

// vectorGemm is gemmOf for float32 with vector instructions. A bias per column or per element joins the product; another one, and factors, come after it.
func vectorGemm(c *graph.Ctx) error {
	v, _ := c.Memo.(*vectorProduct)
	if v == nil {
		v = newVectorProduct(planGemm(c))
		c.Memo = v
	}
	alpha, beta := c.Node.Float("alpha"), c.Node.Float("beta")
	var bias, residual, later []float32
	row, col := 0, 0
	if t := c.Input(2); t != nil && beta != 0 {
		switch row, col = biasStrides(t.Shape()); {
		case alpha != 1 || beta != 1 || col == 0 && v.n > 1:
			later = tensor.Data[float32](t)
		case row == 0:
			bias = tensor.Data[float32](t)
		default:
			residual = tensor.Data[float32](t)
		}
	}
	y := tensor.Data[float32](c.Out[0])
	if err := v.run(c, tensor.Data[float32](c.In[0]), tensor.Data[float32](c.In[1]), y, bias, residual); err != nil {
		return err
	}
	for i := range v.m {
		r := y[i*v.n:][:v.n]
		if alpha != 1 {
			kernel.Scale(r, alpha)
		}
		if later != nil {
			kernel.AddScaled(r, later[i*row:], col, beta)
		}
	}
	return nil
}

func gemmOf[T kernel.Numeric](c *graph.Ctx, f gemmFunc[T]) error {
	a, b, y := c.In[0], c.In[1], c.Out[0]
	p, _ := c.Memo.(*product[T])
	if p == nil {
		p = &product[T]{matMulPlan: *planGemm(c), gemm: f, alpha: c.Node.Float("alpha"), beta: c.Node.Float("beta")}
		if t := c.Input(2); t != nil {
			p.biasRow, p.biasCol = biasStrides(t.Shape())
		}
		c.Memo = p
	}
	var bias []T
	if c.Has(2) && p.beta != 0 {
		bias = tensor.Data[T](c.In[2])
	}
	p.run(c, tensor.Data[T](a), tensor.Data[T](b), tensor.Data[T](y), bias)
	return nil
}

func expandGemm(b *graph.Builder, n *graph.Node) []*graph.Value {
	side := func(i int, flip string) *graph.Value {
		if n.Bool(flip) {
			return b.Op("Transpose", n.In[i], graph.Ints("perm", 1, 0))
		}
		return n.In[i]
	}
	scaled := func(v *graph.Value, by string) *graph.Value {
		if f := n.Float(by); f != 1 {
			return b.Op("Mul", v, b.Scalar(v.Type.DType, float64(f)))
		}
		return v
	}
	y := b.Op("MatMul", side(0, "transA"), side(1, "transB"))
	if b.Err() != nil {
		return nil
	}
	y = scaled(y, "alpha")
	if n.Has(2) && n.Float("beta") != 0 {
		y = b.Op("Add", y, scaled(n.In[2], "beta"))
	}
	return []*graph.Value{y}
}
