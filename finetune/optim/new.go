package optim

import (
	"fmt"
	"sort"
	"strings"

	"github.com/onnxrun/onnxrun/internal/params"
)

// defaults are the optimizers by name, with PyTorch's defaults.
var defaults = map[string]func() Optimizer{
	"SGD":       func() Optimizer { return NewSGD(1e-3) },
	"Adam":      func() Optimizer { return NewAdam(1e-3) },
	"AdamW":     func() Optimizer { return NewAdamW(1e-3) },
	"NAdam":     func() Optimizer { return NewNAdam(2e-3) },
	"RAdam":     func() Optimizer { return NewRAdam(1e-3) },
	"Adamax":    func() Optimizer { return NewAdamax(2e-3) },
	"RMSprop":   func() Optimizer { return NewRMSprop(1e-2) },
	"Adagrad":   func() Optimizer { return NewAdagrad(1e-2) },
	"Adadelta":  func() Optimizer { return NewAdadelta(1) },
	"Adafactor": func() Optimizer { return NewAdafactor(1e-2) },
	"LAMB":      func() Optimizer { return NewLAMB(1e-3) },
	"Lion":      func() Optimizer { return NewLion(1e-4) },
	"Muon":      func() Optimizer { return NewMuon(1e-3) },
}

// Names lists the optimizers that [New] knows.
func Names() []string {
	var list []string
	for n := range defaults {
		list = append(list, n)
	}
	sort.Strings(list)
	return list
}

// New is the optimizer of that name, in any case, with hyper-parameters under PyTorch's names; those that are missing have PyTorch's defaults. Unknown
// names are refused.
func New(name string, values map[string]any) (Optimizer, error) {
	for n, f := range defaults {
		if !strings.EqualFold(n, name) {
			continue
		}
		o := f()
		if err := params.Set(values, o); err != nil {
			return nil, fmt.Errorf("optimizer %s: %w", n, err)
		}
		return o, nil
	}
	return nil, fmt.Errorf("no optimizer %q; there are %s", name, strings.Join(Names(), ", "))
}
