package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// MatMul is the matrix product over the last two axes; the axes before them broadcast. A vector on the left is a row, one on the
// right a column, and the axis that this adds is dropped from the result (numpy.matmul).
var matMul = family(
	&graph.Op{
		Name: "MatMul", Since: 13,
		Sig: `(A:T, B:T) -> (Y:T)
			T = float i32 i64 u32 u64`,
		Infer: inferMatMul, Run: halves(runMatMul),
		Grad: by(matMulGrad),
	},
	&graph.Op{Since: 9, Sig: "T = f16 f32 f64 i32 i64 u32 u64"},
	&graph.Op{Since: 1, Sig: "T = f16 f32 f64"},
)

func inferMatMul(c *graph.Infer) error {
	shape, ranked, err := matMulShape(c)
	if err != nil {
		return err
	}
	if !ranked {
		c.Set(0, graph.Unranked(c.DType(0)))
		return nil
	}
	c.SetTensor(0, c.DType(0), shape...)
	return nil
}

// matMulShape is the shape of numpy.matmul of inputs 0 and 1.
func matMulShape(c *graph.Infer) ([]graph.Dim, bool, error) {
	a, okA := c.Shape(0)
	b, okB := c.Shape(1)
	if okA && len(a) == 0 || okB && len(b) == 0 {
		return nil, false, graph.Shapef("matrix product of a scalar: %s and %s", c.Type(0), c.Type(1))
	}
	if !okA || !okB {
		return nil, false, nil
	}
	rowA, colB := len(a) == 1, len(b) == 1
	if rowA {
		a = []graph.Dim{graph.Size(1), a[0]}
	}
	if colB {
		b = []graph.Dim{b[0], graph.Size(1)}
	}
	ka, kb := a[len(a)-1], b[len(b)-2]
	if ka.IsInt() && kb.IsInt() && !ka.Equal(kb) {
		return nil, false, graph.Shapef("matrix product of %s and %s: inner extents %s and %s", c.Type(0), c.Type(1), ka, kb)
	}
	batch, err := graph.Broadcast(a[:len(a)-2], b[:len(b)-2])
	if err != nil {
		return nil, false, err
	}
	out := append([]graph.Dim{}, batch...)
	if !rowA {
		out = append(out, a[len(a)-2])
	}
	if !colB {
		out = append(out, b[len(b)-1])
	}
	return out, true, nil
}

func runMatMul(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		if kernel.Active() > kernel.Go {
			return vectorMatMul(c)
		}
		return matMulOf(c, tensor.Data[float32](c.In[0]), tensor.Data[float32](c.In[1]), kernel.Gemm)
	case tensor.Float64:
		return matMulOf(c, tensor.Data[float64](c.In[0]), tensor.Data[float64](c.In[1]), kernel.GemmOf[float64])
	case tensor.Int32, tensor.Uint32: // the low bits of a product do not depend on the sign
		return matMulOf(c, tensor.Data[int32](c.In[0]), tensor.Data[int32](c.In[1]), kernel.GemmOf[int32])
	case tensor.Int64, tensor.Uint64:
		return matMulOf(c, tensor.Data[int64](c.In[0]), tensor.Data[int64](c.In[1]), kernel.GemmOf[int64])
	}
	return graph.Typef("matrix product of %s", c.In[0])
}

func vectorMatMul(c *graph.Ctx) error {
	v, _ := c.Memo.(*vectorProduct)
	if v == nil {
		plan, err := planMatMul(c.In[0].Shape(), c.In[1].Shape())
		if err != nil {
			return err
		}
		v = newVectorProduct(plan)
		c.Memo = v
	}
	return v.run(c, tensor.Data[float32](c.In[0]), tensor.Data[float32](c.In[1]), tensor.Data[float32](c.Out[0]), nil, nil)
}

// matMulOf multiplies stacks of matrices a and b, of the shapes of inputs 0 and 1, into output 0.
func matMulOf[T kernel.Numeric](c *graph.Ctx, a, b []T, f gemmFunc[T]) error {
	p, _ := c.Memo.(*product[T])
	if p == nil {
		plan, err := planMatMul(c.In[0].Shape(), c.In[1].Shape())
		if err != nil {
			return err
		}
		p = &product[T]{matMulPlan: *plan, gemm: f, alpha: 1}
		c.Memo = p
	}
	p.run(c, a, b, tensor.Data[T](c.Out[0]), nil)
	return nil
}

// matMulPlan is what the shapes alone say of a product: count products of m × k by k × n matrices. The batch axes
// have extents dims; strideA and strideB are the elements from one matrix to the next along each, 0 where it repeats.
type matMulPlan struct {
	m, n, k, count int
	lda, ldb       int
	transA, transB bool
	dims           []int
	strideA        []int
	strideB        []int
}

func planMatMul(a, b tensor.Shape) (*matMulPlan, error) {
	if len(a) == 1 {
		a = tensor.Shape{1, a[0]}
	}
	if len(b) == 1 {
		b = tensor.Shape{b[0], 1}
	}
	if len(a) < 2 || len(b) < 2 || a[len(a)-1] != b[len(b)-2] {
		return nil, graph.Shapef("matrix product of %v and %v", a, b)
	}
	p := &matMulPlan{m: a[len(a)-2], k: a[len(a)-1], n: b[len(b)-1]}
	p.lda, p.ldb = p.k, p.n
	batchA, batchB := a[:len(a)-2], b[:len(b)-2]
	if batchB.Elems() == 1 && len(batchB) <= len(batchA) { // one matrix on the right: the stack on the left is one tall matrix
		p.m *= batchA.Elems()
		p.count = 1
		return p, nil
	}
	dims, err := graph.BroadcastShapes(batchA, batchB)
	if err != nil {
		return nil, err
	}
	p.dims, p.count = dims, dims.Elems()
	p.strideA, p.strideB = batchStrides(batchA, len(dims), p.m*p.k), batchStrides(batchB, len(dims), p.k*p.n)
	return p, nil
}

// offsets are the first elements of the two sides of product i.
func (p *matMulPlan) offsets(i int) (a, b int) {
	for d := len(p.dims) - 1; d >= 0; d-- {
		a += i % p.dims[d] * p.strideA[d]
		b += i % p.dims[d] * p.strideB[d]
		i /= p.dims[d]
	}
	return a, b
}

// batchStrides are the elements between neighbours along the axes of a broadcast of the given rank, for matrices of size elements.
func batchStrides(s tensor.Shape, rank, size int) []int {
	out := make([]int, rank)
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != 1 {
			out[rank-len(s)+i] = size
		}
		size *= s[i]
	}
	return out
}

type gemmFunc[T kernel.Numeric] func(m, n, k int, a []T, lda int, transA bool, b []T, ldb int, transB bool, c []T, ldc int, accumulate bool)

// product is alpha·A·B + beta·bias, cut into tiles of rows × cols elements of C. It is kept as the node's memo, so that
// it can be the task of the workers without an allocation.
type product[T kernel.Numeric] struct {
	matMulPlan
	gemm       gemmFunc[T]
	rows, cols int // of a tile
	rowTiles   int
	colTiles   int

	alpha, beta      float32
	biasRow, biasCol int // elements from one row or column of the bias to the next

	a, b, c, bias []T // of one run; bias is nil without
}

// tileWork is about how many multiplications a tile takes, half a millisecond's worth of them in plain Go.
const tileWork = 1 << 19

func (p *product[T]) run(c *graph.Ctx, a, b, y, bias []T) {
	if len(y) == 0 {
		return
	}
	// Tiles have enough rows to make up for packing their columns of B, 32 columns at a time. They follow from the shapes alone.
	depth := max(p.k, 1)
	p.rows = min(p.m, min(max(16, tileWork/8/depth), 64))
	p.cols = min(p.n, max(1, tileWork/depth/p.rows/32)*32)
	p.rowTiles, p.colTiles = (p.m+p.rows-1)/p.rows, (p.n+p.cols-1)/p.cols
	grain := tileWork / min(tileWork, p.rows*p.cols*min(depth, tileWork))
	p.a, p.b, p.c, p.bias = a, b, y, bias
	c.Exec().Parallel(p, p.count*p.rowTiles*p.colTiles, grain)
	p.a, p.b, p.c, p.bias = nil, nil, nil, nil
}

// Do computes the tiles lo to hi-1.
func (p *product[T]) Do(_, lo, hi int) {
	for t := lo; t < hi; t++ {
		p.tile(t)
	}
}

// tile computes tile t: all tiles of the first matrix, row after row of tiles, then those of the next matrix.
func (p *product[T]) tile(t int) {
	j := t % p.colTiles * p.cols
	t /= p.colTiles
	i := t % p.rowTiles * p.rows
	batch := t / p.rowTiles
	offA, offB := p.offsets(batch)
	m, n := min(p.rows, p.m-i), min(p.cols, p.n-j)
	a, b, c := p.a, p.b, p.c[(batch*p.m+i)*p.n+j:]
	if p.k > 0 {
		if a = a[offA:]; p.transA {
			a = a[i:]
		} else {
			a = a[i*p.lda:]
		}
		if b = b[offB:]; p.transB {
			b = b[j*p.ldb:]
		} else {
			b = b[j:]
		}
	}
	p.gemm(m, n, p.k, a, p.lda, p.transA, b, p.ldb, p.transB, c, p.n, false)
	if p.bias == nil && p.alpha == 1 {
		return
	}
	for r := range m {
		row := c[r*p.n:][:n]
		if p.alpha != 1 {
			kernel.Scale(row, p.alpha)
		}
		if p.bias != nil {
			kernel.AddScaled(row, p.bias[(i+r)*p.biasRow+j*p.biasCol:], p.biasCol, p.beta)
		}
	}
}
