package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// SVMRegressor is Σ coefficient·K(x, support vector) + rho, or x·coefficients + rho without support vectors. For one class it is 1 or −1, the side on which x lies.
var svmRegressor = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "SVMRegressor", Since: 1,
	Sig: `(X:T) -> (Y:f32)
		T = f32 f64 i32 i64
		coefficients floats; kernel_params floats; kernel_type string = LINEAR; n_supports int = 0; one_class int = 0; post_transform string = NONE; rho floats; support_vectors floats`,
	Infer: inferSVMRegressor, Run: runSVMRegressor,
})

// SVMClassifier votes between all pairs of classes by the sign of Σ coefficient·K(x, support vector) + rho. The scores are those of the pairs, or probabilities of the classes where prob_a and prob_b
// are given (Platt scaling, Wu, Lin and Weng's coupling: https://www.csie.ntu.edu.tw/~cjlin/papers/svmprob/svmprob.pdf). Without support vectors every class has
// a linear score of its own.
var svmClassifier = family(&graph.Op{
	Domain: "ai.onnx.ml", Name: "SVMClassifier", Since: 1,
	Sig: `(X:T1) -> (Y:T2, Z:f32)
		T1 = f32 f64 i32 i64; T2 = str i64
		classlabels_ints ints; classlabels_strings strings; coefficients floats; kernel_params floats; kernel_type string = LINEAR; post_transform string = NONE
		prob_a floats; prob_b floats; rho floats; support_vectors floats; vectors_per_class ints`,
	Infer: inferSVMClassifier, Run: runSVMClassifier,
})

// svm is a model as its attributes describe it.
type svm struct {
	vectors, coefficients, rho, params []float32
	kind                               string
	count, features                    int // of support vectors
	classes, pairs                     int
	starts                             []int // of each class's vectors, and the end
}

// newSVM reads the attributes that both operators have; features are known by the vectors, or by the coefficients of a linear model with that many rows.
func newSVM(n *graph.Node, count, rows int) (*svm, error) {
	s := &svm{vectors: n.Floats("support_vectors"), coefficients: n.Floats("coefficients"), rho: n.Floats("rho"), params: n.Floats("kernel_params"), kind: n.Str("kernel_type"), count: count}
	if len(s.params) == 0 {
		s.params = []float32{0, 0, 0}
	}
	if count < 0 || len(s.params) < 3 || len(s.rho) == 0 || rows < 1 {
		return nil, graph.Invalidf("%d support vectors, %d kernel_params, %d rho", count, len(s.params), len(s.rho))
	}
	switch s.kind {
	case "LINEAR", "POLY", "RBF", "SIGMOID":
	default:
		return nil, graph.Invalidf("kernel_type %q", s.kind)
	}
	if count == 0 {
		s.kind = "LINEAR"
		s.features = len(s.coefficients) / rows
		return s, nil
	}
	s.features = len(s.vectors) / count
	if len(s.vectors)%count != 0 || len(s.coefficients) < count {
		return nil, graph.Invalidf("%d numbers of %d support vectors with %d coefficients", len(s.vectors), count, len(s.coefficients))
	}
	return s, nil
}

func (s *svm) fits(c *graph.Infer) error {
	if d, ok := c.Shape(0); ok && len(d) > 0 && d[len(d)-1].IsInt() && !d[len(d)-1].Is(s.features) {
		return graph.Shapef("a model of %d features for %s", s.features, c.Type(0))
	}
	return nil
}

// dot is the kernel of a row of x and a vector.
func (s *svm) dot(x *tensor.Tensor, row int, v []float32) float64 {
	sum := 0.0
	for i, w := range v {
		a := x.Float(row*s.features + i)
		if s.kind == "RBF" {
			sum += (a - float64(w)) * (a - float64(w))
		} else {
			sum += a * float64(w)
		}
	}
	gamma, coef0, degree := float64(s.params[0]), float64(s.params[1]), float64(s.params[2])
	switch s.kind {
	case "POLY":
		return math.Pow(gamma*sum+coef0, math.Trunc(degree))
	case "RBF":
		return math.Exp(-gamma * sum)
	case "SIGMOID":
		return math.Tanh(gamma*sum + coef0)
	}
	return sum
}

func inferSVMRegressor(c *graph.Infer) error {
	s, err := newSVM(c.Node, c.Node.Int("n_supports"), 1)
	if err != nil {
		return err
	}
	if err := s.fits(c); err != nil {
		return err
	}
	return inferTrees(c, 0, tensor.Float32, 1)
}

func runSVMRegressor(c *graph.Ctx) error {
	s, err := newSVM(c.Node, c.Node.Int("n_supports"), 1)
	if err != nil {
		return err
	}
	post, ok := kernel.FindPostTransform(c.Node.Str("post_transform"))
	if !ok {
		return graph.Invalidf("post_transform %q", c.Node.Str("post_transform"))
	}
	rows, _ := treeSize(c.In[0])
	for r := range rows {
		y := [1]float64{float64(s.rho[0])}
		if s.count == 0 {
			y[0] += s.dot(c.In[0], r, s.coefficients)
		}
		for j := range s.count {
			y[0] += float64(s.coefficients[j]) * s.dot(c.In[0], r, s.vectors[j*s.features:(j+1)*s.features])
		}
		if c.Node.Bool("one_class") {
			if y[0] > 0 {
				y[0] = 1
			} else {
				y[0] = -1
			}
		} else if post == kernel.PostProbit || post == kernel.PostLogistic {
			kernel.Post(post, y[:])
		}
		storeScores(c.Out[0], r, y[:])
	}
	return nil
}

// newClassSVM reads a classifier.
func newClassSVM(n *graph.Node) (*svm, bool, error) {
	classes, text, err := classLabels(n, "classlabels_ints", "classlabels_strings")
	if err != nil {
		return nil, false, err
	}
	per := n.Ints("vectors_per_class")
	starts := []int{0}
	for _, k := range per {
		if k < 0 || k > int64(len(n.Floats("support_vectors"))) {
			return nil, false, graph.Invalidf("%d vectors of a class", k)
		}
		starts = append(starts, starts[len(starts)-1]+int(k))
	}
	s, err := newSVM(n, starts[len(per)], classes)
	if err != nil {
		return nil, false, err
	}
	s.classes, s.starts, s.pairs = classes, starts, classes*(classes-1)/2
	if s.count > 0 && (len(per) != classes || len(s.coefficients) < (classes-1)*s.count || len(s.rho) < s.pairs) {
		return nil, false, graph.Invalidf("%d vectors_per_class, %d coefficients and %d rho for %d classes", len(per), len(s.coefficients), len(s.rho), classes)
	}
	a, b := len(n.Floats("prob_a")), len(n.Floats("prob_b"))
	if a != b || s.count > 0 && a > 0 && a < s.pairs {
		return nil, false, graph.Invalidf("%d prob_a and %d prob_b for %d pairs of classes", a, b, s.pairs)
	}
	return s, text, nil
}

// columns is the number of scores: of the classes, or of the pairs; of the only pair, both signs.
func (s *svm) columns(n *graph.Node) int {
	if s.count == 0 || len(n.Floats("prob_a")) > 0 || s.classes <= 2 {
		return s.classes
	}
	return s.pairs
}

func inferSVMClassifier(c *graph.Infer) error {
	s, text, err := newClassSVM(c.Node)
	if err != nil {
		return err
	}
	if err := s.fits(c); err != nil {
		return err
	}
	return inferClassifier(c, s.columns(c.Node), text)
}

func runSVMClassifier(c *graph.Ctx) error {
	n := c.Node
	s, _, err := newClassSVM(n)
	if err != nil {
		return err
	}
	post, ok := kernel.FindPostTransform(n.Str("post_transform"))
	if !ok {
		return graph.Invalidf("post_transform %q", n.Str("post_transform"))
	}
	// kernels, votes, scores of pairs, scores of classes, then the matrices of the coupling
	k := s.classes
	buf, err := recurrentScratch[float64](c, s.count+2*k+max(s.pairs, 2)+2*k*k+k)
	if err != nil {
		return err
	}
	dots, buf := buf[:s.count], buf[s.count:]
	votes, buf := buf[:k], buf[k:]
	scores, buf := buf[:max(s.pairs, 2)], buf[max(s.pairs, 2):]
	each, buf := buf[:k], buf[k:]
	cl := treeClasses{ints: n.Ints("classlabels_ints"), strs: n.Strs("classlabels_strings")}
	probA, probB := n.Floats("prob_a"), n.Floats("prob_b")
	rows, _ := treeSize(c.In[0])
	for r := range rows {
		out, ballot := each, each
		if s.count == 0 {
			for j := range each {
				each[j] = float64(s.rho[0]) + s.dot(c.In[0], r, s.coefficients[j*s.features:(j+1)*s.features])
			}
		} else {
			s.vote(c.In[0], r, dots, votes, scores)
			out, ballot = scores[:s.pairs], votes
			if len(probA) > 0 {
				for p, v := range scores[:s.pairs] {
					scores[p] = min(max(1-kernel.Logistic(v*float64(probA[p])+float64(probB[p])), 1e-7), 1-1e-7)
				}
				kernel.Couple(each, scores[:s.pairs], buf)
				out = each
			}
		}
		best := 0
		for i, v := range ballot {
			if v > ballot[best] {
				best = i
			}
		}
		cl.label(c.Out[0], r, best, false)
		if len(out) == 1 && s.classes == 2 {
			out = scores[:2]
			if out[0], out[1] = -out[0], out[0]; post == kernel.PostLogistic {
				kernel.Post(post, out)
			} else if post != kernel.PostNone {
				out[0] = 1 - out[1] // as in ONNX Runtime
			}
		} else {
			kernel.Post(post, out)
		}
		if c.Wants(1) {
			storeScores(c.Out[1], r*s.columns(n), out[:s.columns(n)])
		}
	}
	return nil
}

// vote computes the scores of all pairs of classes and what each class wins.
func (s *svm) vote(x *tensor.Tensor, row int, dots, votes, scores []float64) {
	for j := range dots {
		dots[j] = s.dot(x, row, s.vectors[j*s.features:(j+1)*s.features])
	}
	clear(votes)
	pair := 0
	for i := range s.classes {
		for j := i + 1; j < s.classes; j++ {
			sum := float64(s.rho[pair])
			for v := s.starts[i]; v < s.starts[i+1]; v++ {
				sum += float64(s.coefficients[(j-1)*s.count+v]) * dots[v]
			}
			for v := s.starts[j]; v < s.starts[j+1]; v++ {
				sum += float64(s.coefficients[i*s.count+v]) * dots[v]
			}
			scores[pair] = sum
			pair++
			if sum > 0 {
				votes[i]++
			} else {
				votes[j]++
			}
		}
	}
}
