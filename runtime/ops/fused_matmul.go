package ops

import (
	"slices"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// FusedMatMul is MatMul of stacks of matrices A and B, of which transA and transB say that they lie in memory transposed, plus a vector Bias [N].
var fusedMatMul = family(&graph.Op{
	Domain: private, Name: "FusedMatMul", Since: 1,
	Sig: `(A:T, B:T, Bias?:T) -> (Y:T)
		T = f32
		transA int = 0; transB int = 0`,
	Infer: inferFusedMatMul, Run: runFusedMatMul,
	Expand: func(b *graph.Builder, n *graph.Node) []*graph.Value {
		side := func(i int, flag string) *graph.Value {
			v := n.In[i]
			rank := len(v.Type.Shape)
			if !n.Bool(flag) || rank < 2 {
				return v
			}
			perm := make([]int64, rank)
			for i := range perm {
				perm[i] = int64(i)
			}
			perm[rank-1], perm[rank-2] = perm[rank-2], perm[rank-1]
			return b.Op("Transpose", v, graph.Ints("perm", perm...))
		}
		y := b.Op("MatMul", side(0, "transA"), side(1, "transB"))
		if n.Has(2) {
			y = b.Op("Add", y, n.In[2])
		}
		return []*graph.Value{y}
	},
})

func inferFusedMatMul(c *graph.Infer) error {
	plain := &graph.Infer{Node: c.Node, In: slices.Clone(c.In), Out: c.Out}
	for i, flag := range []string{"transA", "transB"} {
		s, ok := c.Shape(i)
		if !ok {
			c.Set(0, graph.Unranked(tensor.Float32))
			return nil
		}
		if len(s) < 2 {
			return graph.Shapef("matrix product of %s and %s: want matrices", c.Type(0), c.Type(1))
		}
		if c.Node.Bool(flag) {
			s = slices.Clone(s)
			s[len(s)-1], s[len(s)-2] = s[len(s)-2], s[len(s)-1]
			plain.In[i].Type = graph.TensorType(c.DType(i), s...)
		}
	}
	out, _, err := matMulShape(plain)
	if err != nil {
		return err
	}
	if b, ok := c.Shape(2); ok && c.Has(2) && (len(b) != 1 || b[0].IsInt() && out[len(out)-1].IsInt() && !b[0].Equal(out[len(out)-1])) {
		return graph.Shapef("bias of %s for a product of %s", c.Type(2), graph.ShapeString(out))
	}
	c.SetTensor(0, tensor.Float32, out...)
	return nil
}

// planFusedMatMul is planMatMul for sides that may lie transposed. A stack of transposed matrices on the left is no tall matrix.
func planFusedMatMul(a, b tensor.Shape, transA, transB bool) (*matMulPlan, error) {
	flip := func(s tensor.Shape, on bool) tensor.Shape {
		if s = slices.Clone(s); on {
			s[len(s)-1], s[len(s)-2] = s[len(s)-2], s[len(s)-1]
		}
		return s
	}
	x, y := flip(a, transA), flip(b, transB)
	p, err := planMatMul(x, y)
	if err != nil {
		return nil, err
	}
	if batch := x[:len(x)-2]; transA && batch.Elems() > 1 && p.dims == nil {
		p.m, p.count, p.dims = x[len(x)-2], batch.Elems(), batch
		p.strideA, p.strideB = batchStrides(batch, len(batch), p.m*p.k), make([]int, len(batch))
	}
	p.transA, p.transB, p.lda, p.ldb = transA, transB, a[len(a)-1], b[len(b)-1]
	return p, nil
}

func runFusedMatMul(c *graph.Ctx) error {
	var bias []float32
	if c.Has(2) {
		bias = tensor.Data[float32](c.In[2])
	}
	a, b, y := tensor.Data[float32](c.In[0]), tensor.Data[float32](c.In[1]), tensor.Data[float32](c.Out[0])
	if c.Memo == nil {
		plan, err := planFusedMatMul(c.In[0].Shape(), c.In[1].Shape(), c.Node.Bool("transA"), c.Node.Bool("transB"))
		if err != nil {
			return err
		}
		if kernel.Active() > kernel.Go {
			c.Memo = newVectorProduct(plan)
		} else {
			c.Memo = &product[float32]{matMulPlan: *plan, gemm: kernel.Gemm, alpha: 1, beta: 1, biasCol: 1}
		}
	}
	if v, ok := c.Memo.(*vectorProduct); ok {
		return v.run(c, a, b, y, bias, nil)
	}
	c.Memo.(*product[float32]).run(c, a, b, y, bias)
	return nil
}
