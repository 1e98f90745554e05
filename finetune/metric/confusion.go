package metric

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// maxClasses bounds confusion matrices.
const maxClasses = 1 << 14

// Confusion counts how often samples of each class were taken for each class. Its value is the accuracy, its String the table.
type Confusion struct {
	o      Options
	c      int
	counts []int64 // [c, c+1]: true class, predicted class; the last column is of samples with NaN
}

// NewConfusion is an empty matrix.
func NewConfusion(o Options) *Confusion { return &Confusion{o: o} }

func (m *Confusion) Add(pred, target *tensor.Tensor) error {
	k, err := newClasses(pred, target)
	if err != nil {
		return err
	}
	c := max(k.c, 2)
	if c > maxClasses {
		return fmt.Errorf("a confusion matrix of %d classes: at most %d", c, maxClasses)
	}
	if m.counts == nil {
		m.c, m.counts = c, make([]int64, c*(c+1))
	}
	if c != m.c {
		return fmt.Errorf("scores of %d classes after scores of %d: %w", c, m.c, tensor.ErrShape)
	}
	return k.each(func(scores []float64, class int) error {
		p := m.o.predicted(scores)
		if p == none {
			p = m.c
		}
		m.counts[class*(m.c+1)+p]++
		return nil
	})
}

// Classes is the number of classes; 0 before the first batch.
func (m *Confusion) Classes() int { return m.c }

// Count is how many samples of a class were taken for another, or for itself.
func (m *Confusion) Count(class, predicted int) int64 { return m.counts[class*(m.c+1)+predicted] }

// of are the samples of a class that were taken for it, those of the class, and those taken for it.
func (m *Confusion) of(class int) (hits, truth, guesses float64) {
	for k := range m.c + 1 {
		truth += float64(m.counts[class*(m.c+1)+k])
	}
	for k := range m.c {
		guesses += float64(m.Count(k, class))
	}
	return float64(m.Count(class, class)), truth, guesses
}

func (m *Confusion) Value() float64 {
	right, all := 0.0, 0.0
	for k := range m.c {
		hits, truth, _ := m.of(k)
		right += hits
		all += truth
	}
	return right / all
}

func (m *Confusion) Reset()         { m.c, m.counts = 0, nil }
func (m *Confusion) Maximize() bool { return true }

// String is the table: a row for each true class, a column for each predicted one, and one more for samples with NaN where there are any.
func (m *Confusion) String() string {
	columns := m.c
	for k := range m.c {
		if m.counts[k*(m.c+1)+m.c] > 0 {
			columns = m.c + 1
		}
	}
	width := len(strconv.Itoa(m.c)) + 1
	for _, n := range m.counts {
		width = max(width, len(strconv.FormatInt(n, 10)))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%*s", width, "")
	for p := range columns {
		name := strconv.Itoa(p)
		if p == m.c {
			name = "nan"
		}
		fmt.Fprintf(&b, " %*s", width, name)
	}
	for k := range m.c {
		fmt.Fprintf(&b, "\n%*d", width, k)
		for p := range columns {
			fmt.Fprintf(&b, " %*d", width, m.counts[k*(m.c+1)+p])
		}
	}
	return b.String()
}

// Kind is what a [Rate] measures.
type Kind int

const (
	Precision Kind = iota // of the samples taken for a class, the part that is of it
	Recall                // of the samples of a class, the part that was taken for it
	F1                    // their harmonic mean
)

var kinds = map[string]Kind{"precision": Precision, "recall": Recall, "f1": F1}

// Average is how the rates of classes become one number.
type Average int

const (
	Binary   Average = iota // the rate of one class among two
	Macro                   // the mean over the classes that occur, among targets or predictions
	Micro                   // the rate of all counts together: the accuracy, unless there are NaN
	Weighted                // the mean over classes, weighed by how many samples they have
)

var averages = map[string]Average{"macro": Macro, "micro": Micro, "weighted": Weighted}

// Rate is precision, recall or F1. A rate of nothing, as the precision of a class that is never guessed, is 0.
type Rate struct {
	Confusion
	kind Kind
	avg  Average
}

// NewRate is a rate that is averaged so.
func NewRate(k Kind, a Average, o Options) *Rate { return &Rate{Confusion{o: o}, k, a} }

func (r *Rate) Add(pred, target *tensor.Tensor) error {
	if err := r.Confusion.Add(pred, target); err != nil {
		return err
	}
	if r.avg == Binary && r.c != 2 {
		return fmt.Errorf("the rate of one of two classes, but there are %d: average over them, with the suffix -macro, -micro or -weighted: %w", r.c, tensor.ErrShape)
	}
	return nil
}

func (r *Rate) rate(hits, truth, guesses float64) float64 {
	switch r.kind {
	case Precision:
		return ratio(hits, guesses)
	case Recall:
		return ratio(hits, truth)
	}
	return ratio(2*hits, truth+guesses)
}

func (r *Rate) Value() float64 {
	var hits, truth, guesses, sum, weighted, present float64
	for k := range r.c {
		h, t, g := r.of(k)
		hits, truth, guesses = hits+h, truth+t, guesses+g
		x := r.rate(h, t, g)
		weighted += x * t
		if t+g > 0 {
			sum += x
			present++
		}
	}
	switch {
	case truth == 0:
		return nan
	case r.avg == Macro:
		return sum / present
	case r.avg == Micro:
		return r.rate(hits, truth, guesses)
	case r.avg == Weighted:
		return weighted / truth
	}
	return r.rate(r.of(r.o.positive()))
}

func (r *Rate) String() string { return strconv.FormatFloat(r.Value(), 'g', 6, 64) }

// positive is the class that counts as positive.
func (o Options) positive() int {
	if o.Negative {
		return 0
	}
	return 1
}
