package loss

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
)

// MSE is (x − y)².
type MSE struct {
	Reduction Reduction `json:"reduction"`
}

func NewMSE() *MSE { return &MSE{} }

func (l *MSE) Targets(out []graph.Type) []Target { return like(out) }

func (l *MSE) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	return difference(b, "squared error", out, target, l.Reduction, calc.square)
}

// difference reduces f(x − y).
func difference(b *graph.Builder, what string, out, target []*graph.Value, r Reduction, f func(c calc, d *graph.Value) *graph.Value) *graph.Value {
	c, ok := begin(b, what, out, target, 1, 1)
	if !ok {
		return nil
	}
	y := c.cast(target[0])
	c.alike(out[0], y)
	return c.reduce(f(c, c.sub(out[0], y)), r)
}

// L1 is |x − y|, whose derivative at 0 is 0.
type L1 struct {
	Reduction Reduction `json:"reduction"`
}

func NewL1() *L1 { return &L1{} }

func (l *L1) Targets(out []graph.Type) []Target { return like(out) }

func (l *L1) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	return difference(b, "absolute error", out, target, l.Reduction, func(c calc, d *graph.Value) *graph.Value { return c.Op("Abs", d) })
}

// SmoothL1 is d²/(2·beta) for d = |x − y| < beta, else d − beta/2.
type SmoothL1 struct {
	Beta      float64   `json:"beta"`
	Reduction Reduction `json:"reduction"`
}

// NewSmoothL1 has beta 1.
func NewSmoothL1() *SmoothL1 { return &SmoothL1{Beta: 1} }

func (l *SmoothL1) Targets(out []graph.Type) []Target { return like(out) }

func (l *SmoothL1) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	if l.Beta < 0 {
		b.Fail(graph.Invalidf("beta is %v, want at least 0", l.Beta))
		return nil
	}
	return difference(b, "smooth absolute error", out, target, l.Reduction, func(c calc, d *graph.Value) *graph.Value {
		if l.Beta == 0 {
			return c.Op("Abs", d)
		}
		return c.scale(c.huber(d, l.Beta), 1/l.Beta)
	})
}

// huber is v²/2 for |v| < delta, else delta·(|v| − delta/2). Of what is far away no square is taken: it could overflow, and the gradient be NaN.
func (c calc) huber(v *graph.Value, delta float64) *graph.Value {
	d := c.Op("Abs", v)
	line := c.scale(c.sub(d, c.num(delta/2)), delta)
	near := c.Op("Less", d, c.num(delta))
	return c.where(near, c.scale(c.square(c.where(near, v, c.num(0))), 0.5), line)
}

// Huber is d²/2 for d = |x − y| ≤ delta, else delta·(d − delta/2).
type Huber struct {
	Delta     float64   `json:"delta"`
	Reduction Reduction `json:"reduction"`
}

// NewHuber has delta 1.
func NewHuber() *Huber { return &Huber{Delta: 1} }

func (l *Huber) Targets(out []graph.Type) []Target { return like(out) }

func (l *Huber) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	if l.Delta <= 0 {
		b.Fail(graph.Invalidf("delta is %v, want more than 0", l.Delta))
		return nil
	}
	return difference(b, "Huber loss", out, target, l.Reduction, func(c calc, d *graph.Value) *graph.Value { return c.huber(d, l.Delta) })
}

// PoissonNLL is the negative log-likelihood exp(x) − y·x of counts y whose expectation is exp(x), or, without LogInput, x − y·ln(x + eps).
type PoissonNLL struct {
	LogInput  bool      `json:"log_input"`
	Full      bool      `json:"full"` // adds Stirling's approximation of ln y! where y > 1
	Eps       float64   `json:"eps"`
	Reduction Reduction `json:"reduction"`
}

// NewPoissonNLL takes logarithms as input.
func NewPoissonNLL() *PoissonNLL { return &PoissonNLL{LogInput: true, Eps: 1e-8} }

func (l *PoissonNLL) Targets(out []graph.Type) []Target { return like(out) }

func (l *PoissonNLL) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "Poisson loss", out, target, 1, 1)
	if !ok {
		return nil
	}
	x, y := out[0], c.cast(target[0])
	c.alike(x, y)
	var loss *graph.Value
	if l.LogInput {
		loss = c.sub(c.Op("Exp", x), c.mul(y, x))
	} else {
		loss = c.sub(x, c.mul(y, c.Op("Log", c.add(x, c.num(l.Eps)))))
	}
	if l.Full {
		many := c.Op("Greater", y, c.num(1))
		n := c.where(many, y, c.num(1))
		stirling := c.add(c.sub(c.mul(n, c.Op("Log", n)), n), c.scale(c.Op("Log", c.scale(n, 2*math.Pi)), 0.5))
		loss = c.add(loss, c.where(many, stirling, c.num(0)))
	}
	return c.reduce(loss, l.Reduction)
}

// GaussianNLL is the negative log-likelihood (ln v + (x − y)²/v)/2 of a normal distribution whose mean x and variance v are the first two outputs. The variance is
// at least eps; its gradient passes below that too.
type GaussianNLL struct {
	Full      bool      `json:"full"` // adds the constant ln(2π)/2
	Eps       float64   `json:"eps"`
	Reduction Reduction `json:"reduction"`
}

// NewGaussianNLL has eps 1e-6.
func NewGaussianNLL() *GaussianNLL { return &GaussianNLL{Eps: 1e-6} }

func (l *GaussianNLL) Targets(out []graph.Type) []Target { return like(out) }

func (l *GaussianNLL) Of(b *graph.Builder, out, target []*graph.Value) *graph.Value {
	c, ok := begin(b, "Gaussian loss", out, target, 2, 1)
	if !ok {
		return nil
	}
	x, v, y := out[0], c.cast(out[1]), c.cast(target[0])
	c.alike(x, y)
	v = c.add(v, c.stop(c.sub(c.Op("Max", v, c.num(l.Eps)), v)))
	loss := c.scale(c.add(c.Op("Log", v), c.div(c.square(c.sub(x, y)), v)), 0.5)
	if l.Full {
		loss = c.add(loss, c.num(0.5*math.Log(2*math.Pi)))
	}
	return c.reduce(loss, l.Reduction)
}
