package optim

import (
	"math"

	"github.com/onnxrun/onnxrun/graph"
)

// Muon makes the moves of matrices orthogonal, by iterations of Newton and Schulz (https://kellerjordan.github.io/posts/muon/). It is for
// the hidden matrices of a network: give other parameters a group with another optimizer.
type Muon struct {
	LR           float64    `json:"lr"`
	WeightDecay  float64    `json:"weight_decay"`
	Momentum     float64    `json:"momentum"`
	Nesterov     bool       `json:"nesterov"`
	Coefficients [3]float64 `json:"ns_coefficients"`
	Eps          float64    `json:"eps"`
	Steps        int        `json:"ns_steps"`
	Adjust       string     `json:"adjust_lr_fn"` // "original": √max(1, rows/columns); "match_rms_adamw": 0.2·√max(rows, columns)
}

// NewMuon has weight decay 0.1, Nesterov's momentum 0.95, and five iterations.
func NewMuon(lr float64) *Muon {
	return &Muon{LR: lr, WeightDecay: 0.1, Momentum: 0.95, Nesterov: true, Coefficients: [3]float64{3.4445, -4.775, 2.0315}, Eps: 1e-7, Steps: 5}
}

func (o *Muon) Rate() float64 { return o.LR }

func (o *Muon) Update(u *Update, p, g *graph.Value) *graph.Value {
	shape, _ := p.Type.Static()
	if len(shape) != 2 {
		u.Fail(graph.Shapef("Muon is for matrices, parameter %q is %s: give it a group with another optimizer", u.param, p.Type))
		return nil
	}
	s := u.Slot("momentum_buffer", p.Type, 0)
	x := u.Next(s, u.mix(o.Momentum, s.In, g))
	if o.Nesterov {
		x = u.mix(o.Momentum, x, g)
	}
	t := func(x *graph.Value) *graph.Value { return u.Op("Transpose", x, graph.Ints("perm", 1, 0)) }
	mm := func(a, b *graph.Value) *graph.Value { return u.Op("MatMul", a, b) }
	flip := shape[0] > shape[1]
	if flip {
		x = t(x)
	}
	x = u.div(x, u.max(u.norm(x), u.Num(o.Eps)))
	for range o.Steps {
		q := mm(x, t(x))
		x = u.add(u.scale(o.Coefficients[0], x), mm(u.add(u.scale(o.Coefficients[1], q), u.scale(o.Coefficients[2], mm(q, q))), x))
	}
	if flip {
		x = t(x)
	}
	rows, cols := float64(shape[0]), float64(shape[1])
	if u.Transposed {
		rows, cols = cols, rows
	}
	var ratio float64
	switch o.Adjust {
	case "", "original":
		ratio = math.Sqrt(max(1, rows/cols))
	case "match_rms_adamw":
		ratio = 0.2 * math.Sqrt(max(rows, cols))
	default:
		u.Fail(graph.Invalidf("Muon has no adjust_lr_fn %q; there are original and match_rms_adamw", o.Adjust))
	}
	return u.sub(u.shrink(o.WeightDecay, p), u.mul(u.LR(), u.scale(ratio, x)))
}
