// Package schedule holds learning-rate schedules: plain arithmetic in float64, with PyTorch's names, parameters and defaults, and those of Hugging Face's transformers for
// schedules with a warm-up. All but [Plateau] are functions of the number of the step, so that training which is resumed goes on exactly.
package schedule

import (
	"fmt"
	"math"
	"sort"
)

// Schedule is a learning rate that changes from step to step.
type Schedule interface {
	// LR is the rate of a step, counted from 0, of parameters whose base rate is given.
	LR(step int, base float64) float64
}

// Momentum is what schedules are that move momentum (the first of Adam's betas) against the rate.
type Momentum interface {
	Schedule
	// Momentum is that of a step; it is not moved when ok is false.
	Momentum(step int) (m float64, ok bool)
}

// Observer is what schedules are that follow a metric.
type Observer interface {
	Schedule
	// Observe takes the metric that came out after a step or an epoch.
	Observe(metric float64)
}

// Func is any function as a schedule.
type Func func(step int, base float64) float64

func (f Func) LR(step int, base float64) float64 { return f(step, base) }

// Constant is base·Factor for the first steps, then base.
type Constant struct {
	Factor     float64 `json:"factor"`
	TotalIters int     `json:"total_iters"`
}

func (s *Constant) LR(step int, base float64) float64 {
	if step < s.TotalIters {
		return base * s.Factor
	}
	return base
}

// Step is base·gammaᵏ after k times StepSize steps.
type Step struct {
	StepSize int     `json:"step_size"`
	Gamma    float64 `json:"gamma"`
}

func (s *Step) LR(step int, base float64) float64 {
	return base * math.Pow(s.Gamma, float64(step/max(s.StepSize, 1)))
}

func (s *Step) check() error { return atLeast("step_size", s.StepSize, 1) }

// MultiStep is base·gammaᵏ after k milestones; one that is there twice counts twice.
type MultiStep struct {
	Milestones []int   `json:"milestones"`
	Gamma      float64 `json:"gamma"`
}

func (s *MultiStep) LR(step int, base float64) float64 {
	k := 0
	for _, m := range s.Milestones {
		if m <= step {
			k++
		}
	}
	return base * math.Pow(s.Gamma, float64(k))
}

// Exponential is base·gammaˢᵗᵉᵖ.
type Exponential struct {
	Gamma float64 `json:"gamma"`
}

func (s *Exponential) LR(step int, base float64) float64 {
	return base * math.Pow(s.Gamma, float64(step))
}

func (s *Exponential) check() error {
	if s.Gamma <= 0 {
		return fmt.Errorf("gamma is %v, want more than 0", s.Gamma)
	}
	return nil
}

// Linear goes from base·StartFactor to base·EndFactor in TotalIters steps.
type Linear struct {
	StartFactor float64 `json:"start_factor"`
	EndFactor   float64 `json:"end_factor"`
	TotalIters  int     `json:"total_iters"`
}

func (s *Linear) LR(step int, base float64) float64 {
	return base * (s.StartFactor + (s.EndFactor-s.StartFactor)*part(step, s.TotalIters))
}

// part is step/total within 0 … 1.
func part(step, total int) float64 {
	if step >= total {
		return 1
	}
	return float64(step) / float64(total)
}

// Polynomial is base·(1 − step/TotalIters)^Power, and 0 after that.
type Polynomial struct {
	TotalIters int     `json:"total_iters"`
	Power      float64 `json:"power"`
}

func (s *Polynomial) LR(step int, base float64) float64 {
	return base * math.Pow(1-part(step, s.TotalIters), s.Power)
}

// Cosine goes from base to EtaMin along half a wave of TMax steps, and back along the next (Loshchilov and Hutter 2017, "SGDR").
type Cosine struct {
	TMax   int     `json:"T_max"`
	EtaMin float64 `json:"eta_min"`
}

func (s *Cosine) LR(step int, base float64) float64 {
	return wave(float64(step)/float64(max(s.TMax, 1)), base, s.EtaMin)
}

func (s *Cosine) check() error { return atLeast("T_max", s.TMax, 1) }

// wave goes from high at x = 0 to low at x = 1 as a cosine.
func wave(x, high, low float64) float64 { return low + (high-low)*(1+math.Cos(math.Pi*x))/2 }

// CosineRestarts is a cosine that starts anew after T0 steps, then after each time TMult times as many.
type CosineRestarts struct {
	T0     int     `json:"T_0"`
	TMult  int     `json:"T_mult"`
	EtaMin float64 `json:"eta_min"`
}

func (s *CosineRestarts) LR(step int, base float64) float64 {
	n := max(s.T0, 1)
	if s.TMult <= 1 {
		step %= n
	}
	for step >= n {
		step -= n
		n *= s.TMult
	}
	return wave(float64(step)/float64(n), base, s.EtaMin)
}

func (s *CosineRestarts) check() error {
	if err := atLeast("T_0", s.T0, 1); err != nil {
		return err
	}
	return atLeast("T_mult", s.TMult, 1)
}

// Sequential is one schedule after the other: schedule k+1 starts, at its step 0, at milestone k.
type Sequential struct {
	Schedules  []Schedule
	Milestones []int // ascending, one fewer than schedules
}

func (s *Sequential) LR(step int, base float64) float64 {
	if len(s.Schedules) == 0 {
		return base
	}
	k := sort.SearchInts(s.Milestones, step+1)
	k = min(k, len(s.Schedules)-1)
	if k > 0 {
		step -= s.Milestones[k-1]
	}
	return s.Schedules[k].LR(step, base)
}

func (s *Sequential) check() error {
	if len(s.Schedules) == 0 || len(s.Milestones) != len(s.Schedules)-1 || !sort.IntsAreSorted(s.Milestones) {
		return fmt.Errorf("milestones %v for %d schedules, want one fewer, ascending", s.Milestones, len(s.Schedules))
	}
	return nil
}

// Chained is several schedules at once: the rate of each is the base of the next. Where they are factors, the factors multiply.
type Chained []Schedule

func (s Chained) LR(step int, base float64) float64 {
	for _, c := range s {
		base = c.LR(step, base)
	}
	return base
}

// Observe tells those that follow a metric.
func (s Chained) Observe(metric float64) {
	for _, c := range s {
		if o, ok := c.(Observer); ok {
			o.Observe(metric)
		}
	}
}

func atLeast(name string, v, least int) error {
	if v < least {
		return fmt.Errorf("%s is %d, want at least %d", name, v, least)
	}
	return nil
}
