package loss

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// CrossEntropy is −Σ t·log softmax(x) of logits x [N, C, …] over the classes, with targets t that are labels [N, …] or, of a floating-point type, the
// probabilities [N, C, …] of all classes. The mean divides by the sum of the weights of the labels that count; for probabilities, by their number.
type CrossEntropy struct {
	Weight         []float64 `json:"weight"`          // of each class; nil for 1
	IgnoreIndex    int       `json:"ignore_index"`    // label that does not count; it may be no class
	LabelSmoothing float64   `json:"label_smoothing"` // part of a target, from 0 to 1, that is shared among all classes
	Reduction      Reduction `json:"reduction"`
	ClassAxisLast  bool      `json:"class_axis_last"` // logits are [N, …, C]
	Probabilities  bool      `json:"probabilities"`   // targets are declared as probabilities
}

// NewCrossEntropy ignores targets of −100.
func NewCrossEntropy() *CrossEntropy { return &CrossEntropy{IgnoreIndex: -100} }

func (l *CrossEntropy) Targets(out []graph.Type) []Target {
	if l.Probabilities {
		return like(out)
	}
	return []Target{{"y", without(typeAt(out, 0), l.axis())}}
}

func (l *CrossEntropy) axis() int {
	if l.ClassAxisLast {
		return -1
	}
	return 1
}

func (l *CrossEntropy) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "cross-entropy", out, target, 1, 1)
	if !ok {
		return nil
	}
	if l.LabelSmoothing < 0 || l.LabelSmoothing > 1 {
		b.Fail(graph.Invalidf("label smoothing %v is not between 0 and 1", l.LabelSmoothing))
		return nil
	}
	x, t := out[0], target[0]
	labels, probs := without(x.Type, l.axis()), t.Type.DType.IsFloat()
	switch {
	case probs:
		c.alike(x, t)
	case !fits(labels, t.Type):
		b.Fail(graph.Shapef("labels %s for logits %s, want %s", t.Type, x.Type, labels))
	}
	if c.rank(x) < 2 && b.Err() == nil {
		b.Fail(graph.Shapef("logits are %s, want at least a batch and classes", x.Type))
	}
	if b.Err() != nil {
		return nil
	}
	if !l.ClassAxisLast || c.rank(x) == 2 {
		return l.overAxis1(c, x, t)
	}
	classes := b.Op("Shape", x, graph.Int("start", -1))
	if n, ok := x.Type.Shape[c.rank(x)-1].Int(); ok {
		classes = b.Ints(n)
	}
	rows := func(v *graph.Value, more ...graph.Arg) *graph.Value {
		return b.Op("Reshape", v, b.Op("Concat", append(append([]graph.Arg{b.Ints(-1)}, more...), graph.Int("axis", 0))...))
	}
	if probs {
		return l.unflatten(c, l.overAxis1(c, rows(x, classes), rows(t, classes)), x)
	}
	return l.unflatten(c, l.overAxis1(c, rows(x, classes), rows(t)), x)
}

// unflatten gives losses of rows the shape that logits of x [N, …, C] have without the classes.
func (l *CrossEntropy) unflatten(c calc, loss, x *graph.Value) *graph.Value {
	if l.Reduction != None {
		return loss
	}
	return c.Op("Reshape", loss, c.Op("Shape", x, graph.Int("end", -1)), graph.Int("allowzero", 1))
}

func (l *CrossEntropy) overAxis1(c calc, x, t *graph.Value) *graph.Value {
	switch {
	case t.Type.DType.IsFloat():
		return l.probabilities(c, x, t)
	case l.LabelSmoothing == 0:
		return c.likelihood("SoftmaxCrossEntropyLoss", x, t, l.Weight, l.IgnoreIndex, l.Reduction)
	}
	return l.smooth(c, x, t)
}

// likelihood appends one of the standard's losses of labels.
func (c calc) likelihood(op string, x, t *graph.Value, weight []float64, ignore int, r Reduction) *graph.Value {
	if r == "" {
		r = Mean
	}
	if c.Err() == nil && t.Type.DType != tensor.Int64 && t.Type.DType != tensor.Int32 {
		t = c.Op("Cast", t, graph.Int("to", int(tensor.Int64)))
	}
	args := []graph.Arg{x, t}
	if weight != nil {
		args = append(args, c.weights(x, weight))
	}
	return c.Op(op, append(args, graph.Int("ignore_index", ignore), graph.Str("reduction", string(r)))...)
}

// weights are those of the classes, which are axis 1 of x.
func (c calc) weights(x *graph.Value, weight []float64) *graph.Value {
	if c.Err() != nil {
		return nil
	}
	if n, ok := x.Type.Shape[1].Int(); ok && n != len(weight) {
		c.Fail(graph.Shapef("%d weights for %d classes", len(weight), n))
		return nil
	}
	w, err := tensor.FromFloats(c.dtype, weight, len(weight))
	if err != nil {
		c.Fail(err)
		return nil
	}
	return c.Const(w)
}

// smooth is (1 − ε)·L + ε/C·Σ_c L_c, where L_c is the loss that the label c would have.
func (l *CrossEntropy) smooth(c calc, x, t *graph.Value) *graph.Value {
	t = c.Op("Cast", t, graph.Int("to", int(tensor.Int64)))
	log := c.Op("LogSoftmax", x, graph.Int("axis", 1))
	hard := c.likelihood("NegativeLogLikelihoodLoss", log, t, l.Weight, l.IgnoreIndex, None)
	ignored := c.Op("Equal", t, c.Scalar(tensor.Int64, float64(l.IgnoreIndex)))
	soft := c.where(ignored, c.num(0), c.neg(c.sum(l.weighted(c, log), 1)))
	eps := c.div(c.num(l.LabelSmoothing), c.extent(x, 1))
	loss := c.add(c.scale(hard, 1-l.LabelSmoothing), c.mul(soft, eps))
	if l.Reduction != Mean && l.Reduction != "" {
		return c.reduce(loss, l.Reduction)
	}
	weight := c.num(1)
	if l.Weight != nil {
		weight = c.Op("Gather", c.weights(x, l.Weight), c.where(ignored, c.Scalar(tensor.Int64, 0), t))
	}
	return c.div(c.sum(loss), c.sum(c.where(ignored, c.num(0), weight)))
}

// weighted is v [N, C, …] times the weights of the classes.
func (l *CrossEntropy) weighted(c calc, v *graph.Value) *graph.Value {
	if l.Weight == nil || c.Err() != nil {
		return v
	}
	w := c.weights(v, l.Weight)
	if r := c.rank(v); r > 2 {
		axes := make([]int, r-2)
		for i := range axes {
			axes[i] = i + 1
		}
		w = c.Op("Unsqueeze", w, c.Ints(axes...))
	}
	return c.mul(v, w)
}

func (l *CrossEntropy) probabilities(c calc, x, t *graph.Value) *graph.Value {
	t = c.cast(t)
	if e := l.LabelSmoothing; e > 0 {
		t = c.add(c.scale(t, 1-e), c.div(c.num(e), c.extent(x, 1)))
	}
	loss := c.neg(c.sum(l.weighted(c, c.mul(t, c.Op("LogSoftmax", x, graph.Int("axis", 1)))), 1))
	return c.reduce(loss, l.Reduction)
}

// NLL is the negative log-likelihood −x[n, t, …] of labels t [N, …], given log-probabilities x [N, C, …].
type NLL struct {
	Weight      []float64 `json:"weight"`       // of each class; nil for 1
	IgnoreIndex int       `json:"ignore_index"` // label that does not count; it may be no class
	Reduction   Reduction `json:"reduction"`
}

// NewNLL ignores targets of −100.
func NewNLL() *NLL { return &NLL{IgnoreIndex: -100} }

func (l *NLL) Targets(out []graph.Type) []Target { return []Target{{"y", without(typeAt(out, 0), 1)}} }

func (l *NLL) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "negative log-likelihood", out, target, 1, 1)
	if !ok {
		return nil
	}
	if c.rank(out[0]) < 2 && b.Err() == nil {
		b.Fail(graph.Shapef("log-probabilities are %s, want at least a batch and classes", out[0].Type))
	}
	return c.likelihood("NegativeLogLikelihoodLoss", out[0], target[0], l.Weight, l.IgnoreIndex, l.Reduction)
}

// NextToken is the cross-entropy of a language model's logits [N, T, C] with the tokens [N, T] that it read: each position predicts the token that follows.
type NextToken struct {
	IgnoreIndex    int     `json:"ignore_index"`    // token that is no target
	SkipPositions  int     `json:"skip_positions"`  // logits before the first token, as of a prompt that was put in front
	LabelSmoothing float64 `json:"label_smoothing"` // as in [CrossEntropy]
}

// NewNextToken ignores targets of −100.
func NewNextToken() *NextToken { return &NextToken{IgnoreIndex: -100} }

func (l *NextToken) Targets(out []graph.Type) []Target {
	t := without(typeAt(out, 0), -1)
	if l.SkipPositions > 0 && len(t.Shape) == 2 {
		t.Shape[1] = t.Shape[1].Sub(graph.Size(l.SkipPositions))
	}
	return []Target{{"y", t}}
}

// Of shifts the tokens, not the logits, which are many more: the last position and those to skip get the target that is ignored.
func (l *NextToken) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "next-token loss", out, target, 1, 1)
	if !ok {
		return nil
	}
	x, t := out[0], target[0]
	if c.rank(x) != 3 || c.rank(t) != 2 || l.SkipPositions < 0 {
		b.Fail(graph.Shapef("tokens %s for logits %s after %d positions, want [N, T] for [N, T, C]", t.Type, x.Type, l.SkipPositions))
		return nil
	}
	t = b.Op("Cast", t, graph.Int("to", int(tensor.Int64)))
	next := b.Op("Slice", t, b.Ints(1), b.Ints(1<<62), b.Ints(1))
	next = b.Op("Pad", next, b.Ints(0, l.SkipPositions, 0, 1), b.Scalar(tensor.Int64, float64(l.IgnoreIndex)))
	ce := &CrossEntropy{IgnoreIndex: l.IgnoreIndex, LabelSmoothing: l.LabelSmoothing, ClassAxisLast: true}
	return ce.Of(b, []*graph.Value{x}, []*graph.Value{next})
}
