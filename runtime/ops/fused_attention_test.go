package ops

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
)

// headTensor is random numbers with the given axes; axes of digits have extent 3.
func headTensor(r *rand.Rand, letters string, b, h, s, d int) *tensor.Tensor {
	shape := make([]int, len(letters))
	n := 1
	for i, c := range letters {
		if shape[i] = 3; c > '9' {
			shape[i] = []int{b, h, s, d}[strings.IndexRune("bhsd", c)]
		}
		n *= shape[i]
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return f32(x, shape...)
}

// element reads element d of position s of head h of batch b.
func element(x *tensor.Tensor, letters string, b, h, s, d int) float64 {
	at := 0
	for i, c := range letters {
		k := int(c - '0')
		if c > '9' {
			k = []int{b, h, s, d}[strings.IndexRune("bhsd", c)]
		}
		if x.Dim(i) == 1 {
			k = 0
		}
		at = at*x.Dim(i) + k
	}
	return x.Float(at)
}

// attentionCase is one attention whose result is computed by its formula in float64.
type attentionCase struct {
	q, k, v, out                         string
	batch, heads, kvHeads, seq, keys, kb int
	size, sizeV                          int
	bias, mask                           []int // shapes
	scale, softcap                       float64
	causal, zeroEmpty, zeroNaN           bool
	low                                  float32 // what the mask has for about half of the keys, and for all keys of the first row
	coarse                               bool    // q and k are whole eighths, so that scores have no rounding errors, which a large scale would make visible
}

func (a *attentionCase) build(r *rand.Rand) optest.Case {
	q := headTensor(r, a.q, a.batch, a.heads, a.seq, a.size)
	k := headTensor(r, a.k, a.kb, a.kvHeads, a.keys, a.size)
	v := headTensor(r, a.v, a.kb, a.kvHeads, a.keys, a.sizeV)
	if a.coarse {
		for _, x := range [][]float32{tensor.Data[float32](q), tensor.Data[float32](k)} {
			for i := range x {
				x[i] = float32(math.Round(float64(x[i])*8) / 8)
			}
		}
	}
	var masks [2]*tensor.Tensor
	for i, s := range [][]int{a.bias, a.mask} {
		if s == nil {
			continue
		}
		x := make([]float32, tensor.Shape(s).Elems())
		for j := range x {
			x[j] = float32(r.NormFloat64())
			if i == 1 && a.low != 0 && (r.IntN(2) == 0 || j < s[len(s)-1]) {
				x[j] = a.low
			}
		}
		masks[i] = f32(x, s...)
	}
	shape := make([]int, 4)
	for i, c := range a.out {
		shape[i] = []int{a.batch, a.heads, a.seq, a.sizeV}[strings.IndexRune("bhsd", c)]
	}
	y := make([]float32, tensor.Shape(shape).Elems())
	for b := range a.batch {
		for h := range a.heads {
			for s := range a.seq {
				a.row(q, k, v, masks, b, h, s, func(d int, x float64) {
					at := 0
					for i, c := range a.out {
						at = at*shape[i] + []int{b, h, s, d}[strings.IndexRune("bhsd", c)]
					}
					y[at] = float32(x)
				})
			}
		}
	}
	in := []*tensor.Tensor{q, k, v, masks[0], masks[1]}
	attrs := []graph.Attr{graph.Str("q", a.q), graph.Str("k", a.k), graph.Str("v", a.v), graph.Str("out", a.out), graph.Float("scale", float32(a.scale)),
		graph.Float("softcap", float32(a.softcap))}
	for name, on := range map[string]bool{"causal": a.causal, "zero_empty": a.zeroEmpty, "zero_nan": a.zeroNaN} {
		if on {
			attrs = append(attrs, graph.Int(name, 1))
		}
	}
	return optest.Case{In: in, Attrs: attrs, Want: []*tensor.Tensor{f32(y, shape...)}, Tol: 2e-5}
}

func (a *attentionCase) row(q, k, v *tensor.Tensor, masks [2]*tensor.Tensor, b, h, s int, set func(d int, x float64)) {
	p, top, sum := make([]float64, a.keys), math.Inf(-1), 0.
	kv := h / max(1, a.heads/max(1, a.kvHeads))
	for j := range p {
		for d := range a.size {
			p[j] += element(q, a.q, b, h, s, d) * element(k, a.k, b, kv, j, d)
		}
		p[j] *= a.scale
		if a.softcap > 0 {
			p[j] = a.softcap * math.Tanh(p[j]/a.softcap)
		}
		for _, m := range masks {
			if m == nil {
				continue
			}
			letters := "bhsd"[4-m.Rank():]
			mb := b
			if m.Rank() == 4 {
				mb = b % m.Dim(0)
			}
			p[j] += element(m, letters, mb, h, s, j)
		}
		if a.causal && j > s+a.keys-a.seq {
			p[j] = math.Inf(-1)
		}
		top = max(top, p[j])
	}
	for j := range p {
		p[j] = math.Exp(p[j] - top)
		sum += p[j]
	}
	for d := range a.sizeV {
		x := 0.
		for j := range p {
			x += p[j] / sum * element(v, a.v, b, kv, j, d)
		}
		if a.zeroEmpty && math.IsInf(top, -1) || a.zeroNaN && sum != sum {
			x = 0
		}
		set(d, x)
	}
}

func TestFusedAttention(t *testing.T) {
	inf := float32(math.Inf(-1))
	cases := map[string]attentionCase{
		"heads first":       {q: "bhsd", k: "bhsd", v: "bhsd", out: "bhsd", batch: 2, heads: 3, kvHeads: 3, kb: 2, seq: 17, keys: 33, size: 8, sizeV: 16, scale: 0.3},
		"one product":       {q: "bs0hd", k: "bs1hd", v: "bs2hd", out: "bshd", batch: 2, heads: 4, kvHeads: 4, kb: 2, seq: 40, keys: 40, size: 16, sizeV: 16, scale: 0.25},
		"batch inside":      {q: "sb0hd", k: "sb1hd", v: "sb2hd", out: "sbhd", batch: 3, heads: 2, kvHeads: 2, kb: 3, seq: 20, keys: 20, size: 5, sizeV: 5, scale: 1},
		"several blocks":    {q: "bshd", k: "bshd", v: "bshd", out: "bshd", batch: 1, heads: 2, kvHeads: 2, kb: 1, seq: 130, keys: 1100, size: 32, sizeV: 40, scale: 0.2},
		"elements first":    {q: "bhds", k: "bhds", v: "bhds", out: "bhsd", batch: 1, heads: 2, kvHeads: 2, kb: 1, seq: 21, keys: 19, size: 12, sizeV: 7, scale: 0.5},
		"no heads":          {q: "bsd", k: "bsd", v: "bsd", out: "bshd", batch: 2, heads: 1, kvHeads: 1, kb: 2, seq: 12, keys: 13, size: 6, sizeV: 6, scale: 1},
		"one step":          {q: "bshd", k: "bhsd", v: "bhsd", out: "bshd", batch: 2, heads: 6, kvHeads: 2, kb: 2, seq: 1, keys: 130, size: 20, sizeV: 24, scale: 0.3, mask: []int{2, 1, 1, 130}, low: -3e38},
		"few steps":         {q: "bshd", k: "bhsd", v: "bhsd", out: "bshd", batch: 1, heads: 2, kvHeads: 1, kb: 1, seq: 4, keys: 70, size: 64, sizeV: 64, scale: 0.125, mask: []int{4, 70}, low: inf, zeroEmpty: true},
		"grouped":           {q: "bshd", k: "bshd", v: "bshd", out: "bshd", batch: 2, heads: 6, kvHeads: 3, kb: 2, seq: 15, keys: 15, size: 8, sizeV: 8, scale: 0.3},
		"one batch of keys": {q: "bhsd", k: "hsd", v: "hsd", out: "bhsd", batch: 3, heads: 2, kvHeads: 2, kb: 1, seq: 10, keys: 9, size: 8, sizeV: 8, scale: 0.3},
		"masked rows":       {q: "bhsd", k: "bhsd", v: "bhsd", out: "bhsd", batch: 2, heads: 2, kvHeads: 2, kb: 2, seq: 11, keys: 12, size: 8, sizeV: 8, scale: 0.3, mask: []int{2, 1, 11, 12}, low: inf},
		"masked rows are 0": {q: "bhsd", k: "bhsd", v: "bhsd", out: "hbsd", batch: 2, heads: 2, kvHeads: 2, kb: 2, seq: 11, keys: 12, size: 8, sizeV: 8, scale: 0.3, mask: []int{11, 12}, low: inf, zeroNaN: true},
		"lowest number":     {q: "bhsd", k: "bhsd", v: "bhsd", out: "bhsd", batch: 2, heads: 2, kvHeads: 2, kb: 2, seq: 11, keys: 12, size: 8, sizeV: 8, scale: 0.3, mask: []int{2, 1, 11, 12}, low: -math.MaxFloat32},
		"windows":           {q: "bs0hd", k: "bs1hd", v: "bs2hd", out: "bshd", batch: 6, heads: 2, kvHeads: 2, kb: 6, seq: 9, keys: 9, size: 8, sizeV: 8, scale: 0.3, bias: []int{1, 2, 9, 9}, mask: []int{3, 1, 9, 9}, low: -100},
		"mask of rows":      {q: "bhsd", k: "bhsd", v: "bhsd", out: "bhsd", batch: 1, heads: 2, kvHeads: 2, kb: 1, seq: 9, keys: 12, size: 8, sizeV: 8, scale: 0.3, bias: []int{2, 9, 1}, mask: []int{1}},
		"capped":            {q: "bhsd", k: "bhsd", v: "bhsd", out: "bhsd", batch: 1, heads: 2, kvHeads: 2, kb: 1, seq: 9, keys: 12, size: 8, sizeV: 8, scale: 0.5, softcap: 1.5, mask: []int{9, 12}, low: -100},
		"causal":            {q: "bhsd", k: "bhsd", v: "bhsd", out: "bshd", batch: 2, heads: 2, kvHeads: 1, kb: 2, seq: 65, keys: 80, size: 8, sizeV: 8, scale: 0.5, causal: true},
		"causal, few keys":  {q: "bhsd", k: "bhsd", v: "bhsd", out: "bhsd", batch: 1, heads: 2, kvHeads: 2, kb: 1, seq: 20, keys: 5, size: 8, sizeV: 8, scale: 0.5, causal: true, mask: []int{20, 5}},
		"causal, 0":         {q: "bhsd", k: "bhsd", v: "bhsd", out: "bhsd", batch: 1, heads: 2, kvHeads: 2, kb: 1, seq: 20, keys: 5, size: 8, sizeV: 8, scale: 0.5, causal: true, zeroEmpty: true, mask: []int{20, 1}},
		"causal steps":      {q: "bhsd", k: "bhsd", v: "bhsd", out: "bhsd", batch: 1, heads: 2, kvHeads: 2, kb: 1, seq: 4, keys: 9, size: 8, sizeV: 8, scale: 0.5, causal: true, softcap: 3},
		"no keys":           {q: "bhsd", k: "bhsd", v: "bhsd", out: "bhsd", batch: 1, heads: 2, kvHeads: 2, kb: 1, seq: 3, keys: 0, size: 4, sizeV: 4, scale: 1},
		"no elements":       {q: "bhsd", k: "bhsd", v: "bhsd", out: "bhsd", batch: 1, heads: 1, kvHeads: 1, kb: 1, seq: 10, keys: 5, size: 0, sizeV: 3, scale: 1},
		"no rows":           {q: "bhsd", k: "bhsd", v: "bhsd", out: "bhsd", batch: 2, heads: 1, kvHeads: 1, kb: 2, seq: 0, keys: 5, size: 2, sizeV: 3, scale: 1},
		"large scores":      {q: "bhsd", k: "bhsd", v: "bhsd", out: "bhsd", batch: 1, heads: 1, kvHeads: 1, kb: 1, seq: 9, keys: 40, size: 4, sizeV: 3, scale: 1000, coarse: true},
	}
	for name, a := range cases {
		h := fnv.New64a()
		h.Write([]byte(name))
		c := a.build(rand.New(rand.NewPCG(1, h.Sum64()))) // numbers that do not depend on the order of the map
		c.Name = name
		optest.Run(t, Registry(), private+"::FusedAttention", []optest.Case{c})
	}
	x := count(1, 2, 3, 4)
	optest.Run(t, Registry(), private+"::FusedAttention", []optest.Case{
		{Name: "another size", In: []*tensor.Tensor{x, count(1, 2, 3, 5), x}, Err: graph.ErrShape},
		{Name: "heads", In: []*tensor.Tensor{count(1, 3, 3, 4), x, x}, Err: graph.ErrShape},
		{Name: "letters", In: []*tensor.Tensor{x, x, x}, Attrs: []graph.Attr{graph.Str("q", "bhss")}, Err: graph.ErrInvalid, Text: `axes "bhss"`},
		{Name: "rank", In: []*tensor.Tensor{x, x, x}, Attrs: []graph.Attr{graph.Str("k", "hsd")}, Err: graph.ErrShape, Text: `axes "hsd" for an input of rank 4`},
		{Name: "index", In: []*tensor.Tensor{x, x, x}, Attrs: []graph.Attr{graph.Str("v", "7hsd")}, Text: "7"},
		{Name: "mask", In: []*tensor.Tensor{x, x, x, count(2, 4)}, Err: graph.ErrShape},
	})
}
