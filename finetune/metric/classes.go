package metric

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// ignored is the class of targets that do not count.
const ignored = -100

// none is the predicted class of a sample with NaN among its scores.
const none = -1

// classes walks over the judged places of a batch.
type classes struct {
	pred, target *tensor.Tensor
	n, c, inner  int  // samples, classes (1 for a score of two classes), places of a sample
	oneHot       bool // targets are laid out as scores
}

func newClasses(pred, target *tensor.Tensor) (*classes, error) {
	if pred == nil || target == nil || pred.Rank() == 0 || !numeric(pred) || !numeric(target) {
		return nil, fmt.Errorf("scores %v against targets %v: %w", pred, target, tensor.ErrType)
	}
	k := &classes{pred: pred, target: target, n: pred.Dim(0), c: 1, inner: 1}
	if pred.Rank() > 1 {
		k.c = pred.Dim(1)
		for _, d := range pred.Shape()[2:] {
			k.inner *= d
		}
	}
	places := k.n * k.inner
	switch {
	case k.c == 0 && places > 0, target.Rank() > 0 && target.Dim(0) != k.n:
	case target.Len() == places:
		return k, nil
	case target.Len() == pred.Len() && target.Shape().Equal(pred.Shape()):
		k.oneHot = true
		return k, nil
	}
	return nil, fmt.Errorf("scores %v against targets %v: %w", pred, target, tensor.ErrShape)
}

func numeric(t *tensor.Tensor) bool {
	return !t.DType().IsContainer() && t.DType() != tensor.String && !t.DType().IsComplex()
}

// each calls f with the scores and the true class of each place that counts. The scores are valid during the call.
func (k *classes) each(f func(scores []float64, class int) error) error {
	scores, marks := make([]float64, k.c), make([]float64, k.c)
	gather := func(dst []float64, t *tensor.Tensor, i, p int) {
		for c := range dst {
			dst[c] = t.Float((i*k.c+c)*k.inner + p)
		}
	}
	for i := range k.n {
		for p := range k.inner {
			var class int
			if k.oneHot && k.c > 1 {
				gather(marks, k.target, i, p)
				if class = argmax(marks); class == none {
					return fmt.Errorf("the target of sample %d has NaN", i)
				}
			} else {
				x := k.target.Float(i*k.inner + p)
				if x == ignored {
					continue
				}
				if class = int(x); !(x >= 0 && x < float64(max(k.c, 2))) || float64(class) != x {
					return fmt.Errorf("the target of sample %d is %v: want a class from 0 to %d", i, x, max(k.c, 2)-1)
				}
			}
			gather(scores, k.pred, i, p)
			if err := f(scores, class); err != nil {
				return err
			}
		}
	}
	return nil
}

// argmax is the first largest element, [none] when there is a NaN.
func argmax(x []float64) int {
	best := 0
	for i, v := range x {
		if v != v {
			return none
		}
		if v > x[best] {
			best = i
		}
	}
	return best
}

// predicted is the class that scores speak for.
func (o Options) predicted(scores []float64) int {
	if len(scores) > 1 {
		return argmax(scores)
	}
	switch x := scores[0]; {
	case x != x:
		return none
	case x > o.threshold():
		return 1
	}
	return 0
}

func (o Options) threshold() float64 {
	if o.Probabilities {
		return 0.5
	}
	return 0
}

// Accuracy is the part of samples whose class is among the k with the highest scores.
type Accuracy struct {
	k           int
	o           Options
	right, seen float64
}

// NewAccuracy is the accuracy for k = 1, top-k accuracy for more. Of equal scores the one of the lower class counts as higher.
func NewAccuracy(k int, o Options) *Accuracy { return &Accuracy{k: k, o: o} }

func (a *Accuracy) Add(pred, target *tensor.Tensor) error {
	k, err := newClasses(pred, target)
	if err != nil {
		return err
	}
	return k.each(func(scores []float64, class int) error {
		a.seen++
		if a.k == 1 || len(scores) == 1 {
			if a.o.predicted(scores) == class || a.k > 1 && scores[0] == scores[0] {
				a.right++
			}
			return nil
		}
		before := 0
		for c, s := range scores {
			if s != s {
				return nil
			}
			if s > scores[class] || s == scores[class] && c < class {
				before++
			}
		}
		if before < a.k {
			a.right++
		}
		return nil
	})
}

func (a *Accuracy) Value() float64 { return a.right / a.seen } // 0/0 is NaN
func (a *Accuracy) Reset()         { a.right, a.seen = 0, 0 }
func (a *Accuracy) Maximize() bool { return true }

// ratio is a/b, and 0 where b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

var nan = math.NaN()
