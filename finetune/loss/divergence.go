package loss

import "github.com/onnxrun/onnxrun/graph"

// KLDiv is the Kullback–Leibler divergence y·(ln y − x) of log-probabilities x from probabilities y.
type KLDiv struct {
	LogTarget bool      `json:"log_target"` // the target is ln y
	Reduction Reduction `json:"reduction"`
}

// NewKLDiv has the mean over the batch, which is the divergence; PyTorch's module, not its users, has the mean over all elements.
func NewKLDiv() *KLDiv { return &KLDiv{Reduction: BatchMean} }

func (l *KLDiv) Targets(out []graph.Type) []Target { return like(out) }

func (l *KLDiv) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "divergence", out, target, 1, 1)
	if !ok {
		return nil
	}
	x, y := out[0], c.cast(target[0])
	c.alike(x, y)
	if l.LogTarget {
		return c.reduce(c.divergence(c.Op("Exp", y), y, x), l.Reduction)
	}
	some := c.Op("Greater", y, c.num(0)) // 0·ln 0 is 0
	return c.reduce(c.sub(c.mul(y, c.Op("Log", c.where(some, y, c.num(1)))), c.mul(y, x)), l.Reduction)
}

// divergence is p·(log − x) of probabilities p with their logarithms.
func (c calc) divergence(p, log, x *graph.Value) *graph.Value { return c.mul(p, c.sub(log, x)) }

// Distill teaches a student what a teacher says: alpha·T²·KL + (1 − alpha)·CE with the divergence of the student's softmax from the teacher's, both of logits [N, C] divided by
// the temperature T, and the cross-entropy with the labels (Hinton et al. 2015, "Distilling the knowledge in a neural network"). Targets are labels and the
// teacher's logits.
type Distill struct {
	Temperature float64 `json:"temperature"`
	Alpha       float64 `json:"alpha"`
	IgnoreIndex int     `json:"ignore_index"` // label that does not count in the cross-entropy
}

// NewDistill has the temperature 2 and alpha 1/2.
func NewDistill() *Distill { return &Distill{Temperature: 2, Alpha: 0.5, IgnoreIndex: -100} }

func (l *Distill) Targets(out []graph.Type) []Target {
	return []Target{{"y", without(typeAt(out, 0), 1)}, {"teacher", typeAt(out, 0)}}
}

func (l *Distill) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "distillation", out, target, 1, 2)
	if !ok {
		return nil
	}
	if l.Temperature <= 0 {
		b.Fail(graph.Invalidf("temperature %v, want more than 0", l.Temperature))
		return nil
	}
	x, teacher := out[0], c.stop(c.cast(target[1]))
	c.alike(x, teacher)
	soft := func(v *graph.Value) *graph.Value {
		return c.Op("LogSoftmax", c.scale(v, 1/l.Temperature), graph.Int("axis", -1))
	}
	log := soft(teacher)
	kl := c.reduce(c.divergence(c.Op("Exp", log), log, soft(x)), BatchMean)
	ce := NewCrossEntropy()
	ce.IgnoreIndex = l.IgnoreIndex
	return c.add(c.scale(kl, l.Alpha*l.Temperature*l.Temperature), c.scale(ce.Of(b, out[:1], target[:1]), 1-l.Alpha))
}

// InfoNCE is the cross-entropy of finding among all keys, the second output [N, D], the one that belongs to each query, the first output [N, D], by their cosines divided by
// the temperature (van den Oord et al. 2018, "Representation learning with contrastive predictive coding"). A third output [M, D] is further keys that belong to none.
type InfoNCE struct {
	Temperature float64   `json:"temperature"`
	Symmetric   bool      `json:"symmetric"` // the mean with the loss of finding queries by keys, as CLIP does
	Reduction   Reduction `json:"reduction"`
}

// NewInfoNCE has the temperature 0.1.
func NewInfoNCE() *InfoNCE { return &InfoNCE{Temperature: 0.1} }

func (l *InfoNCE) Targets([]graph.Type) []Target { return nil }

func (l *InfoNCE) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "InfoNCE", out, target, 2, 0)
	if !ok {
		return nil
	}
	if l.Temperature <= 0 {
		b.Fail(graph.Invalidf("temperature %v, want more than 0", l.Temperature))
		return nil
	}
	if c.rank(out[0]) != 2 {
		b.Fail(graph.Shapef("queries are %s, want [N, D]", out[0].Type))
		return nil
	}
	c.alike(out[0], out[1])
	unit := func(v *graph.Value) *graph.Value {
		n := c.Op("ReduceL2", v, c.Ints(-1), graph.Int("keepdims", 1))
		return c.div(v, c.Op("Max", n, c.num(1e-12)))
	}
	q, k := unit(out[0]), unit(out[1])
	keys := k
	if len(out) > 2 && out[2] != nil {
		keys = c.Op("Concat", k, unit(c.cast(out[2])), graph.Int("axis", 0))
	}
	logits := func(q, k *graph.Value) *graph.Value {
		return c.scale(c.Op("MatMul", q, c.Op("Transpose", k, graph.Ints("perm", 1, 0))), 1/l.Temperature)
	}
	own := c.scale(c.sum(c.mul(q, k), -1), 1/l.Temperature)
	miss := func(v *graph.Value) *graph.Value {
		return c.sub(c.Op("ReduceLogSumExp", v, c.Ints(1), graph.Int("keepdims", 0)), own)
	}
	loss := miss(logits(q, keys))
	if l.Symmetric {
		loss = c.scale(c.add(loss, miss(logits(k, q))), 0.5)
	}
	return c.reduce(loss, l.Reduction)
}
