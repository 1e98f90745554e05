package optim

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
)

// NAdam is Adam with Nesterov's momentum (https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ). The momentum of step t is
// μₜ = β₁(1 − ½·0.96^(t·momentum_decay)).
type NAdam struct {
	LR            float64    `json:"lr"`
	Betas         [2]float64 `json:"betas"`
	Eps           float64    `json:"eps"`
	WeightDecay   float64    `json:"weight_decay"`
	MomentumDecay float64    `json:"momentum_decay"`
	Decoupled     bool       `json:"decoupled_weight_decay"`
}

// NewNAdam has β = 0.9, 0.999, ε = 1e-8 and momentum decay 4e-3.
func NewNAdam(lr float64) *NAdam {
	return &NAdam{LR: lr, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8, MomentumDecay: 4e-3}
}

func (o *NAdam) Rate() float64 { return o.LR }

func (o *NAdam) Update(u *Update, p, g *graph.Value) *graph.Value {
	if o.Decoupled {
		p = u.shrink(o.WeightDecay, p)
	} else {
		g = u.decay(o.WeightDecay, p, g)
	}
	s1, s2 := u.Slot("exp_avg", p.Type, 0), u.Slot("exp_avg_sq", p.Type, 0)
	m := u.Next(s1, u.mix(o.Betas[0], s1.In, g))
	v := u.Next(s2, u.mix(o.Betas[1], s2.In, u.mul(g, g)))
	product := o.products()
	own := u.Scalar("own", func(s Step) float64 { return s.LR * (1 - o.momentum(s.T)) / (1 - product(s.T)) })
	past := u.Scalar("past", func(s Step) float64 { return s.LR * o.momentum(s.T+1) / (1 - product(s.T+1)) })
	root := u.Scalar("root", func(s Step) float64 { return 1 / math.Sqrt(1-math.Pow(o.Betas[1], float64(s.T))) })
	denom := u.add(u.mul(u.sqrt(v), root), u.Num(o.Eps))
	return u.sub(p, u.div(u.add(u.mul(own, g), u.mul(past, m)), denom))
}

func (o *NAdam) momentum(t int) float64 {
	return o.Betas[0] * (1 - 0.5*math.Pow(0.96, float64(t)*o.MomentumDecay))
}

// products is μ₁·…·μₜ, which goes on from the last t that was asked for.
func (o *NAdam) products() func(t int) float64 {
	at, product := 0, 1.0
	return func(t int) float64 {
		if t < at {
			at, product = 0, 1
		}
		for ; at < t; at++ {
			product *= o.momentum(at + 1)
		}
		return product
	}
}

// RAdam is Adam that does not divide by the second moment while its variance is too large to be of use (https://arxiv.org/abs/1908.03265).
type RAdam struct {
	LR          float64    `json:"lr"`
	Betas       [2]float64 `json:"betas"`
	Eps         float64    `json:"eps"`
	WeightDecay float64    `json:"weight_decay"`
	Decoupled   bool       `json:"decoupled_weight_decay"`
}

// NewRAdam has β = 0.9, 0.999 and ε = 1e-8.
func NewRAdam(lr float64) *RAdam { return &RAdam{LR: lr, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8} }

func (o *RAdam) Rate() float64 { return o.LR }

func (o *RAdam) Update(u *Update, p, g *graph.Value) *graph.Value {
	if o.Decoupled {
		p = u.shrink(o.WeightDecay, p)
	} else {
		g = u.decay(o.WeightDecay, p, g)
	}
	s1, s2 := u.Slot("exp_avg", p.Type, 0), u.Slot("exp_avg_sq", p.Type, 0)
	m := u.Next(s1, u.mix(o.Betas[0], s1.In, g))
	v := u.Next(s2, u.mix(o.Betas[1], s2.In, u.mul(g, g)))
	size := func(s Step) float64 { return s.LR / (1 - math.Pow(o.Betas[0], float64(s.T))) }
	plain := u.Scalar("plain", func(s Step) float64 {
		if o.rectify(s.T) > 0 {
			return 0
		}
		return size(s)
	})
	adaptive := u.Scalar("adaptive", func(s Step) float64 {
		return size(s) * o.rectify(s.T) * math.Sqrt(1-math.Pow(o.Betas[1], float64(s.T)))
	})
	return u.sub(p, u.mul(m, u.add(plain, u.div(adaptive, u.add(u.sqrt(v), u.Num(o.Eps))))))
}

// rectify is r of the paper's algorithm 2, 0 for the steps that are not to be rectified.
func (o *RAdam) rectify(t int) float64 {
	power := math.Pow(o.Betas[1], float64(t))
	inf := 2/(1-o.Betas[1]) - 1
	rho := inf - 2*float64(t)*power/(1-power)
	if rho <= 5 {
		return 0
	}
	return math.Sqrt((rho - 4) * (rho - 2) * inf / ((inf - 4) * (inf - 2) * rho))
}

// Adamax is Adam with the largest gradient, which fades by β₂, in place of the second moment (https://arxiv.org/abs/1412.6980, section 7).
type Adamax struct {
	LR          float64    `json:"lr"`
	Betas       [2]float64 `json:"betas"`
	Eps         float64    `json:"eps"`
	WeightDecay float64    `json:"weight_decay"`
}

// NewAdamax has β = 0.9, 0.999 and ε = 1e-8.
func NewAdamax(lr float64) *Adamax {
	return &Adamax{LR: lr, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8}
}

func (o *Adamax) Rate() float64 { return o.LR }

func (o *Adamax) Update(u *Update, p, g *graph.Value) *graph.Value {
	g = u.decay(o.WeightDecay, p, g)
	s1, s2 := u.Slot("exp_avg", p.Type, 0), u.Slot("exp_inf", p.Type, 0)
	m := u.Next(s1, u.mix(o.Betas[0], s1.In, g))
	n := u.Next(s2, u.max(u.scale(o.Betas[1], s2.In), u.add(u.Op("Abs", g), u.Num(o.Eps))))
	size := u.Scalar("step_size", func(s Step) float64 { return s.LR / (1 - math.Pow(o.Betas[0], float64(s.T))) })
	return u.sub(p, u.div(u.mul(size, m), n))
}
