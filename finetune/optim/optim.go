// Package optim holds optimizers: formulas that turn the gradient of a parameter into its next value, written as nodes of a graph. Names,
// defaults and the order of operations are PyTorch's.
package optim

import (
	"fmt"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Optimizer is a rule by which parameters learn.
type Optimizer interface {
	// Rate is the learning rate from which a schedule starts.
	Rate() float64
	// Update is the next value of the parameter p, whose gradient is g. What it remembers from step to step it asks of u.
	Update(u *Update, p, g *graph.Value) *graph.Value
}

// Step is what a number that changes from step to step may depend on.
type Step struct {
	T  int     // 1 for the first update
	LR float64 // as scheduled
}

// Scalar is an input of the update graph: a number that is computed, in float64, before each step.
type Scalar struct {
	Value *graph.Value
	At    func(Step) float64
	Rate  float64 // the base learning rate of its group
}

// Slot is what an optimizer remembers of a parameter: a pair of an input and the output that feeds it.
type Slot struct {
	Name string // "exp_avg/fc.weight"
	In   *graph.Value
	Out  *graph.Value
	Init *tensor.Tensor // of one element, to be repeated, or of the slot's shape
}

// Tensor is what the slot holds before the first step.
func (s *Slot) Tensor() (*tensor.Tensor, error) {
	shape, ok := s.In.Type.Static()
	if !ok {
		return nil, graph.Shapef("slot %q is %s", s.Name, s.In.Type)
	}
	if s.Init.Shape().Equal(shape) {
		return s.Init.Clone(), nil
	}
	return tensor.Full(s.In.Type.DType, s.Init.Float(0), shape...)
}

// Update builds the graph that updates parameters. It is a builder with the few things beyond nodes that optimizers need.
type Update struct {
	*graph.Builder
	Slots   []*Slot
	Scalars []*Scalar
	// Transposed says that the current parameter lies as [in, out], where PyTorch has [out, in].
	Transposed bool

	param   string
	dtype   tensor.DType
	group   int
	rate    float64
	scalars map[string]*graph.Value
}

// NewUpdate builds into b.
func NewUpdate(b *graph.Builder) *Update {
	return &Update{Builder: b, scalars: map[string]*graph.Value{}}
}

// Param appends the update of a parameter and returns its next value. Parameters of one group share an optimizer and its scalars.
func (u *Update) Param(group int, o Optimizer, name string, p, g *graph.Value) *graph.Value {
	u.param, u.dtype, u.group, u.rate = name, p.Type.DType, group, o.Rate()
	return o.Update(u, p, g)
}

// Slot is the state of that name of the current parameter, of the type t, which before the first step holds init everywhere.
func (u *Update) Slot(name string, t graph.Type, init float64) *Slot {
	name += "/" + u.param
	x, err := tensor.Full(t.DType, init)
	if err != nil {
		u.Fail(err)
	}
	s := &Slot{Name: name, In: u.Input(name, t), Init: x}
	u.Slots = append(u.Slots, s)
	return s
}

// Next sets what the slot holds after the step, and returns it.
func (u *Update) Next(s *Slot, v *graph.Value) *graph.Value {
	s.Out = v
	return v
}

// Scalar is a number of the current group that changes from step to step, of the parameter's element type.
func (u *Update) Scalar(name string, at func(Step) float64) *graph.Value {
	key := fmt.Sprintf("%s/%s/%d", name, u.dtype.Short(), u.group)
	if v := u.scalars[key]; v != nil {
		return v
	}
	v := u.Input(key, graph.Type{DType: u.dtype, Ranked: true})
	u.scalars[key] = v
	u.Scalars = append(u.Scalars, &Scalar{Value: v, At: at, Rate: u.rate})
	return v
}

// LR is the scheduled learning rate.
func (u *Update) LR() *graph.Value {
	return u.Scalar("lr", func(s Step) float64 { return s.LR })
}

// Num is a constant of the parameter's element type.
func (u *Update) Num(x float64) *graph.Value { return u.Builder.Scalar(u.dtype, x) }

// The formulas below read as infix arithmetic does.
func (u *Update) add(a, b *graph.Value) *graph.Value           { return u.Op("Add", a, b) }
func (u *Update) sub(a, b *graph.Value) *graph.Value           { return u.Op("Sub", a, b) }
func (u *Update) mul(a, b *graph.Value) *graph.Value           { return u.Op("Mul", a, b) }
func (u *Update) div(a, b *graph.Value) *graph.Value           { return u.Op("Div", a, b) }
func (u *Update) max(a, b *graph.Value) *graph.Value           { return u.Op("Max", a, b) }
func (u *Update) sqrt(a *graph.Value) *graph.Value             { return u.Op("Sqrt", a) }
func (u *Update) scale(k float64, a *graph.Value) *graph.Value { return u.mul(a, u.Num(k)) }

// mix is β·a + (1 − β)·b, a moving average.
func (u *Update) mix(beta float64, a, b *graph.Value) *graph.Value {
	return u.add(u.scale(beta, a), u.scale(1-beta, b))
}

// decay adds weight decay to the gradient: the penalty λ/2·‖p‖².
func (u *Update) decay(lambda float64, p, g *graph.Value) *graph.Value {
	if lambda == 0 {
		return g
	}
	return u.add(g, u.scale(lambda, p))
}

// shrink is p·(1 − lr·λ): weight decay apart from the gradient.
func (u *Update) shrink(lambda float64, p *graph.Value) *graph.Value {
	if lambda == 0 {
		return p
	}
	return u.mul(p, u.Scalar(fmt.Sprintf("keep%v", lambda), func(s Step) float64 { return 1 - s.LR*lambda }))
}
