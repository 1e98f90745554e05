package adapter

import (
	"fmt"
	"slices"
)

// Part is an adapter of a weighted sum.
type Part struct {
	Name   string
	Weight float64
}

// Combine makes a new LoRA adapter that adds the weighted sum of what others add, exactly: its rank is the sum of theirs (PEFT's combination "cat"). It
// is activated in place of those that are active. DoRA and saved modules have no such sum.
func (s *Set) Combine(name string, parts ...Part) (*Adapter, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("nothing to combine")
	}
	shares := map[*Layer][]share{}
	c := Config{Type: LoRA}
	for _, p := range parts {
		a := s.Adapter(p.Name)
		switch {
		case a == nil:
			return nil, fmt.Errorf("no adapter %q", p.Name)
		case a.Config.Type != LoRA || a.Config.DoRA || len(a.saved) > 0:
			return nil, fmt.Errorf("adapter %q is not a plain LoRA without saved modules", p.Name)
		}
		c.R += a.Config.R
		for _, t := range a.targets {
			shares[t.layer] = append(shares[t.layer], share{t, p.Weight})
			if !slices.Contains(c.Targets, t.name) && len(shares[t.layer]) == 1 {
				c.Targets = append(c.Targets, t.name)
			}
		}
	}
	c.Alpha = float64(c.R) // every scale is in B
	return s.take(func() (*Adapter, error) { return s.sum(name, c, shares) })
}

// share is a layer's part in a weighted sum.
type share struct {
	t      *target
	weight float64
}

func (s *Set) sum(name string, c Config, shares map[*Layer][]share) (*Adapter, error) {
	a, err := s.start(name, c)
	if err != nil {
		return nil, err
	}
	for _, l := range s.layers {
		list := shares[l]
		if list == nil {
			continue
		}
		t := &target{layer: l, name: list[0].t.name, scale: 1}
		if err := a.add(t); err != nil {
			return nil, err
		}
		r := 0
		for _, x := range list {
			r += x.t.a.Value.Const.Dim(0)
		}
		var down []float64
		up := make([]float64, l.Out*r)
		at := 0
		for _, x := range list {
			v, k := x.t.b.Value.Const, x.t.a.Value.Const.Dim(0)
			down = append(down, floatsOf(x.t.a.Value.Const)...)
			for i := range l.Out {
				for j := range k {
					up[i*r+at+j] = v.Float(i*k+j) * x.weight * x.t.scale
				}
			}
			at += k
		}
		sa, sb := t.shapes(r)
		d := l.weight.Value.Const.DType()
		t.addLoRA(a, ofFloats(d, down, sa...), ofFloats(d, up, sb...), nil)
		if r != c.R {
			a.Config.Ranks = append(a.Config.Ranks, Rule{quoteModule(t.name), float64(r)})
			a.Config.Alphas = append(a.Config.Alphas, Rule{quoteModule(t.name), float64(r)})
		}
	}
	return a, nil
}
