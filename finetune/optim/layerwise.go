package optim

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
)

// LAMB scales Adam's move of each parameter to the parameter's own norm (https://arxiv.org/abs/1904.00962, algorithm 2 with φ the identity).
type LAMB struct {
	LR          float64    `json:"lr"`
	Betas       [2]float64 `json:"betas"`
	Eps         float64    `json:"eps"`
	WeightDecay float64    `json:"weight_decay"`
}

// NewLAMB has β = 0.9, 0.999, ε = 1e-6 and weight decay 0.01.
func NewLAMB(lr float64) *LAMB {
	return &LAMB{LR: lr, Betas: [2]float64{0.9, 0.999}, Eps: 1e-6, WeightDecay: 0.01}
}

func (o *LAMB) Rate() float64 { return o.LR }

func (o *LAMB) Update(u *Update, p, g *graph.Value) *graph.Value {
	b1, b2 := o.Betas[0], o.Betas[1]
	s1, s2 := u.Slot("exp_avg", p.Type, 0), u.Slot("exp_avg_sq", p.Type, 0)
	m := u.Next(s1, u.mix(b1, s1.In, g))
	v := u.Next(s2, u.mix(b2, s2.In, u.mul(g, g)))
	c1 := u.Scalar("correct1", func(s Step) float64 { return 1 / (1 - math.Pow(b1, float64(s.T))) })
	c2 := u.Scalar("correct2", func(s Step) float64 { return 1 / (1 - math.Pow(b2, float64(s.T))) })
	r := u.div(u.mul(m, c1), u.add(u.sqrt(u.mul(v, c2)), u.Num(o.Eps)))
	r = u.decay(o.WeightDecay, p, r)
	pn, rn := u.norm(p), u.norm(r)
	both := u.Op("Greater", u.mul(pn, rn), u.Num(0))
	trust := u.Op("Where", both, u.div(pn, rn), u.Num(1))
	return u.sub(p, u.mul(u.mul(u.LR(), trust), r))
}

// norm is the 2-norm of all elements.
func (u *Update) norm(x *graph.Value) *graph.Value {
	return u.Op("ReduceL2", x, graph.Int("keepdims", 0))
}

// Lion moves every element by the rate, in the direction of an average of gradient and momentum (https://arxiv.org/abs/2302.06675, algorithm 2).
type Lion struct {
	LR          float64    `json:"lr"`
	Betas       [2]float64 `json:"betas"`
	WeightDecay float64    `json:"weight_decay"`
}

// NewLion has β = 0.9, 0.99.
func NewLion(lr float64) *Lion { return &Lion{LR: lr, Betas: [2]float64{0.9, 0.99}} }

func (o *Lion) Rate() float64 { return o.LR }

func (o *Lion) Update(u *Update, p, g *graph.Value) *graph.Value {
	s := u.Slot("m", p.Type, 0)
	move := u.decay(o.WeightDecay, p, u.Op("Sign", u.mix(o.Betas[0], s.In, g)))
	u.Next(s, u.mix(o.Betas[1], s.In, g))
	return u.sub(p, u.mul(u.LR(), move))
}

// Adafactor keeps of a matrix's second moments only the means of rows and columns (https://arxiv.org/abs/1804.04235). Moves are bounded by their
// root mean square, and relative to the parameter's.
type Adafactor struct {
	LR          float64    `json:"lr"`
	Beta2Decay  float64    `json:"beta2_decay"`
	Eps         [2]float64 `json:"eps"`
	D           float64    `json:"d"`
	WeightDecay float64    `json:"weight_decay"`
}

// NewAdafactor has β₂ decay −0.8, ε = 2⁻²³, 1e-3 and d = 1.
func NewAdafactor(lr float64) *Adafactor {
	return &Adafactor{LR: lr, Beta2Decay: -0.8, Eps: [2]float64{0x1p-23, 1e-3}, D: 1}
}

func (o *Adafactor) Rate() float64 { return o.LR }

func (o *Adafactor) Update(u *Update, p, g *graph.Value) *graph.Value {
	shape, _ := p.Type.Static()
	elements := 1
	for _, n := range shape {
		elements *= n
	}
	rms := math.Sqrt(float64(max(elements, 1)))
	rate := u.Scalar("rate", func(s Step) float64 { return min(s.LR, 1/math.Sqrt(float64(s.T))) })
	alpha := u.mul(rate, u.max(u.Num(o.Eps[1]), u.scale(1/rms, u.norm(p))))
	p = u.shrink(o.WeightDecay, p)
	fresh := u.Scalar("fresh", func(s Step) float64 { return math.Pow(float64(s.T), o.Beta2Decay) })
	follow := func(name string, now *graph.Value) *graph.Value {
		s := u.Slot(name, now.Type, 0)
		return u.Next(s, u.add(s.In, u.mul(fresh, u.sub(now, s.In))))
	}
	square := u.mul(g, g)
	var v *graph.Value
	if rank := len(shape); rank > 1 {
		mean := func(x *graph.Value, axis int) *graph.Value {
			return u.Op("ReduceMean", x, u.Ints(axis), graph.Int("keepdims", 1))
		}
		rows, cols := follow("row_var", mean(square, rank-1)), follow("col_var", mean(square, rank-2))
		v = u.div(u.mul(rows, cols), u.max(mean(rows, rank-2), u.Num(o.Eps[0])))
	} else {
		v = follow("variance", square)
	}
	move := u.div(g, u.sqrt(u.max(v, u.Num(o.Eps[0]*o.Eps[0]))))
	bound := u.max(u.Num(1), u.scale(1/(rms*o.D), u.norm(move)))
	return u.sub(p, u.mul(u.div(alpha, bound), move))
}
