package loss

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/internal/params"
)

// kinds are the losses by name, with their defaults.
var kinds = map[string]func() Loss{
	"cross_entropy":    func() Loss { return NewCrossEntropy() },
	"nll":              func() Loss { return NewNLL() },
	"next_token":       func() Loss { return NewNextToken() },
	"bce":              func() Loss { return NewBCE() },
	"bce_with_logits":  func() Loss { return NewBCEWithLogits() },
	"bce_logits":       func() Loss { return NewBCEWithLogits() },
	"focal":            func() Loss { return NewFocal() },
	"dice":             func() Loss { return NewDice() },
	"mse":              func() Loss { return NewMSE() },
	"mse_to":           func() Loss { return NewMSE() },
	"l1":               func() Loss { return NewL1() },
	"smooth_l1":        func() Loss { return NewSmoothL1() },
	"huber":            func() Loss { return NewHuber() },
	"poisson_nll":      func() Loss { return NewPoissonNLL() },
	"gaussian_nll":     func() Loss { return NewGaussianNLL() },
	"kl_div":           func() Loss { return NewKLDiv() },
	"hinge":            func() Loss { return NewHinge() },
	"squared_hinge":    func() Loss { return &Hinge{Squared: true} },
	"soft_margin":      func() Loss { return NewSoftMargin() },
	"hinge_embedding":  func() Loss { return NewHingeEmbedding() },
	"margin_ranking":   func() Loss { return NewMarginRanking() },
	"multi_margin":     func() Loss { return NewMultiMargin() },
	"cosine_embedding": func() Loss { return NewCosineEmbedding() },
	"triplet_margin":   func() Loss { return NewTripletMargin() },
	"info_nce":         func() Loss { return NewInfoNCE() },
	"ctc":              func() Loss { return NewCTC() },
	"yolo":             func() Loss { return NewYOLO() },
	"distill":          func() Loss { return NewDistill() },
}

// Kinds lists the losses that [New] knows.
func Kinds() []string { return slices.Sorted(maps.Keys(withSum())) }

func withSum() map[string]func() Loss {
	m := maps.Clone(kinds)
	m["sum"] = nil
	return m
}

// synonyms are other names of parameters, where there are any.
var synonyms = map[string]string{"weight_per_class": "weight"}

// New is the loss of that kind, with parameters under PyTorch's names; those that are missing have their defaults. Every kind also takes output, the number of the model's
// output that it is of, and target, the name of its target. The kind sum takes terms: a list of objects with the kind of a loss, its weight in
// the sum, and its parameters. What is unknown is refused.
func New(kind string, values map[string]any) (Loss, error) {
	if kind == "sum" {
		return newSum(values)
	}
	f := kinds[kind]
	if f == nil {
		return nil, fmt.Errorf("no loss %q; there are %s", kind, strings.Join(Kinds(), ", "))
	}
	own, place := map[string]any{}, map[string]any{}
	for k, v := range values {
		switch {
		case k == "output" || k == "target":
			place[k] = v
		case synonyms[k] != "":
			own[synonyms[k]] = v
		default:
			own[k] = v
		}
	}
	l := f()
	var on struct {
		Output int    `json:"output"`
		Target string `json:"target"`
	}
	if err := errors.Join(params.Set(own, l), params.Set(place, &on)); err != nil {
		return nil, fmt.Errorf("loss %s: %w", kind, err)
	}
	if len(place) == 0 {
		return l, nil
	}
	return &On{l, on.Output, on.Target}, nil
}

func newSum(values map[string]any) (Loss, error) {
	var s struct {
		Terms []map[string]any `json:"terms"`
	}
	if err := params.Set(values, &s); err != nil {
		return nil, fmt.Errorf("loss sum: %w", err)
	}
	if len(s.Terms) == 0 {
		return nil, fmt.Errorf("loss sum without terms")
	}
	var sum Weighted
	for i, t := range s.Terms {
		own, rest := map[string]any{}, map[string]any{}
		for k, v := range t {
			if k == "kind" || k == "weight" {
				own[k] = v
			} else {
				rest[k] = v
			}
		}
		term := struct {
			Kind   string
			Weight float64
		}{Weight: 1}
		err := params.Set(own, &term)
		if err == nil {
			var l Loss
			l, err = New(term.Kind, rest)
			sum = append(sum, Term{term.Weight, l})
		}
		if err != nil {
			return nil, fmt.Errorf("loss sum: term %d: %w", i, err)
		}
	}
	return sum, nil
}
