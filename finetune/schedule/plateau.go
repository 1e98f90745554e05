package schedule

import (
	"fmt"
	"math"
)

// Plateau multiplies the rate by Factor when a metric has not improved for more than Patience observations. It remembers its State, which a checkpoint keeps.
type Plateau struct {
	Mode          string  `json:"mode"` // min: lower is better; or max
	Factor        float64 `json:"factor"`
	Patience      int     `json:"patience"`
	Threshold     float64 `json:"threshold"`      // by how much better counts
	ThresholdMode string  `json:"threshold_mode"` // rel: as part of the best; or abs
	Cooldown      int     `json:"cooldown"`       // observations after a reduction that do not count
	MinLR         float64 `json:"min_lr"`
	Eps           float64 `json:"eps"` // smaller reductions are not made

	State PlateauState `json:"-"`
}

// PlateauState is what a Plateau has seen.
type PlateauState struct {
	Seen       bool    `json:"seen"` // whether there is a best
	Best       float64 `json:"best"`
	Bad        int     `json:"bad"`        // observations since then
	Cooldown   int     `json:"cooldown"`   // observations that do not count yet
	Reductions int     `json:"reductions"` // of the rate
}

// NewPlateau has PyTorch's defaults.
func NewPlateau() *Plateau {
	return &Plateau{Mode: "min", Factor: 0.1, Patience: 10, Threshold: 1e-4, ThresholdMode: "rel", Eps: 1e-8}
}

func (s *Plateau) check() error {
	switch {
	case s.Mode != "min" && s.Mode != "max":
		return fmt.Errorf("mode %q; there are min and max", s.Mode)
	case s.ThresholdMode != "rel" && s.ThresholdMode != "abs":
		return fmt.Errorf("threshold_mode %q; there are rel and abs", s.ThresholdMode)
	case s.Factor < 0 || s.Factor >= 1:
		return fmt.Errorf("factor is %v, want 0 to less than 1", s.Factor)
	}
	return nil
}

// LR does not depend on the step.
func (s *Plateau) LR(_ int, base float64) float64 {
	for range s.State.Reductions {
		next := math.Max(base*s.Factor, s.MinLR)
		if base-next <= s.Eps {
			break
		}
		base = next
	}
	return base
}

// Observe takes the metric; NaN is no improvement.
func (s *Plateau) Observe(metric float64) {
	t := &s.State
	if s.better(metric) {
		t.Seen, t.Best, t.Bad = true, metric, 0
	} else {
		t.Bad++
	}
	if t.Cooldown > 0 {
		t.Cooldown--
		t.Bad = 0
	}
	if t.Bad > s.Patience {
		t.Reductions++
		t.Cooldown, t.Bad = s.Cooldown, 0
	}
}

func (s *Plateau) better(metric float64) bool {
	if math.IsNaN(metric) || math.IsInf(metric, 0) {
		return false
	}
	if !s.State.Seen {
		return true
	}
	best, sign := s.State.Best, 1.0
	if s.Mode == "min" {
		sign = -1
	}
	if s.ThresholdMode == "rel" {
		return sign*metric > sign*best*(1+sign*s.Threshold)
	}
	return sign*metric > sign*best+s.Threshold
}
