package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// vectorProduct multiplies stacks of float32 matrices, none of them constant, with the packed kernels: each matrix on the right is packed first.
// Large products share the threads; of many small ones each thread takes whole ones.
type vectorProduct struct {
	matMulPlan
	packedProduct
	aSize, bSize int       // floats that the two sides take when they are packed
	scratch      []float32 // for both sides, of every worker
	a, b, y      []float32 // of one run
	right        []float32 // the matrix to pack
}

// smallProduct is the number of multiplications below which a product of a stack is not split.
const smallProduct = 1 << 22

func newVectorProduct(m *matMulPlan) *vectorProduct {
	v := &vectorProduct{matMulPlan: *m}
	v.M, v.N, v.K = m.m, m.n, m.k
	v.Lda, v.Ldc, v.Ldr, v.TransA = m.lda, m.n, m.n, m.transA
	v.packedProduct.plan()
	v.aSize, v.bSize = v.Plan(), kernel.PackedLen(m.k, m.n)
	return v
}

// run computes y = a·b, plus bias (one number per column) and residual (of the shape of y; for one product alone) where they are not nil.
func (v *vectorProduct) run(c *graph.Ctx, a, b, y, bias, residual []float32) (err error) {
	if len(y) == 0 {
		return nil
	}
	workers := 1
	whole := v.count > 1 && v.m*v.n*max(v.k, 1) < smallProduct
	if whole {
		workers = min(c.Exec().Workers(), v.count)
	}
	if v.scratch, err = graph.Scratch[float32](c, workers*(v.aSize+v.bSize)); err != nil {
		return err
	}
	v.a, v.b, v.y, v.Bias, v.Residual = a, b, y, bias, residual
	if whole {
		c.Exec().Parallel((*wholeProducts)(v), v.count, max(1, pieceWork/max(1, v.m*v.n*v.k)))
	}
	for i := 0; i < v.count && !whole; i++ {
		v.begin(&v.PackedGemm, i, v.scratch)
		v.right = v.matrix(i)
		c.Exec().Parallel((*packRight)(v), v.panels, max(1, 1<<14/max(1, v.k)))
		if v.aSize > 0 {
			c.Exec().Parallel((*packLeft)(v), v.blocks, 1)
		}
		c.Exec().Parallel(&v.packedProduct, v.pieces(), 1)
	}
	v.a, v.b, v.y, v.scratch, v.right = nil, nil, nil, nil, nil
	v.A, v.B, v.C, v.Bias, v.Residual = nil, nil, nil, nil, nil
	return nil
}

// begin points g at product i, with scratch memory for its packed sides.
func (v *vectorProduct) begin(g *kernel.PackedGemm, i int, scratch []float32) {
	offA, _ := v.offsets(i)
	g.A, g.B, g.C = v.a[offA:], scratch[v.aSize:][:v.bSize], v.y[i*v.m*v.n:]
	if v.aSize > 0 {
		g.SetScratch(scratch[:v.aSize])
	}
}

// matrix is the right side of product i.
func (v *vectorProduct) matrix(i int) []float32 {
	_, offB := v.offsets(i)
	return v.b[offB:]
}

type packRight vectorProduct

func (v *packRight) Do(_, lo, hi int) { kernel.PackB(v.B, v.right, v.k, v.n, v.ldb, v.transB, lo, hi) }

type packLeft vectorProduct

func (v *packLeft) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		v.PackA(i)
	}
}

type wholeProducts vectorProduct

// Do computes products lo to hi-1 of the stack.
func (w *wholeProducts) Do(worker, lo, hi int) {
	v := (*vectorProduct)(w)
	size := v.aSize + v.bSize
	g := v.PackedGemm
	for i := lo; i < hi; i++ {
		v.begin(&g, i, v.scratch[worker*size:][:size])
		kernel.PackB(g.B, v.matrix(i), v.k, v.n, v.ldb, v.transB, 0, v.panels)
		for j := range v.blocks {
			if v.aSize > 0 {
				g.PackA(j)
			}
			g.Run(j, 0, v.panels)
		}
	}
}
