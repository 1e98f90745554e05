package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// attnPlan is the memo of a FusedAttention: what follows from the shapes, and the operands of one run.
type attnPlan struct {
	batch, heads, seq, keys, size, sizeV int
	kvHeads, group                       int // group heads share one of K and V
	q, k, v, y                           headLayout
	masks                                [2]scoreMask
	scale, softcap                       float32
	causal, zeroEmpty, zeroNaN           bool

	plain           bool // without vector instructions, packing does not pay either
	direct          bool // K and V are read where they lie, once for all rows
	rows, blocks    int  // rows of Q in a block, and blocks of a head
	scores, own     int  // floats of a row of scores, and of all that a worker needs
	packedK, packed int  // floats of the packed K of a head, and of its K and V
	scratch, heap   []float32
}

// fewRows is the number of rows of Q that share a head of K up to which packing K does not pay.
const fewRows = 8

func runFusedAttention(c *graph.Ctx) error {
	a, _ := c.Memo.(*attnPlan)
	if a == nil {
		var err error
		if a, err = newAttnPlan(c); err != nil {
			return err
		}
		c.Memo = a
	}
	if c.Out[0].Len() == 0 {
		return nil
	}
	for i, l := range []*headLayout{&a.q, &a.k, &a.v} {
		l.data = tensor.Data[float32](c.In[i])
	}
	for i := range a.masks {
		if a.masks[i].data = nil; c.Has(3 + i) {
			a.masks[i].data = tensor.Data[float32](c.In[3+i])
		}
	}
	a.y.data = tensor.Data[float32](c.Out[0])
	if a.keys == 0 {
		clear(a.y.data)
		return nil
	}
	err := a.run(c)
	a.q.data, a.k.data, a.v.data, a.y.data, a.scratch, a.heap = nil, nil, nil, nil, nil, nil
	a.masks[0].data, a.masks[1].data = nil, nil
	return err
}

func newAttnPlan(c *graph.Ctx) (*attnPlan, error) {
	n := c.Node
	a := &attnPlan{scale: n.Float("scale"), softcap: n.Float("softcap"), causal: n.Bool("causal"), zeroEmpty: n.Bool("zero_empty"),
		zeroNaN: n.Bool("zero_nan")}
	q, qx, err := headsIn(n.Str("q"), c.In[0].Shape())
	if err != nil {
		return nil, err
	}
	k, kx, err := headsIn(n.Str("k"), c.In[1].Shape())
	if err != nil {
		return nil, err
	}
	v, vx, err := headsIn(n.Str("v"), c.In[2].Shape())
	if err != nil {
		return nil, err
	}
	y, _, err := headsIn(n.Str("out"), c.Out[0].Shape())
	if err != nil {
		return nil, err
	}
	a.q, a.k, a.v, a.y = q, k, v, y
	a.batch, a.heads, a.seq, a.size = qx[0], qx[1], qx[2], qx[3]
	a.kvHeads, a.keys, a.sizeV = kx[1], kx[2], vx[3]
	a.group = a.heads / max(1, a.kvHeads)
	for i := range a.masks {
		if c.Has(3 + i) {
			a.masks[i] = maskOf(c.In[3+i].Shape())
		}
	}
	a.plain = kernel.Active() == kernel.Go
	a.direct = !a.plain && a.seq*a.group <= fewRows && a.q.d == 1 && a.k.d == 1 && a.v.d == 1
	a.scores = a.keys
	if a.keys%1024 == 0 {
		a.scores += 16 // rows at other places of the first-level cache
	}
	// A block has enough rows to make up for reading K and V, and scores that stay in the second-level cache. It follows from the shapes alone.
	a.rows = min(max(1<<16/max(a.keys, 1)/14*14, 14), 56)
	a.blocks = (a.seq + a.rows - 1) / max(a.rows, 1)
	a.rows = (a.seq + a.blocks - 1) / max(a.blocks, 1)
	a.packedK = kernel.PackedLen(a.size, a.keys)
	a.packed = a.packedK + kernel.PackedLen(a.keys, a.sizeV)
	if a.direct {
		a.rows = a.seq * a.group
	}
	a.own = a.rows*a.scores + 2*a.keys + a.rows
	if !a.direct && !a.plain {
		g := a.scoresGemm(a.rows)
		a.own += g.Plan()
	}
	return a, nil
}

// scoresGemm is the product Q·Kᵀ for some rows, without its operands.
func (a *attnPlan) scoresGemm(rows int) kernel.PackedGemm {
	g := kernel.PackedGemm{M: rows, N: a.keys, K: a.size, Lda: a.q.s, Ldc: a.scores}
	if a.q.d != 1 {
		g.Lda, g.TransA = a.q.d, true
	}
	return g
}

func (a *attnPlan) run(c *graph.Ctx) (err error) {
	workers := c.Exec().Workers()
	if a.scratch, err = graph.Scratch[float32](c, workers*a.own); err != nil {
		return err
	}
	if a.direct {
		c.Exec().Parallel((*attnDirect)(a), a.batch*a.kvHeads, max(1, pieceBytes/(4*max(1, a.keys*(a.size+a.sizeV)))))
		return nil
	}
	work := max(1, a.rows*a.keys*(a.size+a.sizeV))
	if !a.plain {
		if a.heap, err = graph.Scratch[float32](c, a.kvBatch()*a.kvHeads*a.packed); err != nil {
			return err
		}
		c.Exec().Parallel((*attnPack)(a), a.kvBatch()*a.kvHeads, max(1, 1<<15/max(1, a.packed)))
	}
	c.Exec().Parallel((*attnBlocks)(a), a.batch*a.heads*a.blocks, max(1, pieceWork/work))
	return nil
}

// kvBatch is how many batches K and V have: one may serve all.
func (a *attnPlan) kvBatch() int {
	if a.k.b == 0 && a.v.b == 0 {
		return 1
	}
	return a.batch
}

// attnPack packs K and V of heads lo to hi-1.
type attnPack attnPlan

func (p *attnPack) Do(_, lo, hi int) {
	a := (*attnPlan)(p)
	for i := lo; i < hi; i++ {
		b, h := i/a.kvHeads, i%a.kvHeads
		to := a.heap[i*a.packed:][:a.packed]
		panels, _ := kernel.Panels(a.keys)
		k, ldk := a.k.matrix(b, h)
		kernel.PackB(to[:a.packedK], k, a.size, a.keys, ldk, a.k.d == 1, 0, panels)
		panels, _ = kernel.Panels(a.sizeV)
		v, ldv := a.v.matrix(b, h)
		kernel.PackB(to[a.packedK:], v, a.keys, a.sizeV, ldv, a.v.d != 1, 0, panels)
	}
}

// attnBlocks computes blocks of rows, in the order [batch, head, block].
type attnBlocks attnPlan

func (p *attnBlocks) Do(worker, lo, hi int) {
	a := (*attnPlan)(p)
	own := a.scratch[worker*a.own:][:a.own]
	for i := lo; i < hi; i++ {
		head, first := i/a.blocks, i%a.blocks*a.rows
		a.block(head/a.heads, head%a.heads, first, own)
	}
}

// block computes up to a.rows rows of head h of batch b, from row first on.
func (a *attnPlan) block(b, h, first int, own []float32) {
	rows := min(a.rows, a.seq-first)
	s, own := own[:a.rows*a.scores], own[a.rows*a.scores:]
	buf, own := own[:2*a.keys], own[2*a.keys:]
	factors, own := own[:a.rows], own[a.rows:]
	y, kv := a.y.at(b, h, first), h/a.group
	if a.plain {
		q, ldq := a.q.matrix(b, h)
		k, ldk := a.k.matrix(b, kv)
		kernel.Gemm(rows, a.sees(first+rows-1), a.size, q[first*a.q.s:], ldq, a.q.d != 1, k, ldk, a.k.d == 1, s, a.scores, false)
		a.softmax(s, b, h, first, factors[:rows], buf)
		v, ldv := a.v.matrix(b, kv)
		kernel.Gemm(rows, a.sizeV, a.keys, s, a.scores, false, v, ldv, a.v.d != 1, y, a.y.s, false)
		kernel.ScaleRows(y, a.sizeV, a.y.s, factors[:rows])
		return
	}
	if a.kvBatch() > 1 {
		kv += b * a.kvHeads
	}
	packed := a.heap[kv*a.packed:][:a.packed]
	g := a.scoresGemm(rows)
	g.A, g.B, g.C = a.q.at(b, h, first), packed[:a.packedK], s
	multiply(&g, own, a.sees(first+rows-1))
	a.softmax(s, b, h, first, factors[:rows], buf)
	g = kernel.PackedGemm{M: rows, N: a.sizeV, K: a.keys, A: s, Lda: a.scores, B: packed[a.packedK:], C: y, Ldc: a.y.s}
	multiply(&g, nil, a.sizeV)
	kernel.ScaleRows(y, a.sizeV, a.y.s, factors[:rows])
}

// multiply runs a product of few rows, as far as the first columns; scratch holds A where it must be packed.
func multiply(g *kernel.PackedGemm, scratch []float32, columns int) {
	pack := g.Plan() > 0
	if pack {
		g.SetScratch(scratch)
	}
	blocks, _ := g.Grid()
	panels, _ := kernel.Panels(columns)
	for i := range blocks {
		if pack {
			g.PackA(i)
		}
		g.Run(i, 0, panels)
	}
}

// sees is the number of keys that row q sees, from the first on.
func (a *attnPlan) sees(q int) int {
	if a.causal {
		return min(max(q+1+a.keys-a.seq, 0), a.keys)
	}
	return a.keys
}

// softmax turns rows of scores, of queries from q on, into weights, and sets factors to what their sums with V are to be multiplied with.
func (a *attnPlan) softmax(s []float32, b, h, q int, factors, buf []float32) {
	n := a.sees(q)
	if a.causal && len(factors) > 1 || a.masks[0].shared(a.keys) || a.masks[1].shared(a.keys) {
		for r := range factors {
			a.softmaxRows(s[r*a.scores:], a.sees(q+r), b, h, q+r, factors[r:r+1], buf)
		}
		return
	}
	a.softmaxRows(s, n, b, h, q, factors, buf)
}

// softmaxRows is softmax for rows that see the first n keys.
func (a *attnPlan) softmaxRows(s []float32, n, b, h, q int, factors, buf []float32) {
	scale := a.scale
	if a.softcap > 0 {
		for r := range factors {
			row := s[r*a.scores:][:n]
			kernel.Scale(row, scale/a.softcap)
			kernel.Activate(row, row, kernel.Activation{Kind: kernel.ActTanh})
		}
		scale = a.softcap
	}
	t := kernel.Scores{S: s, N: n, Ld: a.scores, Scale: scale, Bias: a.masks[0].row(b, h, q, n, buf), Ldb: a.masks[0].q,
		Mask: a.masks[1].row(b, h, q, n, buf[a.keys:]), Ldm: a.masks[1].q}
	t.Softmax(factors)
	for r, sum := range factors {
		if n < a.keys {
			clear(s[r*a.scores+n:][:a.keys-n])
		}
		factors[r] = 1 / sum
		switch {
		case sum != sum && a.zeroNaN:
			clear(s[r*a.scores:][:n])
			factors[r] = 0
		case sum == 0 && (a.zeroEmpty || a.zeroNaN):
			factors[r] = 0
		case sum == 0:
			factors[r] = float32(math.NaN())
		}
	}
}

// attnDirect is for few rows: each head of K and V is read once, where it lies, for all rows of the heads that share it.
type attnDirect attnPlan

func (p *attnDirect) Do(worker, lo, hi int) {
	a := (*attnPlan)(p)
	own := a.scratch[worker*a.own:][:a.own]
	s, own := own[:a.rows*a.scores], own[a.rows*a.scores:]
	buf := own[:2*a.keys]
	for i := lo; i < hi; i++ {
		b, kv := i/a.kvHeads, i%a.kvHeads
		for first := 0; first < a.keys; first += directKeys {
			k, n := a.k.at(b, kv, first), min(directKeys, a.keys-first)
			for r := range a.rows {
				kernel.DotRows(s[r*a.scores+first:][:n], a.q.at(b, kv*a.group+r/a.seq, r%a.seq)[:a.size], k, a.k.s)
			}
		}
		factors := own[2*a.keys:][:a.rows]
		for r := range a.rows {
			h, q := kv*a.group+r/a.seq, r%a.seq
			a.softmax(s[r*a.scores:], b, h, q, factors[r:r+1], buf)
			clear(a.y.at(b, h, q)[:a.sizeV])
		}
		for first := 0; first < a.keys; first += directKeys {
			v, n := a.v.at(b, kv, first), min(directKeys, a.keys-first)
			for r := range a.rows {
				kernel.AddRows(a.y.at(b, kv*a.group+r/a.seq, r%a.seq)[:a.sizeV], s[r*a.scores+first:][:n], v, a.v.s)
			}
		}
		for r := range a.rows {
			kernel.ScaleRows(a.y.at(b, kv*a.group+r/a.seq, r%a.seq), a.sizeV, 0, factors[r:r+1])
		}
	}
}

// directKeys are read at once by all rows, from the first-level cache after the first.
const directKeys = 64
