package schedule

import (
	"fmt"
	"math"
)

// Warmup goes linearly from 0 to the base rate, then as Decay says.
type Warmup struct {
	WarmupSteps   int     `json:"num_warmup_steps"`
	TrainingSteps int     `json:"num_training_steps"` // at whose end the decay ends
	Cycles        float64 `json:"num_cycles"`         // waves of a cosine, restarts
	MinLR         float64 `json:"min_lr"`             // where a cosine ends
	MinLRRate     float64 `json:"min_lr_rate"`        // the same as part of the base rate
	LREnd         float64 `json:"lr_end"`             // where a polynomial ends
	Power         float64 `json:"power"`              // of a polynomial
	Timescale     int     `json:"timescale"`          // of an inverse square root; 0: the warm-up, or 10000 without one

	Decay Decay `json:"-"`
}

// Decay is what comes after a warm-up.
type Decay int

const (
	DecayNone           Decay = iota
	DecayLinear               // to 0
	DecayCosine               // along Cycles waves: one half ends at the minimum
	DecayCosineRestarts       // along half waves, Cycles times
	DecayPolynomial           // to LREnd
	DecayInverseSqrt          // as 1/√step
)

func (s *Warmup) check() error {
	if err := atLeast("num_warmup_steps", s.WarmupSteps, 0); err != nil {
		return err
	}
	if s.Decay == DecayNone || s.Decay == DecayInverseSqrt {
		return nil
	}
	return atLeast("num_training_steps", s.TrainingSteps, 1)
}

func (s *Warmup) LR(step int, base float64) float64 {
	if step < s.WarmupSteps {
		return base * float64(step) / float64(s.WarmupSteps)
	}
	x := float64(step-s.WarmupSteps) / float64(max(1, s.TrainingSteps-s.WarmupSteps))
	switch s.Decay {
	case DecayLinear:
		return base * math.Max(0, 1-x)
	case DecayCosine:
		low := s.MinLRRate
		if s.MinLR != 0 && base != 0 {
			low = s.MinLR / base
		}
		return base * math.Max(0, wave(2*s.Cycles*x, 1, low))
	case DecayCosineRestarts:
		if x >= 1 {
			return 0
		}
		return base * wave(math.Mod(s.Cycles*x, 1), 1, 0)
	case DecayPolynomial:
		if step > s.TrainingSteps {
			return s.LREnd
		}
		return (base-s.LREnd)*math.Pow(1-x, s.Power) + s.LREnd
	case DecayInverseSqrt:
		scale := s.Timescale
		if scale == 0 {
			scale = s.WarmupSteps
		}
		if scale == 0 {
			scale = 10000
		}
		return base / math.Sqrt(float64(step+scale-s.WarmupSteps)/float64(scale))
	}
	return base
}

// WSD is warm-up, stable rate, decay: from MinLRRatio of the base rate up to it, and back down at the end (Hu et al. 2024, "MiniCPM").
type WSD struct {
	WarmupSteps   int     `json:"num_warmup_steps"`
	StableSteps   int     `json:"num_stable_steps"` // 0: what TrainingSteps leave
	DecaySteps    int     `json:"num_decay_steps"`
	TrainingSteps int     `json:"num_training_steps"`
	WarmupType    string  `json:"warmup_type"` // linear, cosine or 1-sqrt
	DecayType     string  `json:"decay_type"`
	MinLRRatio    float64 `json:"min_lr_ratio"`
	Cycles        float64 `json:"num_cycles"` // waves of a decay along a cosine
}

// NewWSD warms up linearly and decays along half a wave.
func NewWSD() *WSD { return &WSD{WarmupType: "linear", DecayType: "cosine", Cycles: 0.5} }

func (s *WSD) check() error {
	for _, t := range []string{s.WarmupType, s.DecayType} {
		if t != "linear" && t != "cosine" && t != "1-sqrt" {
			return fmt.Errorf("type %q; there are linear, cosine and 1-sqrt", t)
		}
	}
	if s.stable() < 0 {
		return fmt.Errorf("%d steps of warm-up and %d of decay among %d", s.WarmupSteps, s.DecaySteps, s.TrainingSteps)
	}
	return nil
}

func (s *WSD) stable() int {
	if s.StableSteps == 0 && s.TrainingSteps > 0 {
		return s.TrainingSteps - s.WarmupSteps - s.DecaySteps
	}
	return s.StableSteps
}

func (s *WSD) LR(step int, base float64) float64 {
	rest := step - s.WarmupSteps - s.stable()
	f := 0.0
	switch {
	case step < s.WarmupSteps:
		switch x := float64(step) / float64(s.WarmupSteps); s.WarmupType {
		case "cosine":
			f = wave(x, 0, 1)
		case "1-sqrt":
			f = 1 - math.Sqrt(1-x)
		default:
			f = x
		}
	case rest < 0:
		return base
	case rest < s.DecaySteps:
		switch x := float64(rest) / float64(s.DecaySteps); s.DecayType {
		case "cosine":
			f = wave(2*s.Cycles*x, 1, 0)
		case "1-sqrt":
			f = 1 - math.Sqrt(x)
		default:
			f = 1 - x
		}
	}
	return base * math.Max(0, f*(1-s.MinLRRatio)+s.MinLRRatio)
}
