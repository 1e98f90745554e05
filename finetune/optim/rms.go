package optim

import "github.com/onnxrun/onnxrun/graph"

// RMSprop divides the gradient by the root of a moving average of its square, or of its variance when centered
// (https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf).
type RMSprop struct {
	LR          float64 `json:"lr"`
	Alpha       float64 `json:"alpha"`
	Eps         float64 `json:"eps"`
	WeightDecay float64 `json:"weight_decay"`
	Momentum    float64 `json:"momentum"`
	Centered    bool    `json:"centered"`
}

// NewRMSprop has α = 0.99 and ε = 1e-8.
func NewRMSprop(lr float64) *RMSprop { return &RMSprop{LR: lr, Alpha: 0.99, Eps: 1e-8} }

func (o *RMSprop) Rate() float64 { return o.LR }

func (o *RMSprop) Update(u *Update, p, g *graph.Value) *graph.Value {
	g = u.decay(o.WeightDecay, p, g)
	s := u.Slot("square_avg", p.Type, 0)
	v := u.Next(s, u.mix(o.Alpha, s.In, u.mul(g, g)))
	if o.Centered {
		s := u.Slot("grad_avg", p.Type, 0)
		m := u.Next(s, u.mix(o.Alpha, s.In, g))
		v = u.sub(v, u.mul(m, m))
	}
	move := u.div(g, u.add(u.sqrt(v), u.Num(o.Eps)))
	if o.Momentum > 0 {
		s := u.Slot("momentum_buffer", p.Type, 0)
		move = u.Next(s, u.add(u.scale(o.Momentum, s.In), move))
	}
	return u.sub(p, u.mul(u.LR(), move))
}

// Adagrad divides the gradient by the root of the sum of its squares so far (https://jmlr.org/papers/v12/duchi11a.html).
type Adagrad struct {
	LR          float64 `json:"lr"`
	LRDecay     float64 `json:"lr_decay"`
	WeightDecay float64 `json:"weight_decay"`
	Initial     float64 `json:"initial_accumulator_value"`
	Eps         float64 `json:"eps"`
}

// NewAdagrad has ε = 1e-10.
func NewAdagrad(lr float64) *Adagrad { return &Adagrad{LR: lr, Eps: 1e-10} }

func (o *Adagrad) Rate() float64 { return o.LR }

func (o *Adagrad) Update(u *Update, p, g *graph.Value) *graph.Value {
	g = u.decay(o.WeightDecay, p, g)
	s := u.Slot("sum", p.Type, o.Initial)
	sum := u.Next(s, u.add(s.In, u.mul(g, g)))
	lr := u.Scalar("decayed", func(s Step) float64 { return s.LR / (1 + float64(s.T-1)*o.LRDecay) })
	return u.sub(p, u.div(u.mul(lr, g), u.add(u.sqrt(sum), u.Num(o.Eps))))
}

// Adadelta scales the gradient by the ratio of the roots of two moving averages, of squared moves and of squared gradients
// (https://arxiv.org/abs/1212.5701).
type Adadelta struct {
	LR          float64 `json:"lr"`
	Rho         float64 `json:"rho"`
	Eps         float64 `json:"eps"`
	WeightDecay float64 `json:"weight_decay"`
}

// NewAdadelta has ρ = 0.9 and ε = 1e-6; its usual rate is 1.
func NewAdadelta(lr float64) *Adadelta { return &Adadelta{LR: lr, Rho: 0.9, Eps: 1e-6} }

func (o *Adadelta) Rate() float64 { return o.LR }

func (o *Adadelta) Update(u *Update, p, g *graph.Value) *graph.Value {
	g = u.decay(o.WeightDecay, p, g)
	s1, s2 := u.Slot("square_avg", p.Type, 0), u.Slot("acc_delta", p.Type, 0)
	v := u.Next(s1, u.mix(o.Rho, s1.In, u.mul(g, g)))
	eps := u.Num(o.Eps)
	move := u.mul(u.div(u.sqrt(u.add(s2.In, eps)), u.sqrt(u.add(v, eps))), g)
	u.Next(s2, u.mix(o.Rho, s2.In, u.mul(move, move)))
	return u.sub(p, u.mul(u.LR(), move))
}
