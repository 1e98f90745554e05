package optim

import "github.com/onnxrun/onnxrun/graph"

// SGD is stochastic gradient descent, with momentum if wanted: v ← μ·v + (1 − dampening)·g, p ← p − lr·v; Nesterov's form moves by g + μ·v. The
// first step has v = g.
type SGD struct {
	LR          float64 `json:"lr"`
	Momentum    float64 `json:"momentum"`
	Dampening   float64 `json:"dampening"`
	WeightDecay float64 `json:"weight_decay"`
	Nesterov    bool    `json:"nesterov"`
}

// NewSGD has no momentum and no weight decay.
func NewSGD(lr float64) *SGD { return &SGD{LR: lr} }

func (o *SGD) Rate() float64 { return o.LR }

func (o *SGD) Update(u *Update, p, g *graph.Value) *graph.Value {
	g = u.decay(o.WeightDecay, p, g)
	if o.Momentum != 0 {
		s := u.Slot("momentum_buffer", p.Type, 0)
		own := g
		if o.Dampening != 0 { // all of the first gradient is taken
			own = u.mul(g, u.Scalar("own", func(s Step) float64 {
				if s.T == 1 {
					return 1
				}
				return 1 - o.Dampening
			}))
		}
		v := u.Next(s, u.add(u.scale(o.Momentum, s.In), own))
		if o.Nesterov {
			v = u.add(g, u.scale(o.Momentum, v))
		}
		g = v
	}
	return u.sub(p, u.mul(u.LR(), g))
}
