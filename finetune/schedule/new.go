package schedule

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/internal/params"
)

// kind is a schedule with its names and defaults; total is the number of steps of the whole training, or 0.
type kind struct {
	names []string // the first is the short one
	make  func(total int) Schedule
}

func warmup(d Decay, more func(*Warmup)) func(int) Schedule {
	return func(total int) Schedule {
		w := &Warmup{TrainingSteps: total, Decay: d}
		if more != nil {
			more(w)
		}
		return w
	}
}

func half(w *Warmup) { w.Cycles = 0.5 }

var kinds = []kind{
	{[]string{"constant", "ConstantLR"}, func(int) Schedule { return &Constant{1. / 3, 5} }},
	{[]string{"step", "StepLR"}, func(int) Schedule { return &Step{Gamma: 0.1} }},
	{[]string{"multistep", "MultiStepLR"}, func(int) Schedule { return &MultiStep{Gamma: 0.1} }},
	{[]string{"exponential", "ExponentialLR"}, func(int) Schedule { return &Exponential{} }},
	{[]string{"linear", "LinearLR"}, func(int) Schedule { return &Linear{1. / 3, 1, 5} }},
	{[]string{"polynomial", "PolynomialLR"}, func(total int) Schedule {
		if total == 0 {
			total = 5
		}
		return &Polynomial{total, 1}
	}},
	{[]string{"cosine", "CosineAnnealingLR"}, func(total int) Schedule { return &Cosine{TMax: total} }},
	{[]string{"cosine_restarts", "CosineAnnealingWarmRestarts"}, func(int) Schedule { return &CosineRestarts{TMult: 1} }},
	{[]string{"one_cycle", "OneCycleLR"}, func(total int) Schedule { return NewOneCycle(0, total) }},
	{[]string{"cyclic", "CyclicLR"}, func(int) Schedule { return NewCyclic(0, 0) }},
	{[]string{"plateau", "ReduceLROnPlateau"}, func(int) Schedule { return NewPlateau() }},
	{[]string{"constant_warmup", "get_constant_schedule_with_warmup"}, warmup(DecayNone, nil)},
	{[]string{"linear_warmup", "get_linear_schedule_with_warmup"}, warmup(DecayLinear, nil)},
	{[]string{"cosine_warmup", "get_cosine_schedule_with_warmup"}, warmup(DecayCosine, half)},
	{[]string{"cosine_min_warmup", "get_cosine_with_min_lr_schedule_with_warmup"}, warmup(DecayCosine, half)},
	{[]string{"cosine_restarts_warmup", "get_cosine_with_hard_restarts_schedule_with_warmup"}, warmup(DecayCosineRestarts, func(w *Warmup) { w.Cycles = 1 })},
	{[]string{"polynomial_warmup", "get_polynomial_decay_schedule_with_warmup"}, warmup(DecayPolynomial, func(w *Warmup) { w.LREnd, w.Power = 1e-7, 1 })},
	{[]string{"inverse_sqrt", "get_inverse_sqrt_schedule"}, warmup(DecayInverseSqrt, nil)},
	{[]string{"wsd", "get_wsd_schedule"}, func(total int) Schedule {
		s := NewWSD()
		s.TrainingSteps = total
		return s
	}},
	{[]string{"sequential", "SequentialLR"}, nil},
	{[]string{"chained", "ChainedScheduler"}, nil},
}

// Names lists the short names of the schedules that [New] knows. It also takes those of PyTorch's classes and of transformers' functions.
func Names() []string {
	var list []string
	for _, k := range kinds {
		list = append(list, k.names[0])
	}
	slices.Sort(list)
	return list
}

// New is the schedule of that name, in any case, with parameters under PyTorch's names; those that are missing have PyTorch's defaults. What ends
// with the training (T_max, total_steps, num_training_steps, total_iters of a polynomial) is total by default, the number of steps of the whole training, or 0 when it
// is not known. The parameter schedulers of sequential and chained is a list of objects with a name and parameters. What is unknown or missing is refused.
func New(name string, values map[string]any, total int) (Schedule, error) {
	i := slices.IndexFunc(kinds, func(k kind) bool {
		return slices.ContainsFunc(k.names, func(n string) bool { return strings.EqualFold(n, name) })
	})
	if i < 0 {
		return nil, fmt.Errorf("no schedule %q; there are %s", name, strings.Join(Names(), ", "))
	}
	s, err := kinds[i].new(values, total)
	if err != nil {
		return nil, fmt.Errorf("schedule %s: %w", name, err)
	}
	return s, nil
}

func (k kind) new(values map[string]any, total int) (s Schedule, err error) {
	switch k.names[0] {
	case "sequential", "chained":
		if s, err = several(k.names[0] == "chained", values, total); err != nil {
			return nil, err
		}
	default:
		s = k.make(total)
		if err := params.Set(values, s); err != nil {
			return nil, err
		}
	}
	if c, ok := s.(interface{ check() error }); ok {
		if err := c.check(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func several(chained bool, values map[string]any, total int) (Schedule, error) {
	var p struct {
		Schedulers []map[string]any `json:"schedulers"`
		Milestones []int            `json:"milestones"`
	}
	if err := params.Set(values, &p); err != nil {
		return nil, err
	}
	if len(p.Schedulers) == 0 {
		return nil, fmt.Errorf("schedulers are missing")
	}
	var list []Schedule
	for i, q := range p.Schedulers {
		rest := maps.Clone(q)
		delete(rest, "name")
		name, _ := q["name"].(string)
		left := total // for the last in a sequence
		if k := i - 1; !chained && k >= 0 && k < len(p.Milestones) {
			left = max(0, total-p.Milestones[k])
		}
		s, err := New(name, rest, left)
		if err != nil {
			return nil, err
		}
		if !chained && follows(s) {
			return nil, fmt.Errorf("%s follows a metric and cannot be one of a sequence", name)
		}
		list = append(list, s)
	}
	if !chained {
		return &Sequential{list, p.Milestones}, nil
	}
	if p.Milestones != nil {
		return nil, fmt.Errorf("milestones of schedules that are chained")
	}
	return Chained(list), nil
}

// follows reports whether a schedule depends on a metric.
func follows(s Schedule) bool {
	if c, ok := s.(Chained); ok {
		return slices.ContainsFunc(c, follows)
	}
	_, ok := s.(Observer)
	return ok
}
