package optim

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
)

// Adam follows moving averages of the gradient and of its square (https://arxiv.org/abs/1412.6980):
// m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², p ← p − lr·m̂ / (√v̂ + ε) with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ). AMSGrad divides by the largest v̂ so far.
type Adam struct {
	LR          float64    `json:"lr"`
	Betas       [2]float64 `json:"betas"`
	Eps         float64    `json:"eps"`
	WeightDecay float64    `json:"weight_decay"` // added to the gradient
	AMSGrad     bool       `json:"amsgrad"`
}

// NewAdam has β = 0.9, 0.999 and ε = 1e-8.
func NewAdam(lr float64) *Adam { return &Adam{LR: lr, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8} }

func (o *Adam) Rate() float64 { return o.LR }

func (o *Adam) Update(u *Update, p, g *graph.Value) *graph.Value {
	return o.step(u, p, u.decay(o.WeightDecay, p, g))
}

func (o *Adam) step(u *Update, p, g *graph.Value) *graph.Value {
	b1, b2 := o.Betas[0], o.Betas[1]
	s1, s2 := u.Slot("exp_avg", p.Type, 0), u.Slot("exp_avg_sq", p.Type, 0)
	m := u.Next(s1, u.mix(b1, s1.In, g))
	v := u.Next(s2, u.mix(b2, s2.In, u.mul(g, g)))
	if o.AMSGrad {
		s3 := u.Slot("max_exp_avg_sq", p.Type, 0)
		v = u.Next(s3, u.max(s3.In, v))
	}
	size := u.Scalar("step_size", func(s Step) float64 { return s.LR / (1 - math.Pow(b1, float64(s.T))) })
	root := u.Scalar("root", func(s Step) float64 { return 1 / math.Sqrt(1-math.Pow(b2, float64(s.T))) })
	return u.sub(p, u.div(u.mul(size, m), u.add(u.mul(u.sqrt(v), root), u.Num(o.Eps))))
}

// AdamW is Adam with weight decay apart from the gradient: p ← p·(1 − lr·λ) before the step (https://arxiv.org/abs/1711.05101).
type AdamW Adam

// NewAdamW has β = 0.9, 0.999, ε = 1e-8 and weight decay 0.01.
func NewAdamW(lr float64) *AdamW {
	o := AdamW(*NewAdam(lr))
	o.WeightDecay = 0.01
	return &o
}

func (o *AdamW) Rate() float64 { return o.LR }

func (o *AdamW) Update(u *Update, p, g *graph.Value) *graph.Value {
	return (*Adam)(o).step(u, u.shrink(o.WeightDecay, p), g)
}
