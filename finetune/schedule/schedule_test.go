package schedule_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune/schedule"
)

// TestGoldenSchedules holds every schedule of schedules.json to PyTorch's rates.
func TestGoldenSchedules(t *testing.T) {
	root := os.Getenv("ONNXRUN_TRAINING")
	if root == "" {
		t.Skip("ONNXRUN_TRAINING does not name the folder of training goldens")
	}
	raw, err := os.ReadFile(filepath.Join(root, "schedules.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Cases []struct {
			Name     string
			BaseLR   float64 `json:"base_lr"`
			Schedule map[string]any
			LR       []float64
		}
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatal(err)
	}
	for _, c := range index.Cases {
		t.Run(c.Name, func(t *testing.T) {
			name, _ := c.Schedule["name"].(string)
			metric, _ := c.Schedule["metric"].([]any)
			delete(c.Schedule, "name")
			delete(c.Schedule, "metric")
			s, err := schedule.New(name, c.Schedule, 0)
			if err != nil {
				t.Fatal(err)
			}
			for k, want := range c.LR { // PyTorch multiplies its rates up step by step, so that rounding errors add up
				if got := s.LR(k, c.BaseLR); !(math.Abs(got-want) <= 1e-13*c.BaseLR) {
					t.Fatalf("rate of step %d is %v, want %v", k, got, want)
				}
				if o, ok := s.(schedule.Observer); ok {
					o.Observe(metric[k].(float64))
				}
			}
		})
	}
}

// TestPlateauResumes: what is restored from its state goes on as if it had never stopped.
func TestPlateauResumes(t *testing.T) {
	fresh := func() *schedule.Plateau {
		p := schedule.NewPlateau()
		p.Patience, p.Cooldown, p.Factor = 1, 2, 0.5
		return p
	}
	whole := fresh()
	for cut := range 12 {
		resumed := fresh()
		for k := range 12 {
			if k == cut {
				raw, err := json.Marshal(resumed.State)
				if err != nil {
					t.Fatal(err)
				}
				resumed = fresh()
				if err := json.Unmarshal(raw, &resumed.State); err != nil {
					t.Fatal(err)
				}
			}
			m := math.Max(1, 3-float64(k))
			resumed.Observe(m)
			if cut == 0 {
				whole.Observe(m)
			}
		}
		if resumed.State != whole.State || resumed.LR(0, 1) != whole.LR(0, 1) {
			t.Errorf("resumed after %d observations: %+v, want %+v", cut, resumed.State, whole.State)
		}
	}
	if whole.State.Reductions != 2 {
		t.Errorf("%d reductions, want 2", whole.State.Reductions)
	}
	p := schedule.NewPlateau()
	p.Observe(math.NaN())
	if p.State.Seen {
		t.Error("NaN counts as the best")
	}
}

// TestMomentum: it goes down where the rate goes up.
func TestMomentum(t *testing.T) {
	one := schedule.NewOneCycle(1, 11)
	one.PctStart = 0.6
	cyc := schedule.NewCyclic(0, 1)
	cyc.StepSizeUp = 5
	for _, c := range []struct {
		s    schedule.Momentum
		step int
		want float64
	}{{one, 0, 0.95}, {one, 10, 0.95}, {cyc, 0, 0.9}, {cyc, 5, 0.8}, {cyc, 10, 0.9}} {
		if m, ok := c.s.Momentum(c.step); !ok || math.Abs(m-c.want) > 1e-12 {
			t.Errorf("%T at %d: %v, want %v", c.s, c.step, m, c.want)
		}
	}
	for k := range 10 {
		a, _ := one.Momentum(k)
		b, _ := one.Momentum(k + 1)
		if up := one.LR(k+1, 1) > one.LR(k, 1); k < 5 && up != (b < a) {
			t.Errorf("step %d: rate up %v, momentum from %v to %v", k, up, a, b)
		}
	}
}

// TestCombined: sequences start their parts at 0; chains multiply. Rates by hand.
func TestCombined(t *testing.T) {
	s, err := schedule.New("sequential", map[string]any{"milestones": []int{2, 4}, "schedulers": []map[string]any{
		{"name": "linear", "start_factor": 0.5, "total_iters": 2}, {"name": "constant", "factor": 1.0}, {"name": "cosine"}}}, 6)
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range []float64{1, 1.5, 2, 2, 2, 1, 0} {
		if got := s.LR(k, 2); math.Abs(got-want) > 1e-12 {
			t.Errorf("sequence at %d: %v, want %v", k, got, want)
		}
	}
	s, err = schedule.New("ChainedScheduler", map[string]any{"schedulers": []map[string]any{
		{"name": "StepLR", "step_size": 2, "gamma": 0.5}, {"name": "exponential", "gamma": 0.1}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.LR(3, 8); math.Abs(got-0.004) > 1e-12 {
		t.Errorf("chain %v, want 0.004", got)
	}
	if s, err = schedule.New("one_cycle", map[string]any{"pct_start": 0.5}, 21); err != nil {
		t.Fatal(err)
	}
	if top := s.LR(9, 3); top > 3 || top < 2.9 {
		t.Errorf("one cycle reaches %v, want the base rate 3", top)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		params map[string]any
		want   string
	}{
		{"cosines", nil, "cosine_restarts"},
		{"cosine", nil, "T_max"},
		{"cosine", map[string]any{"T_max": 3, "gamma": 1}, "gamma"},
		{"step", nil, "step_size"},
		{"exponential", nil, "gamma"},
		{"one_cycle", map[string]any{"total_steps": 3, "anneal_strategy": "log"}, "log"},
		{"cyclic", map[string]any{"max_lr": 1, "mode": "square"}, "square"},
		{"plateau", map[string]any{"factor": 1.5}, "1.5"},
		{"linear_warmup", nil, "num_training_steps"},
		{"wsd", map[string]any{"decay_type": "step"}, "step"},
		{"sequential", map[string]any{"schedulers": []map[string]any{{"name": "constant"}}, "milestones": []int{1}}, "milestones"},
		{"sequential", map[string]any{"schedulers": []map[string]any{{"name": "constant"}, {"name": "plateau"}}, "milestones": []int{1}}, "metric"},
		{"chained", nil, "schedulers"},
	} {
		if _, err := schedule.New(c.name, c.params, 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: error %v, want %q in it", c.name, c.params, err, c.want)
		}
	}
	for _, n := range schedule.Names() {
		if _, err := schedule.New(n, nil, 0); err != nil && strings.Contains(err.Error(), "no schedule") {
			t.Error(err)
		}
	}
}

// TestFinder: of a loss that falls around 1e-2 and explodes above 1, the suggestion is where it falls.
func TestFinder(t *testing.T) {
	sweep := schedule.Sweep(1e-5, 10, 121)
	if sweep(0, 0) != 1e-5 || math.Abs(sweep(120, 0)-10) > 1e-12 || math.Abs(sweep(60, 0)-1e-2) > 1e-12 {
		t.Error("the sweep is not exponential")
	}
	var rates, losses []float64
	for k := range 121 {
		lr := sweep(k, 0)
		rates = append(rates, lr)
		losses = append(losses, 2-1.5/(1+math.Pow(lr/1e-2, -2))+math.Pow(lr, 4))
		if schedule.Diverged(losses) {
			break
		}
	}
	if n := len(losses); n == 121 || losses[n-1] < 1 {
		t.Errorf("divergence seen after %d steps", n)
	}
	if lr, ok := schedule.Suggest(rates, losses); !ok || lr < 3e-3 || lr > 1e-1 {
		t.Errorf("suggests %v", lr)
	}
	if _, ok := schedule.Suggest([]float64{1, 2, 3}, []float64{1, 2, 3}); ok {
		t.Error("suggests a rate where the loss only rises")
	}
}
