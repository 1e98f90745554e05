package loss

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Targets of the losses in this file are 1 or −1, except for those of MultiMargin.

// Hinge is max(0, 1 − x·y).
type Hinge struct {
	Squared   bool      `json:"squared"` // the square of it
	Reduction Reduction `json:"reduction"`
}

func NewHinge() *Hinge { return &Hinge{} }

func (l *Hinge) Targets(out []graph.Type) []Target { return like(out) }

func (l *Hinge) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "hinge loss", out, target, 1, 1)
	if !ok {
		return nil
	}
	y := c.cast(target[0])
	c.alike(out[0], y)
	loss := c.relu(c.sub(c.num(1), c.mul(out[0], y)))
	if l.Squared {
		loss = c.square(loss)
	}
	return c.reduce(loss, l.Reduction)
}

// SoftMargin is ln(1 + exp(−x·y)).
type SoftMargin struct {
	Reduction Reduction `json:"reduction"`
}

func NewSoftMargin() *SoftMargin { return &SoftMargin{} }

func (l *SoftMargin) Targets(out []graph.Type) []Target { return like(out) }

func (l *SoftMargin) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "soft margin loss", out, target, 1, 1)
	if !ok {
		return nil
	}
	y := c.cast(target[0])
	c.alike(out[0], y)
	return c.reduce(c.Op("Softplus", c.neg(c.mul(out[0], y))), l.Reduction)
}

// HingeEmbedding is, of distances x, x where y is 1 and max(0, margin − x) where it is −1.
type HingeEmbedding struct {
	Margin    float64   `json:"margin"`
	Reduction Reduction `json:"reduction"`
}

// NewHingeEmbedding has the margin 1.
func NewHingeEmbedding() *HingeEmbedding { return &HingeEmbedding{Margin: 1} }

func (l *HingeEmbedding) Targets(out []graph.Type) []Target { return like(out) }

func (l *HingeEmbedding) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "hinge embedding loss", out, target, 1, 1)
	if !ok {
		return nil
	}
	x, y := out[0], c.cast(target[0])
	c.alike(x, y)
	return c.reduce(c.bySign(y, x, c.relu(c.sub(c.num(l.Margin), x))), l.Reduction)
}

// bySign is a where y is positive, else b.
func (c calc) bySign(y, a, b *graph.Value) *graph.Value {
	return c.where(c.Op("Greater", y, c.num(0)), a, b)
}

// MarginRanking is max(0, margin − y·(a − b)): the first output a should be larger than the second, b, where y is 1, and smaller where it is −1.
type MarginRanking struct {
	Margin    float64   `json:"margin"`
	Reduction Reduction `json:"reduction"`
}

func NewMarginRanking() *MarginRanking { return &MarginRanking{} }

func (l *MarginRanking) Targets(out []graph.Type) []Target { return like(out) }

func (l *MarginRanking) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "margin ranking loss", out, target, 2, 1)
	if !ok {
		return nil
	}
	y := c.cast(target[0])
	c.alike(out[0], out[1])
	c.alike(out[0], y)
	return c.reduce(c.relu(c.sub(c.num(l.Margin), c.mul(y, c.sub(out[0], out[1])))), l.Reduction)
}

// MultiMargin is Σ max(0, margin − x_t + x_c)^p / C over the classes c that are not the label t, of scores [N, C] and labels [N].
type MultiMargin struct {
	P         int       `json:"p"` // 1 or 2
	Margin    float64   `json:"margin"`
	Weight    []float64 `json:"weight"` // of the label's class; nil for 1
	Reduction Reduction `json:"reduction"`
}

// NewMultiMargin has p and the margin 1.
func NewMultiMargin() *MultiMargin { return &MultiMargin{P: 1, Margin: 1} }

func (l *MultiMargin) Targets(out []graph.Type) []Target {
	return []Target{{"y", without(typeAt(out, 0), -1)}}
}

func (l *MultiMargin) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "multi-class margin loss", out, target, 1, 1)
	if !ok {
		return nil
	}
	x, t := out[0], target[0]
	if c.rank(x) != 2 || c.rank(t) != 1 || l.P != 1 && l.P != 2 {
		b.Fail(graph.Shapef("multi-class margin loss with p = %d of scores %s and labels %s, want p = 1 or 2, [N, C] and [N]", l.P, x.Type, t.Type))
		return nil
	}
	t = c.Op("Unsqueeze", c.Op("Cast", t, graph.Int("to", int(tensor.Int64))), c.Ints(1))
	own := c.Op("GatherElements", x, t, graph.Int("axis", 1))
	m := c.relu(c.add(c.sub(c.num(l.Margin), own), x))
	if l.P == 2 {
		m = c.square(m)
	}
	if l.Weight != nil {
		m = c.mul(m, c.Op("Gather", c.weights(x, l.Weight), t))
	}
	classes := c.extent(x, 1)
	// the label's own term, the margin whatever the scores are, does not count
	others := c.Op("Equal", t, c.Op("Range", c.Scalar(tensor.Int64, 0), c.Op("Squeeze", c.Op("Shape", x, graph.Int("start", 1))), c.Scalar(tensor.Int64, 1)))
	return c.reduce(c.div(c.sum(c.where(others, c.num(0), m), 1), classes), l.Reduction)
}

// CosineEmbedding is, with the cosine of the first two outputs [N, D] or [D], 1 − cos where y [N] is 1 and max(0, cos − margin) where it is −1.
type CosineEmbedding struct {
	Margin    float64   `json:"margin"`
	Reduction Reduction `json:"reduction"`
}

func NewCosineEmbedding() *CosineEmbedding { return &CosineEmbedding{} }

func (l *CosineEmbedding) Targets(out []graph.Type) []Target {
	t := without(typeAt(out, 0), -1)
	t.DType = typeAt(out, 0).DType
	return []Target{{"y", t}}
}

func (l *CosineEmbedding) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "cosine embedding loss", out, target, 2, 1)
	if !ok {
		return nil
	}
	c.alike(out[0], out[1])
	dot := func(u, v *graph.Value) *graph.Value { return c.sum(c.mul(u, v), -1) }
	norm := func(u *graph.Value) *graph.Value { return c.add(dot(u, u), c.num(1e-12)) }
	cos := c.div(dot(out[0], out[1]), c.Op("Sqrt", c.mul(norm(out[0]), norm(out[1]))))
	y := c.cast(target[0])
	c.alike(cos, y)
	return c.reduce(c.bySign(y, c.sub(c.num(1), cos), c.relu(c.sub(cos, c.num(l.Margin)))), l.Reduction)
}

// TripletMargin is max(0, margin + d(a, p) − d(a, n)) of an anchor, a positive and a negative example, the first three outputs [N, D]. The distance d(u, v) is the p-norm of
// u − v + eps along the last axis.
type TripletMargin struct {
	Margin    float64   `json:"margin"`
	P         float64   `json:"p"`
	Eps       float64   `json:"eps"`
	Swap      bool      `json:"swap"` // takes the distance from positive to negative example where it is the smaller one
	Reduction Reduction `json:"reduction"`
}

// NewTripletMargin has the margin 1 and Euclidean distances.
func NewTripletMargin() *TripletMargin { return &TripletMargin{Margin: 1, P: 2, Eps: 1e-6} }

func (l *TripletMargin) Targets([]graph.Type) []Target { return nil }

func (l *TripletMargin) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "triplet loss", out, target, 3, 0)
	if !ok {
		return nil
	}
	if l.P < 1 {
		b.Fail(graph.Invalidf("p is %v, want at least 1", l.P))
		return nil
	}
	a, p, n := out[0], out[1], out[2]
	c.alike(a, p)
	c.alike(a, n)
	far := l.distance(c, a, n)
	if l.Swap {
		far = c.Op("Min", far, l.distance(c, p, n))
	}
	return c.reduce(c.relu(c.add(c.sub(l.distance(c, a, p), far), c.num(l.Margin))), l.Reduction)
}

func (l *TripletMargin) distance(c calc, u, v *graph.Value) *graph.Value {
	d := c.add(c.sub(u, v), c.num(l.Eps))
	last := []graph.Arg{c.Ints(-1), graph.Int("keepdims", 0)}
	switch {
	case l.P == 1:
		return c.Op("ReduceL1", append([]graph.Arg{d}, last...)...)
	case l.P == 2:
		return c.Op("ReduceL2", append([]graph.Arg{d}, last...)...)
	case math.IsInf(l.P, 1):
		return c.Op("ReduceMax", append([]graph.Arg{c.Op("Abs", d)}, last...)...)
	}
	s := c.sum(c.Op("Pow", c.Op("Abs", d), c.num(l.P)), -1)
	return c.Op("Pow", s, c.num(1/l.P))
}
