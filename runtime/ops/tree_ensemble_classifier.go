package ops

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// TreeEnsembleClassifier gives rows the label of the class with the highest score, and the scores of all classes. Where the standard leaves two classes open, the results are those
// of ONNX Runtime. Version 5 deprecates it unchanged.
var treeEnsembleClassifier = family(
	&graph.Op{
		Domain: "ai.onnx.ml", Name: "TreeEnsembleClassifier", Since: 5,
		Sig: `(X:T1) -> (Y:T2, Z:f32)
			T1 = f32 f64 i32 i64; T2 = str i64
			` + treeNodesSig + `classlabels_int64s ints; classlabels_strings strings
			class_ids ints; class_nodeids ints; class_treeids ints; class_weights floats; class_weights_as_tensor tensor`,
		Infer: inferTreeClassifier, Run: runTreeClassifier,
	},
	&graph.Op{Since: 3},
	&graph.Op{Since: 1, Sig: treeNodesSig1 + "-class_weights_as_tensor"},
)

// treeClasses are the labels and what is known of the weights.
type treeClasses struct {
	ints     []int64
	strs     []string
	binary   bool // two classes, but weights for only one
	positive bool // no weight is negative
}

// classLabels is how many labels there are, and whether they are strings.
func classLabels(n *graph.Node, ints, strs string) (count int, text bool, err error) {
	if s := n.Strs(strs); len(s) > 0 {
		return len(s), true, nil
	}
	if count = len(n.Ints(ints)); count == 0 {
		err = graph.Invalidf("no class labels")
	}
	return count, false, err
}

func inferTreeClassifier(c *graph.Infer) error {
	count, text, err := classLabels(c.Node, "classlabels_int64s", "classlabels_strings")
	if err != nil {
		return err
	}
	return inferClassifier(c, count, text)
}

// inferClassifier gives the labels (rows) and scores (rows, classes).
func inferClassifier(c *graph.Infer, scores int, text bool) error {
	z := graph.Infer{Node: c.Node, In: c.In, Out: make([]graph.Info, 1)}
	if err := inferTrees(&z, 0, tensor.Float32, scores); err != nil {
		return err
	}
	d := tensor.Int64
	if text {
		d = tensor.String
	}
	c.SetTensor(0, d, z.Out[0].Type.Shape[0])
	c.Set(1, z.Out[0].Type)
	return nil
}

func runTreeClassifier(c *graph.Ctx) error {
	if d := c.In[0].DType(); !d.IsInt() && d != tensor.Float32 && d != tensor.Float64 {
		return graph.Typef("trees over %s", c.In[0])
	}
	if treesInDouble(c) {
		return runClassifier[float64](c)
	}
	return runClassifier[float32](c)
}

func runClassifier[T float32 | float64](c *graph.Ctx) error {
	var z *tensor.Tensor
	if len(c.Out) > 1 {
		z = c.Out[1]
	}
	return runTrees(c, classifier[T], z, c.Out[0])
}

func classifier[T float32 | float64](n *graph.Node) (*ensemble[T], error) {
	count, _, err := classLabels(n, "classlabels_int64s", "classlabels_strings")
	if err != nil {
		return nil, err
	}
	t, err := listedTrees[T](n, "class", count)
	if err != nil {
		return nil, err
	}
	e := &ensemble[T]{Trees: t, targets: count, finish: finishClasses[T]}
	if e.base, e.post, err = treeScores[T](n, count); err != nil {
		return nil, err
	}
	e.class = &treeClasses{ints: n.Ints("classlabels_int64s"), strs: n.Strs("classlabels_strings"), positive: true}
	seen := map[int64]bool{}
	for _, id := range n.Ints("class_ids") {
		seen[id] = true
	}
	e.class.binary = count == 2 && len(seen) == 1
	for _, w := range t.Weights {
		e.class.positive = e.class.positive && w >= 0
	}
	return e, e.aggregate("SUM")
}

// label stores the label of a row: class i, or the bare number i where numbered is set, if labels are no strings.
func (cl *treeClasses) label(labels *tensor.Tensor, row, i int, numbered bool) {
	switch {
	case labels == nil:
	case labels.DType() == tensor.String:
		labels.Strings()[row] = cl.strs[min(i, len(cl.strs)-1)]
	case numbered:
		tensor.Data[int64](labels)[row] = int64(i)
	default:
		tensor.Data[int64](labels)[row] = cl.ints[i]
	}
}

// finishClasses finds the label of a row and transforms and stores its scores.
func finishClasses[T float32 | float64](r *treeRun[T], scores []T, has []bool, row int) {
	if r.targets > 2 {
		for i, b := range r.base {
			scores[i] += b
			has[i] = true
		}
		best := -1
		for i, s := range scores {
			if has[i] && (best < 0 || s > scores[best]) {
				best = i
			}
		}
		r.class.label(r.labels, row, max(best, 0), false)
		kernel.Post(r.post, scores)
	} else {
		scores = finishFew(r, scores, has, row)
	}
	if r.y != nil {
		storeScores(r.y, row*r.targets, scores)
	}
}

// finishFew is finishClasses for one or two classes. Where only the first of two has a score and there are no two base values,
// the second is made from it; otherwise a class without a score gets 0, whatever its base value.
func finishFew[T float32 | float64](r *treeRun[T], scores []T, has []bool, row int) []T {
	second := len(scores) == 2 && has[1]
	switch {
	case len(r.base) == 2 && second:
		scores[1] = r.base[1] + scores[0]
		scores[0] = -scores[1]
	case len(r.base) > 0:
		for i, b := range r.base {
			scores[i] += b
		}
	}
	weight := scores[0]
	if second {
		weight = scores[1]
	}
	limit := T(0)
	if r.class.binary && r.class.positive {
		limit = 0.5
	}
	which := 0
	if weight > limit {
		which = 1
	}
	r.class.label(r.labels, row, which, !r.class.binary)
	if len(scores) == 1 || second || len(r.base) == 2 {
		for i := range scores {
			if !has[i] && len(scores) == 2 {
				scores[i] = 0
			}
		}
		if len(scores) == 2 || r.post == kernel.PostProbit {
			kernel.Post(r.post, scores)
		}
		return scores
	}
	s := scores[0]
	switch {
	case r.post == kernel.PostProbit:
		kernel.Post(r.post, scores[:1])
		scores[1] = 0
	case r.post == kernel.PostLogistic:
		scores[0], scores[1] = -s, s
		kernel.Post(r.post, scores)
	case r.class.binary && r.class.positive:
		scores[0], scores[1] = 1-s, s
	default:
		scores[0], scores[1] = -s, s
	}
	return scores
}
