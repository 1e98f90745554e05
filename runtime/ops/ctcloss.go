package ops

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// CTCLoss is the connectionist temporal classification loss −ln p(target) of each sequence of a batch (Graves et al. 2006, "Connectionist temporal classification"), given the
// log-probabilities [T, N, C] of classes, one of which is the blank. Targets are [N, S] or one after the other in a vector. Where a target has no path, the loss is infinite,
// or 0 with zero_infinity. grad is the derivative of each loss with respect to the log-probabilities along those that stay normalized, p − posterior, as
// PyTorch has it: behind a log-softmax it is the gradient.
var ctcLoss = grad(family(&graph.Op{
	Domain: private, Name: "CTCLoss", Since: 1,
	Sig: `(log_probs:T, targets:I, input_lengths:I, target_lengths:I) -> (loss:T, grad?:T)
		T = float; I = i32 i64
		blank int = 0; zero_infinity int = 0`,
	Infer: func(c *graph.Infer) error {
		x := c.Type(0)
		c.Set(1, x)
		if !x.Ranked {
			c.Set(0, graph.TensorType(x.DType, graph.Unknown()))
			return nil
		}
		if len(x.Shape) != 3 {
			return graph.Shapef("log-probabilities are %s, want [T, N, C]", x)
		}
		c.Set(0, graph.TensorType(x.DType, x.Shape[1]))
		return nil
	},
	Run: halves(func(c *graph.Ctx) error {
		switch c.In[0].DType() {
		case tensor.Float32:
			return ctcOf[float32](c)
		case tensor.Float64:
			return ctcOf[float64](c)
		}
		return graph.Typef("ctc loss of %s", c.In[0])
	}),
}), func(r rule) []*graph.Value {
	return []*graph.Value{r.mul(r.want(1), r.Op("Unsqueeze", r.g(0), r.Ints(1)))}
})

type ctcArgs[T float32 | float64] struct {
	x, loss, grad          []T // grad may be nil
	steps, batch, classes  int
	blank                  int
	zeroInfinity           bool
	targets                *tensor.Tensor
	starts, lengths, times []int // of each target in targets; of each sequence
	scratch                []float64
	perWorker              int
}

func ctcOf[T float32 | float64](c *graph.Ctx) error {
	x, targets := c.In[0], c.In[1]
	if x.Rank() != 3 {
		return graph.Shapef("log-probabilities are %s, want [T, N, C]", x)
	}
	a := ctcArgs[T]{x: tensor.Data[T](x), steps: x.Dim(0), batch: x.Dim(1), classes: x.Dim(2), blank: c.Node.Int("blank"),
		zeroInfinity: c.Node.Bool("zero_infinity"), targets: targets}
	if a.blank < 0 || a.blank >= a.classes {
		return graph.Shapef("blank %d among %d classes", a.blank, a.classes)
	}
	longest, err := a.layout(c)
	if err != nil {
		return err
	}
	if c.Out[0] != nil {
		a.loss = tensor.Data[T](c.Out[0])
	} else if a.loss, err = graph.Scratch[T](c, a.batch); err != nil {
		return err
	}
	if len(c.Out) > 1 && c.Out[1] != nil {
		a.grad = tensor.Data[T](c.Out[1])
	}
	states := 2*longest + 1
	a.perWorker = (a.steps + 2) * states
	if a.steps > 0 && a.perWorker/states != a.steps+2 {
		return graph.Limitf("ctc loss of %d steps and targets of %d labels", a.steps, longest)
	}
	if a.scratch, err = graph.Scratch[float64](c, c.Exec().Workers()*a.perWorker); err != nil {
		return err
	}
	graph.Parallel(c, a.batch, 1, a)
	return nil
}

// layout checks lengths and labels, and finds where targets start. It returns the length of the longest.
func (a *ctcArgs[T]) layout(c *graph.Ctx) (longest int, err error) {
	t := a.targets
	if c.In[2].Len() != a.batch || c.In[3].Len() != a.batch {
		return 0, graph.Shapef("lengths %s and %s for a batch of %d", c.In[2], c.In[3], a.batch)
	}
	stride, room := 0, t.Len()
	if t.Rank() == 2 && t.Dim(0) == a.batch {
		stride, room = t.Dim(1), t.Dim(1)
	} else if t.Rank() != 1 {
		return 0, graph.Shapef("targets %s for a batch of %d", t, a.batch)
	}
	ints := make([]int, 3*a.batch)
	a.starts, a.lengths, a.times = ints[:a.batch], ints[a.batch:2*a.batch], ints[2*a.batch:]
	at := 0
	for i := range a.batch {
		n, steps := c.In[3].Float(i), c.In[2].Float(i)
		if stride > 0 {
			at = i * stride
		}
		left := room
		if t.Rank() == 1 {
			left -= at
		}
		if !(n >= 0 && n <= float64(left)) || !(steps >= 0 && steps <= float64(a.steps)) {
			return 0, graph.Shapef("sequence %d has %v of %d steps and %v of %d labels", i, steps, a.steps, n, left)
		}
		a.starts[i], a.lengths[i], a.times[i] = at, int(n), int(steps)
		longest = max(longest, int(n))
		for k := range int(n) {
			if v := t.Float(at + k); v < 0 || v >= float64(a.classes) {
				return 0, graph.Shapef("label %v among %d classes", v, a.classes)
			}
		}
		at += int(n)
	}
	return longest, nil
}

// Do takes sequences.
func (a *ctcArgs[T]) Do(worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		a.sequence(i, a.scratch[worker*a.perWorker:][:a.perWorker])
	}
}

// sequence goes forward and backward through the states blank, label 0, blank, label 1, …, blank. From a state one may stay, go on, or skip the blank between labels
// that differ.
func (a *ctcArgs[T]) sequence(i int, scratch []float64) {
	states, steps := 2*a.lengths[i]+1, a.times[i]
	alpha, beta, next := scratch[:steps*states], scratch[steps*states:][:states], scratch[(steps+1)*states:][:states]
	class := func(s int) int {
		if s%2 == 0 {
			return a.blank
		}
		return int(a.targets.Float(a.starts[i] + s/2))
	}
	skips := func(s int) bool { return s%2 == 1 && s >= 2 && class(s) != class(s-2) }
	row := func(t int) []T { return a.x[(t*a.batch+i)*a.classes:][:a.classes] }

	none := math.Inf(-1)
	for t := range steps {
		now, x := alpha[t*states:][:states], row(t)
		for s := range now {
			v := none
			switch {
			case t == 0 && s < 2:
				v = 0
			case t > 0:
				last := alpha[(t-1)*states:][:states]
				v = last[s]
				if s > 0 {
					v = logAdd(v, last[s-1])
				}
				if skips(s) {
					v = logAdd(v, last[s-2])
				}
			}
			now[s] = v + float64(x[class(s)])
		}
	}
	total := none
	switch {
	case steps > 0:
		last := alpha[(steps-1)*states:]
		total = last[states-1]
		if states > 1 {
			total = logAdd(total, last[states-2])
		}
	case states == 1:
		total = 0
	}
	impossible := math.IsInf(total, -1)
	a.loss[i] = T(-total)
	if impossible && a.zeroInfinity {
		a.loss[i] = 0
	}
	if a.grad == nil {
		return
	}
	for t := steps - 1; t >= 0; t-- {
		for s := range beta {
			v := none
			if t == steps-1 {
				if s >= states-2 {
					v = 0
				}
			} else {
				x := row(t + 1)
				v = next[s] + float64(x[class(s)])
				if s+1 < states {
					v = logAdd(v, next[s+1]+float64(x[class(s+1)]))
				}
				if s+2 < states && skips(s+2) {
					v = logAdd(v, next[s+2]+float64(x[class(s+2)]))
				}
			}
			beta[s] = v
		}
		g, x := a.grad[(t*a.batch+i)*a.classes:][:a.classes], row(t)
		switch {
		case !impossible:
			for k, v := range x {
				g[k] = T(math.Exp(float64(v)))
			}
			for s, v := range beta {
				g[class(s)] -= T(math.Exp(alpha[t*states+s] + v - total))
			}
		case a.zeroInfinity:
			clear(g)
		default:
			for k := range g {
				g[k] = T(math.NaN())
			}
		}
		beta, next = next, beta
	}
	for t := steps; t < a.steps; t++ {
		clear(a.grad[(t*a.batch+i)*a.classes:][:a.classes])
	}
}

// logAdd is ln(eᵃ + eᵇ).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(a, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
