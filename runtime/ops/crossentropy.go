package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// crossEntropy is what the loss of a batch and its gradient have in common: scores seen as outer × classes × inner, with a label for each outer × inner.
type crossEntropy struct {
	outer, classes, inner int
	labels, weights       *tensor.Tensor // weights may be nil
	ignore                float64        // NaN: none
}

func newCrossEntropy(c *graph.Ctx, scores, labels, weights *tensor.Tensor) (crossEntropy, error) {
	e := crossEntropy{labels: labels, weights: weights, ignore: math.NaN()}
	if scores.Rank() < 2 {
		return e, graph.Shapef("scores are %s, want at least a batch and classes", scores)
	}
	var err error
	if e.outer, e.classes, e.inner, err = split(scores.Shape(), 1); err != nil {
		return e, err
	}
	if labels.Len() != e.outer*e.inner || labels.Rank() != scores.Rank()-1 {
		return e, graph.Shapef("labels %s for scores %s", labels, scores)
	}
	if weights != nil && weights.Len() != e.classes {
		return e, graph.Shapef("weights %s for %d classes", weights, e.classes)
	}
	if c.Node.HasAttr("ignore_index") {
		e.ignore = float64(c.Node.Int("ignore_index"))
	}
	return e, nil
}

// label is the class at a position, and its weight; the class is -1 where the label does not count.
func (e *crossEntropy) label(i int) (class int, weight float64, err error) {
	v := e.labels.Float(i)
	switch {
	case v == e.ignore:
		return -1, 0, nil
	case v < 0 || v >= float64(e.classes):
		return 0, 0, graph.Shapef("label %v among %d classes", v, e.classes)
	case e.weights != nil:
		return int(v), e.weights.Float(int(v)), nil
	}
	return int(v), 1, nil
}

// at is where the score of a class at a position is.
func (e *crossEntropy) at(i, class int) int {
	return (i/e.inner*e.classes+class)*e.inner + i%e.inner
}

func runCrossEntropy(c *graph.Ctx) error {
	switch c.In[0].DType() {
	case tensor.Float32:
		return crossEntropyOf[float32](c)
	case tensor.Float64:
		return crossEntropyOf[float64](c)
	}
	return graph.Typef("cross-entropy of %s", c.In[0])
}

func crossEntropyOf[T float32 | float64](c *graph.Ctx) error {
	e, err := newCrossEntropy(c, c.In[0], c.In[1], c.Input(2))
	if err != nil {
		return err
	}
	x := tensor.Data[T](c.In[0])
	var log []T
	if len(c.Out) > 1 && c.Out[1] != nil {
		log = tensor.Data[T](c.Out[1])
	} else if log, err = graph.Scratch[T](c, len(x)); err != nil {
		return err
	}
	if x32, ok := any(x).([]float32); ok && e.inner == 1 {
		rows := softmaxArgs{x: x32, y: any(log).([]float32), n: e.classes}
		graph.For(c, e.outer, 1+1<<15/max(e.classes, 1), rows, func(a *softmaxArgs, _, lo, hi int) {
			kernel.LogSoftmaxRows(a.y[lo*a.n:hi*a.n], a.x[lo*a.n:hi*a.n], a.n)
		})
	} else {
		graph.Parallel(c, e.outer*e.inner, 1+8192/max(e.classes, 1), logSoftmaxRows[T]{x, log, e.classes, e.inner})
	}
	each, every := tensor.Data[T](c.Out[0]), c.Node.Str("reduction") == "none"
	sum, total := 0.0, 0.0
	for i := range e.outer * e.inner {
		class, w, err := e.label(i)
		if err != nil {
			return err
		}
		loss := 0.0
		if class >= 0 {
			loss = -w * float64(log[e.at(i, class)])
		}
		sum, total = sum+loss, total+w
		if every {
			each[i] = T(loss)
		}
	}
	if !every {
		if c.Node.Str("reduction") == "mean" {
			sum /= total
		}
		each[0] = T(sum)
	}
	return nil
}

// crossEntropyGrad: (softmax − onehot)·weight, divided by the sum of the weights for the mean. Of the log-probabilities it is what logSoftmaxGrad says. A weight has the
// losses of its class, of which the mean takes off itself.
func crossEntropyGrad(r rule) []*graph.Value {
	log, weights := r.want(1), r.input(2)
	attrs := []graph.Arg{graph.Str("reduction", r.n.Str("reduction"))}
	if r.n.HasAttr("ignore_index") {
		attrs = append(attrs, graph.Int("ignore_index", r.n.Int("ignore_index")))
	}
	var dx, dw *graph.Value
	if r.has(0) {
		dx = r.Op("ai.onnxrun::SoftmaxCrossEntropyGrad", append([]graph.Arg{log, r.x(1), r.g(0), weights}, attrs...)...)
		if weights != nil {
			dw = r.classWeightGrad(log, weights)
		}
	}
	if r.has(1) {
		d := r.sub(r.g(1), r.mul(r.Op("Exp", log), r.Op("ReduceSum", r.g(1), r.Ints(1))))
		if dx != nil {
			d = r.add(dx, d)
		}
		dx = d
	}
	return []*graph.Value{dx, nil, dw}
}

func (r rule) classWeightGrad(log, weights *graph.Value) *graph.Value {
	labels := r.x(1)
	counts := func(v *graph.Value) *graph.Value { return v }
	if r.n.HasAttr("ignore_index") {
		d := labels.Type.DType
		ignored := r.Op("Equal", labels, r.Scalar(d, float64(r.n.Int("ignore_index"))))
		labels = r.where(ignored, r.Scalar(d, 0), labels)
		counts = func(v *graph.Value) *graph.Value { return r.where(ignored, r.num(0), v) }
	}
	loss := r.neg(r.Op("Squeeze", r.Op("GatherElements", log, r.Op("Unsqueeze", labels, r.Ints(1)), graph.Int("axis", 1)), r.Ints(1)))
	if r.n.Str("reduction") == "mean" {
		total := r.Op("ReduceSum", counts(r.Op("Gather", weights, labels)), graph.Int("keepdims", 0))
		loss = r.div(r.sub(loss, r.y(0)), total)
	}
	d := r.Op("Reshape", r.mul(counts(loss), r.g(0)), r.Ints(-1))
	return r.Op("ScatterElements", r.ZerosLike(weights), r.Op("Reshape", labels, r.Ints(-1)), d, graph.Str("reduction", "add"))
}

// SoftmaxCrossEntropyGrad is the gradient of SoftmaxCrossEntropyLoss by the scores, given their log-probabilities and the gradient of the loss.
var softmaxCrossEntropyGradient = family(&graph.Op{
	Domain: private, Name: "SoftmaxCrossEntropyGrad", Since: 1,
	Sig: `(log_prob:T, labels:Tind, dloss:T, weights?:T) -> (dscores:T)
		T = float; Tind = i32 i64
		ignore_index int; reduction string = mean`,
	Infer: graph.Same,
	Run: halves(func(c *graph.Ctx) error {
		switch c.In[0].DType() {
		case tensor.Float32:
			return crossEntropyGradOf[float32](c)
		case tensor.Float64:
			return crossEntropyGradOf[float64](c)
		}
		return graph.Typef("gradient of the cross-entropy of %s", c.In[0])
	}),
})

type crossEntropyGradArgs[T float32 | float64] struct {
	crossEntropy
	log, dx, g []T
	scale      float64 // of the gradient of each position
}

func crossEntropyGradOf[T float32 | float64](c *graph.Ctx) error {
	e, err := newCrossEntropy(c, c.In[0], c.In[1], c.Input(3))
	if err != nil {
		return err
	}
	a := crossEntropyGradArgs[T]{e, tensor.Data[T](c.In[0]), tensor.Data[T](c.Out[0]), tensor.Data[T](c.In[2]), 1}
	n, total := e.outer*e.inner, 0.0
	for i := range n {
		_, w, err := e.label(i)
		if err != nil {
			return err
		}
		total += w
	}
	want := 1
	switch c.Node.Str("reduction") {
	case "none":
		want = n
	case "mean":
		a.scale = 1 / total
	}
	if len(a.g) != want {
		return graph.Shapef("gradient %s of the cross-entropy with labels %s", c.In[2], c.In[1])
	}
	graph.Parallel(c, n, 1+1<<14/max(e.classes, 1), a)
	return nil
}

// Do takes positions.
func (a *crossEntropyGradArgs[T]) Do(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		class, w, _ := a.label(i) // checked before
		g := a.g[0]
		if len(a.g) > 1 {
			g = a.g[i]
		}
		g *= T(w * a.scale)
		switch from := a.at(i, 0); {
		case class < 0:
			for k := range a.classes {
				a.dx[from+k*a.inner] = 0
			}
		case a.inner == 1:
			expRow(a.dx[from:from+a.classes], a.log[from:from+a.classes], g)
		default:
			for k := range a.classes {
				at := from + k*a.inner
				a.dx[at] = g * T(math.Exp(float64(a.log[at])))
			}
		}
		if class >= 0 {
			at := a.at(i, class)
			a.dx[at] = g * T(math.Expm1(float64(a.log[at])))
		}
	}
}

// expRow writes g·eˣ.
func expRow[T float32 | float64](y, x []T, g T) {
	if x32, ok := any(x).([]float32); ok {
		kernel.Activate(any(y).([]float32), x32, kernel.Activation{Kind: kernel.ActExp})
		for i := range y {
			y[i] *= g
		}
		return
	}
	for i, v := range x {
		y[i] = g * T(math.Exp(float64(v)))
	}
}
