package optim_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// TestNew: every optimizer exists by its name with PyTorch's defaults, builds an update for a matrix, and refuses what it does not know. The numbers are held
// to PyTorch's by the goldens of package finetune.
func TestNew(t *testing.T) {
	for _, name := range optim.Names() {
		o, err := optim.New(strings.ToLower(name), map[string]any{"lr": 0.25})
		if err != nil {
			t.Fatal(err)
		}
		if o.Rate() != 0.25 {
			t.Errorf("%s: rate %v", name, o.Rate())
		}
		b := graph.NewBuilder(ops.Registry(), nil)
		u := optim.NewUpdate(b)
		typ := graph.TypeOf(tensor.Must(tensor.New(tensor.Float32, 3, 2)))
		next := u.Param(0, o, "w", b.Input("w", typ), b.Input("g", typ))
		if b.Err() != nil || !next.Type.Equal(typ) {
			t.Errorf("%s: %v, %v", name, next, b.Err())
		}
		for _, s := range u.Slots {
			if s.Out == nil || !s.Out.Type.Equal(s.In.Type) || !strings.HasSuffix(s.Name, "/w") {
				t.Errorf("%s: slot %s from %v to %v", name, s.Name, s.In.Type, s.Out)
			}
			if x, err := s.Tensor(); err != nil || !graph.TypeOf(x).Equal(s.In.Type) {
				t.Errorf("%s: slot %s starts as %v, %v", name, s.Name, x, err)
			}
		}
		if _, err := optim.New(name, map[string]any{"learning_rate": 1}); err == nil || !strings.Contains(err.Error(), "learning_rate") {
			t.Errorf("%s with an unknown parameter: %v", name, err)
		}
	}
	if _, err := optim.New("sdg", nil); err == nil || !strings.Contains(err.Error(), "SGD") {
		t.Errorf("an unknown optimizer: %v", err)
	}
}

// TestMuonRefuses: Muon is for matrices.
func TestMuonRefuses(t *testing.T) {
	b := graph.NewBuilder(ops.Registry(), nil)
	typ := graph.TypeOf(tensor.Must(tensor.New(tensor.Float32, 3)))
	optim.NewUpdate(b).Param(0, optim.NewMuon(1), "bias", b.Input("w", typ), b.Input("g", typ))
	if b.Err() == nil || !strings.Contains(b.Err().Error(), "bias") {
		t.Error(b.Err())
	}
}

func ExampleNew() {
	o, err := optim.New("AdamW", map[string]any{"lr": 3e-4, "betas": []float64{0.9, 0.98}})
	if err != nil {
		fmt.Println(err)
		return
	}
	w := o.(*optim.AdamW)
	fmt.Println(w.LR, w.Betas, w.WeightDecay)
	// Output: 0.0003 [0.9 0.98] 0.01
}

// TestCheck: what PyTorch refuses is refused, and every default is fine.
func TestCheck(t *testing.T) {
	for _, name := range optim.Names() {
		o, err := optim.New(name, nil)
		if err == nil {
			err = optim.Check(o)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, o := range []optim.Optimizer{optim.NewSGD(-1), optim.NewSGD(math.NaN()), optim.NewAdam(math.Inf(1)), &optim.Adam{LR: 1, Betas: [2]float64{0.9, 1}},
		&optim.SGD{Momentum: -0.1}, &optim.Adadelta{Rho: 1.1}} {
		if optim.Check(o) == nil {
			t.Errorf("%+v is not refused", o)
		}
	}
}
