package metric

import (
	"fmt"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// AUC is the area under the receiver operating characteristic: the chance that a sample of class 1 has a higher score than one of class 0, equal
// scores counting half. With more than two classes it is the mean over classes of each against the rest, by the probabilities of softmax. It is NaN when a
// class has no sample or no sample is outside of it, and when a score is NaN. It keeps all scores: 8 bytes for each sample and class.
type AUC struct {
	o       Options
	c       int
	scores  []float64 // [samples, c]
	classes []int32
}

// NewAUC is an area of no samples.
func NewAUC(o Options) *AUC { return &AUC{o: o} }

func (a *AUC) Add(pred, target *tensor.Tensor) error {
	k, err := newClasses(pred, target)
	if err != nil {
		return err
	}
	c := k.c
	if c == 2 {
		c = 1 // their difference orders samples as the probability does
	}
	if a.c == 0 {
		a.c = c
	}
	if c != a.c {
		return fmt.Errorf("scores of %d classes after scores of %d: %w", c, a.c, tensor.ErrShape)
	}
	return k.each(func(scores []float64, class int) error {
		switch {
		case len(scores) == 2 && !a.o.Probabilities:
			scores = []float64{scores[1] - scores[0]}
		case len(scores) == 2:
			scores = scores[1:]
		case len(scores) > 2 && !a.o.Probabilities:
			softmax(scores)
		}
		a.scores = append(a.scores, scores...)
		a.classes = append(a.classes, int32(class))
		return nil
	})
}

func softmax(x []float64) {
	top, sum := slices.Max(x), 0.0
	for i, v := range x {
		x[i] = math.Exp(v - top)
		sum += x[i]
	}
	for i := range x {
		x[i] /= sum
	}
}

func (a *AUC) Value() float64 {
	if len(a.classes) == 0 || slices.ContainsFunc(a.scores, math.IsNaN) {
		return nan
	}
	if a.c == 1 {
		return a.area(0, 1)
	}
	sum := 0.0
	for c := range a.c {
		sum += a.area(c, int32(c))
	}
	return sum / float64(a.c)
}

// area is that of one column of scores for a class against the rest: the statistic of Mann and Whitney by mean ranks.
func (a *AUC) area(column int, class int32) float64 {
	order := make([]int32, len(a.classes))
	for i := range order {
		order[i] = int32(i)
	}
	at := func(i int32) float64 { return a.scores[int(i)*a.c+column] }
	slices.SortFunc(order, func(i, j int32) int {
		switch x, y := at(i), at(j); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	ranks, positive := 0.0, 0.0
	for lo := 0; lo < len(order); {
		hi := lo + 1
		for hi < len(order) && at(order[hi]) == at(order[lo]) {
			hi++
		}
		rank := float64(lo+hi+1) / 2 // mean of lo+1 … hi
		for _, i := range order[lo:hi] {
			if a.classes[i] == class {
				ranks += rank
				positive++
			}
		}
		lo = hi
	}
	negative := float64(len(order)) - positive
	if positive == 0 || negative == 0 {
		return nan
	}
	return (ranks - positive*(positive+1)/2) / (positive * negative)
}

func (a *AUC) Reset()         { a.c, a.scores, a.classes = 0, a.scores[:0], a.classes[:0] }
func (a *AUC) Maximize() bool { return true }
