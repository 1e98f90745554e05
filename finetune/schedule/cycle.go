package schedule

import (
	"fmt"
	"math"
)

// OneCycle goes from MaxLR/DivFactor up to MaxLR, and down to 1/FinalDivFactor of where it started, in TotalSteps steps (Smith and Topin 2019, "Super-convergence"). With three phases
// the way down is as long as the way up, and what remains goes from there to the end.
type OneCycle struct {
	MaxLR          float64 `json:"max_lr"` // 0: the base rate
	TotalSteps     int     `json:"total_steps"`
	Epochs         int     `json:"epochs"` // with StepsPerEpoch in place of TotalSteps
	StepsPerEpoch  int     `json:"steps_per_epoch"`
	PctStart       float64 `json:"pct_start"` // part of the steps on the way up
	AnnealStrategy string  `json:"anneal_strategy"`
	DivFactor      float64 `json:"div_factor"`
	FinalDivFactor float64 `json:"final_div_factor"`
	ThreePhase     bool    `json:"three_phase"`
	CycleMomentum  bool    `json:"cycle_momentum"` // moves momentum from MaxMomentum down to BaseMomentum and back
	BaseMomentum   float64 `json:"base_momentum"`
	MaxMomentum    float64 `json:"max_momentum"`
}

// NewOneCycle has PyTorch's defaults.
func NewOneCycle(maxLR float64, totalSteps int) *OneCycle {
	return &OneCycle{MaxLR: maxLR, TotalSteps: totalSteps, PctStart: 0.3, AnnealStrategy: "cos", DivFactor: 25, FinalDivFactor: 1e4,
		CycleMomentum: true, BaseMomentum: 0.85, MaxMomentum: 0.95}
}

func (s *OneCycle) check() error {
	if s.TotalSteps == 0 {
		s.TotalSteps = s.Epochs * s.StepsPerEpoch
	}
	switch {
	case s.TotalSteps < 1:
		return fmt.Errorf("total_steps is %d, want at least 1", s.TotalSteps)
	case s.PctStart < 0 || s.PctStart > 1:
		return fmt.Errorf("pct_start is %v, want 0 to 1", s.PctStart)
	case s.AnnealStrategy != "cos" && s.AnnealStrategy != "linear":
		return fmt.Errorf("anneal_strategy %q; there are cos and linear", s.AnnealStrategy)
	case s.DivFactor <= 0 || s.FinalDivFactor <= 0:
		return fmt.Errorf("div_factor %v and final_div_factor %v, want more than 0", s.DivFactor, s.FinalDivFactor)
	}
	return nil
}

func (s *OneCycle) LR(step int, base float64) float64 {
	top := s.MaxLR
	if top == 0 {
		top = base
	}
	start := top / s.DivFactor
	end := start / s.FinalDivFactor
	if s.ThreePhase {
		return s.along(step, start, top, start, end)
	}
	return s.along(step, start, top, end)
}

func (s *OneCycle) Momentum(step int) (float64, bool) {
	if s.ThreePhase {
		return s.along(step, s.MaxMomentum, s.BaseMomentum, s.MaxMomentum, s.MaxMomentum), s.CycleMomentum
	}
	return s.along(step, s.MaxMomentum, s.BaseMomentum, s.MaxMomentum), s.CycleMomentum
}

// along goes from each level to the next, one phase each.
func (s *OneCycle) along(step int, levels ...float64) float64 {
	total := s.TotalSteps
	if total == 0 {
		total = s.Epochs * s.StepsPerEpoch
	}
	up := s.PctStart * float64(total)
	ends := []float64{up - 1, float64(total - 1)}
	if len(levels) == 4 {
		ends = []float64{up - 1, 2*up - 2, float64(total - 1)}
	}
	at, from := math.Min(float64(step), float64(total-1)), 0.0
	for k, end := range ends {
		if at <= end || k == len(ends)-1 {
			x := 1.0
			if end > from {
				x = (at - from) / (end - from)
			}
			if s.AnnealStrategy == "linear" {
				return levels[k] + (levels[k+1]-levels[k])*x
			}
			return wave(x, levels[k], levels[k+1])
		}
		from = end
	}
	return levels[len(levels)-1]
}

// Cyclic goes from BaseLR to MaxLR and back again and again (Smith 2017, "Cyclical learning rates"). The mode triangular2 halves the height with each cycle, exp_range
// multiplies it by gammaˢᵗᵉᵖ.
type Cyclic struct {
	BaseLR        float64 `json:"base_lr"`
	MaxLR         float64 `json:"max_lr"`
	StepSizeUp    int     `json:"step_size_up"`
	StepSizeDown  int     `json:"step_size_down"` // 0: as many as up
	Mode          string  `json:"mode"`
	Gamma         float64 `json:"gamma"`
	CycleMomentum bool    `json:"cycle_momentum"` // moves momentum from MaxMomentum down to BaseMomentum and back
	BaseMomentum  float64 `json:"base_momentum"`
	MaxMomentum   float64 `json:"max_momentum"`
}

// NewCyclic has PyTorch's defaults.
func NewCyclic(baseLR, maxLR float64) *Cyclic {
	return &Cyclic{BaseLR: baseLR, MaxLR: maxLR, StepSizeUp: 2000, Mode: "triangular", Gamma: 1, CycleMomentum: true, BaseMomentum: 0.8, MaxMomentum: 0.9}
}

func (s *Cyclic) check() error {
	switch s.Mode {
	case "triangular", "triangular2", "exp_range":
	default:
		return fmt.Errorf("mode %q; there are triangular, triangular2 and exp_range", s.Mode)
	}
	if s.MaxLR <= 0 {
		return fmt.Errorf("max_lr is %v, want more than 0", s.MaxLR)
	}
	if s.StepSizeDown < 0 {
		return atLeast("step_size_down", s.StepSizeDown, 0)
	}
	return atLeast("step_size_up", s.StepSizeUp, 1)
}

// height of the wave, 0 to 1.
func (s *Cyclic) height(step int) float64 {
	up, down := float64(max(s.StepSizeUp, 1)), float64(s.StepSizeDown)
	if down == 0 {
		down = up
	}
	cycle := math.Floor(1 + float64(step)/(up+down))
	x := 1 + float64(step)/(up+down) - cycle
	ratio := up / (up + down)
	h := x / ratio
	if x > ratio {
		h = (x - 1) / (ratio - 1)
	}
	switch s.Mode {
	case "triangular2":
		h /= math.Pow(2, cycle-1)
	case "exp_range":
		h *= math.Pow(s.Gamma, float64(step))
	}
	return h
}

// LR does not depend on the base rate.
func (s *Cyclic) LR(step int, _ float64) float64 {
	return s.BaseLR + (s.MaxLR-s.BaseLR)*s.height(step)
}

func (s *Cyclic) Momentum(step int) (float64, bool) {
	return s.MaxMomentum - (s.MaxMomentum-s.BaseMomentum)*s.height(step), s.CycleMomentum
}
