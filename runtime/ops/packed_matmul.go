package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// private is the domain of operators that passes make of others. They never leave memory: each has an Expand into the standard's.
const private = "ai.onnxrun"

// packMatMul lays a constant K × N matrix (N × K with trans) out in the panels that the kernels of this machine read in order. With stream, products
// of few rows read it, which wait for memory.
var packMatMul = family(&graph.Op{
	Domain: private, Name: "PackMatMul", Since: 1,
	Sig: `(W:T) -> (P:T)
		T = f32
		trans int = 0; stream int = 0`,
	HugePages: func(n *graph.Node) bool { return n.Bool("stream") },
	Infer: func(c *graph.Infer) error {
		k, n, err := packedExtents(c)
		if err == nil {
			c.SetTensor(0, tensor.Float32, graph.Size(kernel.PackedLen(k, n)))
		}
		return err
	},
	Run: func(c *graph.Ctx) error {
		w := c.In[0]
		a := packArgs{w: tensor.Data[float32](w), to: tensor.Data[float32](c.Out[0]), k: w.Dim(0), n: w.Dim(1), ld: w.Dim(1), trans: c.Node.Bool("trans")}
		if a.trans {
			a.k, a.n = a.n, a.k
		}
		panels, width := kernel.Panels(a.n)
		graph.For(c, panels, max(1, 1<<16/max(1, a.k*width)), a, func(a *packArgs, _, lo, hi int) {
			kernel.PackB(a.to, a.w, a.k, a.n, a.ld, a.trans, lo, hi)
		})
		return nil
	},
})

type packArgs struct {
	w, to    []float32
	k, n, ld int
	trans    bool
}

// packedExtents are K and N of the matrix to pack, which must be known.
func packedExtents(c *graph.Infer) (k, n int, err error) {
	s, ok := c.Shape(0)
	if ok && len(s) == 2 {
		k, okK := s[0].Int()
		n, okN := s[1].Int()
		if c.Node.Bool("trans") {
			k, n = n, k
		}
		if okK && okN {
			return k, n, nil
		}
	}
	return 0, 0, graph.Shapef("packing %s: want a matrix of known extents", c.Type(0))
}

// unpackMatMul is the inverse of PackMatMul.
var unpackMatMul = family(&graph.Op{
	Domain: private, Name: "UnpackMatMul", Since: 1,
	Sig: `(P:T) -> (W:T)
		T = f32
		k int; n int`,
	Infer: func(c *graph.Infer) error {
		k, n := c.Node.Int("k"), c.Node.Int("n")
		if s, ok := c.Shape(0); ok && (len(s) != 1 || !s[0].Is(kernel.PackedLen(k, n))) {
			return graph.Shapef("%s is no packed %d × %d matrix", c.Type(0), k, n)
		}
		c.SetTensor(0, tensor.Float32, graph.Size(k), graph.Size(n))
		return nil
	},
	Run: func(c *graph.Ctx) error {
		kernel.UnpackB(tensor.Data[float32](c.Out[0]), tensor.Data[float32](c.In[0]), c.Node.Int("k"), c.Node.Int("n"))
		return nil
	},
})

// packedMatMul is activation(Residual + A·W + Bias) for a stack A [… , M, K], a packed W [K, N], a Bias [N] and a Residual [… , M, N].
var packedMatMul = family(&graph.Op{
	Domain: private, Name: "PackedMatMul", Since: 1,
	Sig: `(A:T, P:T, Bias?:T, Residual?:T) -> (Y:T)
		T = f32
		k int; n int; ` + activationSig,
	Infer: inferPackedMatMul, Run: runPackedMatMul, Expand: expandPackedMatMul, InPlace: true, InPlaceFrom: 3,
})

func inferPackedMatMul(c *graph.Infer) error {
	k, n := c.Node.Int("k"), c.Node.Int("n")
	a, ok := c.Shape(0)
	if !ok {
		c.Set(0, graph.Unranked(tensor.Float32))
		return nil
	}
	if len(a) < 2 || a[len(a)-1].IsInt() && !a[len(a)-1].Is(k) {
		return graph.Shapef("matrix product of %s and a packed %d × %d matrix", c.Type(0), k, n)
	}
	out := append([]graph.Dim{}, a...)
	out[len(out)-1] = graph.Size(n)
	if p, ok := c.Shape(1); ok && (len(p) != 1 || p[0].IsInt() && !p[0].Is(kernel.PackedLen(k, n))) {
		return graph.Shapef("%s is no packed %d × %d matrix", c.Type(1), k, n)
	}
	if b, ok := c.Shape(2); ok && c.Has(2) && (len(b) != 1 || b[0].IsInt() && !b[0].Is(n)) {
		return graph.Shapef("bias of %s for %d columns", c.Type(2), n)
	}
	if r, ok := c.Shape(3); ok && c.Has(3) {
		same := len(r) == len(out)
		for i := 0; same && i < len(r); i++ {
			same = !r[i].IsInt() || !out[i].IsInt() || r[i].Equal(out[i])
		}
		if !same {
			return graph.Shapef("residual of %s for a product of %s", c.Type(3), graph.ShapeString(out))
		}
	}
	c.SetTensor(0, tensor.Float32, out...)
	return nil
}

func expandPackedMatMul(b *graph.Builder, n *graph.Node) []*graph.Value {
	w := b.Op(private+"::UnpackMatMul", n.In[1], graph.Int("k", n.Int("k")), graph.Int("n", n.Int("n")))
	y := b.Op("MatMul", n.In[0], w)
	if n.Has(3) {
		y = b.Op("Add", n.In[3], y)
	}
	if n.Has(2) {
		y = b.Op("Add", y, n.In[2])
	}
	return []*graph.Value{expandActivation(b, n, y)}
}

// packedProduct is the memo of a PackedMatMul: the product for one set of shapes, and its work in pieces: groups of panels, within them blocks
// of rows, so that panels are used while they are in cache.
type packedProduct struct {
	kernel.PackedGemm
	act            kernel.Activation
	blocks, panels int
	group          int // panels of a piece
}

// pieceWork is about how many multiplications a piece takes, some 40 µs of them; pieceBytes is a piece that waits for memory, and pieceStream one of a
// matrix that is so large that there are many pieces all the same: the fewer jumps, the faster memory comes.
const (
	pieceWork   = 1 << 21
	pieceBytes  = 1 << 17
	pieceStream = 1 << 21
)

func runPackedMatMul(c *graph.Ctx) error {
	p, _ := c.Memo.(*packedProduct)
	if p == nil {
		k, n := c.Node.Int("k"), c.Node.Int("n")
		act, err := activationOf(c.Node)
		if err != nil {
			return err
		}
		p = &packedProduct{act: act}
		p.M, p.N, p.K = c.Out[0].Len()/max(n, 1), n, k
		p.Lda, p.Ldc, p.Ldr = k, n, n
		p.plan()
		c.Memo = p
	}
	p.A, p.B, p.C = tensor.Data[float32](c.In[0]), tensor.Data[float32](c.In[1]), tensor.Data[float32](c.Out[0])
	if c.Has(2) {
		p.Bias = tensor.Data[float32](c.In[2])
	}
	if c.Has(3) {
		p.Residual = tensor.Data[float32](c.In[3])
	}
	err := p.run(c)
	p.A, p.B, p.C, p.Bias, p.Residual = nil, nil, nil, nil, nil
	return err
}

// plan cuts the work; sizes and activation are set.
func (p *packedProduct) plan() {
	switch p.act.Kind {
	case kernel.ActRelu:
		p.Clamp, p.Lo, p.Hi = true, 0, float32(math.Inf(1))
	case kernel.ActClip:
		p.Clamp, p.Lo, p.Hi = true, p.act.Alpha, p.act.Beta
	}
	p.Plan()
	p.blocks, p.panels = p.Grid()
	_, width := kernel.Panels(p.N)
	panel := max(1, p.K*width)
	p.group = max(1, pieceWork/(panel*min(p.RowsOfBlock(), max(p.M, 1))))
	if p.M <= 8 {
		bytes := min(max(pieceBytes, 4*panel*p.panels/64), pieceStream)
		p.group = max(1, bytes/(4*panel))
		if p.M == 1 { // panels go four by four
			p.group = (p.group + kernel.GemvPanels - 1) / kernel.GemvPanels * kernel.GemvPanels
		}
	}
	p.group = min(p.group, max(p.panels, 1))
}

func (p *packedProduct) run(c *graph.Ctx) error {
	if len(p.C) == 0 {
		return nil
	}
	if n := p.Plan(); n > 0 {
		s, err := graph.Scratch[float32](c, n)
		if err != nil {
			return err
		}
		p.SetScratch(s)
		graph.For(c, p.blocks, 1, p, func(p **packedProduct, _, lo, hi int) {
			for i := lo; i < hi; i++ {
				(*p).PackA(i)
			}
		})
	}
	c.Exec().Parallel(p, p.pieces(), 1)
	return nil
}

// pieces is the number of pieces of the work.
func (p *packedProduct) pieces() int { return (p.panels + p.group - 1) / p.group * p.blocks }

// Do computes pieces lo to hi-1.
func (p *packedProduct) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		block, j := i%p.blocks, i/p.blocks*p.group
		p.Run(block, j, min(p.panels, j+p.group))
		if !p.Clamp && p.act.Kind != kernel.ActNone {
			_, width := kernel.Panels(p.N)
			from, to := j*width, min(p.N, (j+p.group)*width)
			r0, r1 := block*p.RowsOfBlock(), min(p.M, (block+1)*p.RowsOfBlock())
			kernel.ActivateRows(p.C[r0*p.N+from:], r1-r0, to-from, p.N, p.act)
		}
	}
}
