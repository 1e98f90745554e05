package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// runAttention computes half types in float32, with each intermediate result rounded as the definition in simpler operators has it.
func runAttention(c *graph.Ctx) error {
	switch c.In[attnQ].DType() {
	case tensor.Float16:
		return attentionFloat16(c)
	case tensor.BFloat16:
		return attentionBFloat16(c)
	case tensor.Float64:
		return attend(c, kernel.GemmOf[float64], nil, nil)
	case tensor.Float32:
		return attentionFloat32(c)
	}
	return graph.Typef("attention of %s", c.In[attnQ])
}

var (
	attentionFloat16  = halves(attendFloat16)
	attentionBFloat16 = halves(attendBFloat16)
	attentionFloat32  = halves(attendFloat32) // the values may be half types
)

func attendFloat16(c *graph.Ctx) error {
	return attend(c, kernel.Gemm, kernel.RoundFloat16, attnSoftmax(c, kernel.SoftmaxFloat16))
}

func attendBFloat16(c *graph.Ctx) error {
	return attend(c, kernel.Gemm, kernel.RoundBFloat16, attnSoftmax(c, kernel.SoftmaxBFloat16))
}

func attendFloat32(c *graph.Ctx) error {
	return attend(c, kernel.Gemm, nil, attnSoftmax(c, nil))
}

// attnSoftmax is the softmax of the type of the attribute softmax_precision, or else of Q; nil is that of T itself.
func attnSoftmax(c *graph.Ctx, own func([]float32)) func([]float32) {
	switch tensor.DType(c.Node.Int("softmax_precision")) {
	case tensor.Float16:
		return kernel.SoftmaxFloat16
	case tensor.BFloat16:
		return kernel.SoftmaxBFloat16
	case tensor.Float32, tensor.Float64:
		return nil
	}
	return own
}

// attn is the task of one run: an item is a block of rows of one head of one batch.
type attn[T float32 | float64] struct {
	attnDims
	gemm             gemmFunc[T]
	round            func([]T) // to the type of Q; nil when that is T
	soft             func([]T) // softmax of a row of another type; nil when that is T
	q, k, v, y, mask []T
	qk, scores, rows []T // qk is nil when nobody wants it; rows holds scaled queries of half types
	lens             []int64
	ldq, ldy         int
	kAt, vAt         attnSteps
	scale, softcap   T
	mode, block      int
	causal           bool
	left, right      int // -1 is unbounded
}

func attend[T float32 | float64](c *graph.Ctx, gemm gemmFunc[T], round, soft func([]T)) error {
	shapes := [7]tensor.Shape{}
	for i := range shapes {
		if t := c.Input(i); t != nil {
			shapes[i] = t.Shape()
		}
	}
	d, err := attnDimsOf(c.Node, shapes[:])
	if err != nil {
		return err
	}
	a := attn[T]{
		attnDims: d, gemm: gemm, round: round, soft: soft, causal: c.Node.Bool("is_causal"), mode: c.Node.Int("qk_matmul_output_mode"),
		left: -1, right: -1, softcap: T(c.Node.Float("softcap")), scale: T(1 / math.Sqrt(float64(max(d.size, 1)))),
	}
	if s, ok := c.Node.Attr("scale").(float32); ok {
		a.scale = T(s)
	}
	if w, ok := c.Node.Attr("left_window_size").(int64); ok {
		a.left = int(max(w, -1))
	}
	if w, ok := c.Node.Attr("right_window_size").(int64); ok {
		a.right = int(max(w, -1))
	}
	if t := c.Input(attnLen); t != nil {
		a.lens = tensor.Data[int64](t)
	}
	if err := a.operands(c); err != nil {
		return err
	}
	if a.batch*a.heads*a.seq == 0 {
		return nil
	}
	// Blocks have enough rows to make up for packing K and V, and follow from the shapes alone.
	a.block = min(max(16, tileWork/max(1, a.total*(a.size+a.sizeV))), 64, max(a.seq, 1))
	workers := c.Exec().Workers()
	if a.scores, err = graph.Scratch[T](c, workers*a.block*a.total); err != nil {
		return err
	}
	if round != nil {
		if a.rows, err = graph.Scratch[T](c, workers*a.block*a.size); err != nil {
			return err
		}
	}
	work := max(1, a.block*a.total*(a.size+a.sizeV))
	graph.Parallel(c, a.batch*a.heads*((a.seq+a.block-1)/a.block), max(1, tileWork/work), a)
	return nil
}

// Do computes the blocks lo to hi-1, in the order [batch, head, rows].
func (a *attn[T]) Do(worker, lo, hi int) {
	blocks := (a.seq + a.block - 1) / a.block
	scores := a.scores[worker*a.block*a.total:][:a.block*a.total]
	for i := lo; i < hi; i++ {
		head := i / blocks
		a.rowsOf(worker, head/a.heads, head%a.heads, i%blocks*a.block, scores)
	}
}

// rowsOf computes up to block rows of one head, from row first on.
func (a *attn[T]) rowsOf(worker, b, h, first int, s []T) {
	rows := min(a.block, a.seq-first)
	kv := h / (a.heads / a.kvHeads)
	qAt, yAt := ((b*a.heads+h)*a.seq+first)*a.size, ((b*a.heads+h)*a.seq+first)*a.sizeV
	if a.flat {
		qAt, yAt = (b*a.seq+first)*a.ldq+h*a.size, (b*a.seq+first)*a.ldy+h*a.sizeV
	}
	kAt, vAt := b*a.kAt.batch+kv*a.kAt.head, b*a.vAt.batch+kv*a.vAt.head
	// Keys past the last one that any of the rows sees are left out, unless somebody wants their products.
	keys := a.total
	if _, end := a.sees(b, first+rows-1); a.qk == nil && a.round == nil {
		keys = end
	}
	s = s[:rows*keys]
	if keys > 0 && rows > 0 {
		a.product(worker, rows, keys, qAt, kAt, s)
	}
	for r := range rows {
		row := s[r*keys:][:keys]
		at := ((b*a.heads+h)*a.seq + first + r) * a.total
		a.keep(0, at, row)
		if a.softcap > 0 {
			kernel.Softcap(row, a.softcap)
			if a.round != nil {
				a.round(row)
			}
		}
		a.keep(1, at, row)
		from, to := a.sees(b, first+r)
		to = min(to, keys)
		var mask []T
		if a.mask != nil || a.maskLen > 0 {
			to = min(to, a.maskLen)
			mask = a.mask[b*a.maskB+h*a.maskH+(first+r)*a.maskQ:][:a.maskLen]
		}
		visible := kernel.AddMask(row, mask, min(from, to), to)
		if a.round != nil {
			a.round(row)
		}
		a.keep(2, at, row)
		if !visible {
			clear(row)
		} else {
			if a.soft != nil {
				a.soft(row)
			} else {
				kernel.Softmax(row, row, 0, len(row), 1)
			}
			if a.round != nil {
				a.round(row)
			}
		}
		a.keep(3, at, row)
	}
	if a.sizeV > 0 && rows > 0 {
		a.gemm(rows, a.sizeV, keys, s, keys, false, a.v[min(vAt, len(a.v)):], a.vAt.key, false, a.y[yAt:], a.ldy, false)
	}
}

// product computes the scaled scores of rows × keys.
func (a *attn[T]) product(worker, rows, keys, qAt, kAt int, s []T) {
	if a.size == 0 {
		clear(s)
		return
	}
	if a.round == nil {
		a.gemm(rows, keys, a.size, a.q[qAt:], a.ldq, false, a.k[kAt:], a.kAt.key, true, s, keys, false)
		for i := range s {
			s[i] *= a.scale
		}
		return
	}
	q := a.rows[worker*a.block*a.size:][:rows*a.size]
	f := a.rootScale()
	for r := range rows {
		for i, v := range a.q[qAt+r*a.ldq:][:a.size] {
			q[r*a.size+i] = v * f
		}
	}
	a.round(q)
	a.gemm(rows, keys, a.size, q, a.size, false, a.k[kAt:], a.kAt.key, true, s, keys, false)
	a.round(s)
}

// sees is the range of keys that row i may see, but for the mask.
func (a *attn[T]) sees(b, i int) (from, to int) {
	to = a.total
	pos := i + a.past
	if a.lens != nil {
		n := int(min(max(a.lens[b], 0), int64(a.total)))
		to = n
		if a.past == 0 {
			pos = i + n - a.seq
		}
	}
	if a.causal {
		to = min(to, pos+1)
	}
	if a.right >= 0 && a.right < a.total+a.seq { // a larger one reaches everything
		to = min(to, pos+a.right+1)
	}
	if a.left >= 0 && a.left < a.total+a.seq {
		from = max(0, pos-a.left)
	}
	return from, max(to, 0)
}

// keep copies a row into qk_matmul_output when that shows what the row is now.
func (a *attn[T]) keep(mode, at int, row []T) {
	if a.qk != nil && a.mode == mode {
		copy(a.qk[at:], row)
	}
}
