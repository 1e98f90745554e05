package metric

import (
	"fmt"
	"math"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

type regressionKind int

const (
	mae regressionKind = iota
	mse
	rmse
	r2
)

// regression adds up errors for each element of a sample, and averages over them in the end, as scikit-learn does: the RMSE of several outputs is the mean of theirs.
type regression struct {
	kind regressionKind
	n    float64
	outs []output
}

// output is one element of the samples.
type output struct {
	abs, square  float64 // sums over errors
	mean, spread float64 // of the targets; spread is the sum of squared distances from the mean (Welford)
}

func newRegression(k regressionKind) *regression { return &regression{kind: k} }

func (r *regression) Add(pred, target *tensor.Tensor) error {
	if pred == nil || target == nil || !numeric(pred) || !numeric(target) {
		return fmt.Errorf("predictions %v against targets %v: %w", pred, target, tensor.ErrType)
	}
	if pred.Rank() == 0 || target.Rank() == 0 || pred.Dim(0) != target.Dim(0) || pred.Len() != target.Len() {
		return fmt.Errorf("predictions %v against targets %v: %w", pred, target, tensor.ErrShape)
	}
	if pred.Len() == 0 {
		return nil
	}
	width := pred.Len() / pred.Dim(0)
	if r.outs == nil {
		r.outs = make([]output, width)
	}
	if len(r.outs) != width {
		return fmt.Errorf("samples of %d numbers after samples of %d: %w", width, len(r.outs), tensor.ErrShape)
	}
	for i := range pred.Dim(0) {
		r.n++
		for k := range r.outs {
			o, y := &r.outs[k], target.Float(i*width+k)
			d := pred.Float(i*width+k) - y
			o.abs += math.Abs(d)
			o.square += d * d
			off := y - o.mean
			o.mean += off / r.n
			o.spread += off * (y - o.mean)
		}
	}
	return nil
}

func (r *regression) Value() float64 {
	if r.n == 0 {
		return nan
	}
	sum := 0.0
	for _, o := range r.outs {
		switch r.kind {
		case mae:
			sum += o.abs / r.n
		case mse:
			sum += o.square / r.n
		case rmse:
			sum += math.Sqrt(o.square / r.n)
		case r2:
			sum += o.determination(r.n)
		}
	}
	return sum / float64(len(r.outs))
}

// determination is 1 − Σ(y−p)²/Σ(y−mean)². Of targets that are all the same it is 1 when they are met exactly and 0 otherwise; of less than two samples NaN.
func (o *output) determination(n float64) float64 {
	switch {
	case n < 2 || o.square != o.square:
		return nan
	case o.spread != 0:
		return 1 - o.square/o.spread
	case o.square == 0:
		return 1
	}
	return 0
}

func (r *regression) Reset()         { r.n, r.outs = 0, nil }
func (r *regression) Maximize() bool { return r.kind == r2 }
