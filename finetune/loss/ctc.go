package loss

import (
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// CTC is the connectionist temporal classification loss −ln p(target) of log-probabilities [T, N, C], as a log-softmax gives them: the probability of all ways to spread a target's labels over
// the steps, with blanks between them (Graves et al. 2006, "Connectionist temporal classification"). Targets are labels [N, S], or those of all sequences one after the
// other, the steps [N] of each sequence, and the labels [N] of each. The mean is over losses divided by the labels.
type CTC struct {
	Blank        int       `json:"blank"`         // class that is no label
	ZeroInfinity bool      `json:"zero_infinity"` // targets that do not fit into their steps have loss 0 instead of infinity
	Reduction    Reduction `json:"reduction"`
}

// NewCTC has class 0 as the blank.
func NewCTC() *CTC { return &CTC{} }

func (l *CTC) Targets(out []graph.Type) []Target {
	n := graph.Unknown()
	if t := typeAt(out, 0); len(t.Shape) == 3 {
		n = t.Shape[1]
	}
	lengths := graph.TensorType(tensor.Int64, n)
	return []Target{{"y", graph.TensorType(tensor.Int64, n, graph.Unknown())}, {"input_lengths", lengths}, {"target_lengths", lengths}}
}

func (l *CTC) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "ctc loss", out, target, 1, 3)
	if !ok {
		return nil
	}
	zero := 0
	if l.ZeroInfinity {
		zero = 1
	}
	ints := make([]*graph.Value, 3)
	for i := range ints {
		ints[i] = b.Op("Cast", target[i], graph.Int("to", int(tensor.Int64)))
	}
	loss := b.Op("ai.onnxrun::CTCLoss", out[0], ints[0], ints[1], ints[2], graph.Int("blank", l.Blank), graph.Int("zero_infinity", zero))
	if l.Reduction == Mean || l.Reduction == "" {
		loss = c.div(loss, c.cast(b.Op("Max", ints[2], b.Scalar(tensor.Int64, 1))))
	}
	return c.reduce(loss, l.Reduction)
}
