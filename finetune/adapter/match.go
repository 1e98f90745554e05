package adapter

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/finetune"
)

// at is the value for a module, other where no entry matches.
func (p Pattern) at(module string, other float64) (float64, error) {
	for _, r := range p {
		re, err := regexp.Compile(`^(?:.*\.)?(?:` + r.Module + `)$`)
		if err != nil {
			return 0, fmt.Errorf("pattern of modules: %w", err)
		}
		if re.MatchString(module) {
			return r.Value, nil
		}
	}
	return other, nil
}

// named reports whether a name is one of list, or ends in one behind a dot; * and ? in the list are wildcards.
func named(name string, list []string) bool {
	for _, s := range list {
		if !strings.ContainsAny(s, "*?") {
			if name == s || strings.HasSuffix(name, "."+s) {
				return true
			}
		} else if finetune.Glob(s)(name) || finetune.Glob("*."+s)(name) {
			return true
		}
	}
	return false
}

func endsWithAny(name string, list []string) bool {
	for _, s := range list {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

// inside reports whether a module is one of list or lies in one.
func inside(name string, list []string) bool {
	for part := name; ; {
		if endsWithAny(part, list) {
			return true
		}
		i := strings.LastIndexByte(part, '.')
		if i < 0 {
			return false
		}
		part = part[:i]
	}
}

// matches finds the layers that the configuration names.
func (s *Set) matches(c *Config) ([]*Layer, error) {
	var pattern *regexp.Regexp
	if c.TargetPattern != "" {
		var err error
		if pattern, err = regexp.Compile(`^(?:` + c.TargetPattern + `)$`); err != nil {
			return nil, fmt.Errorf("target modules: %w", err)
		}
	}
	all := len(c.Targets) == 1 && strings.EqualFold(c.Targets[0], AllLinear)
	var list []*Layer
	for _, l := range s.layers {
		var hit bool
		switch {
		case pattern != nil:
			hit = pattern.MatchString(l.Name)
		case all:
			hit = l.Kind == Linear && !l.Output
		default:
			hit = named(l.Name, c.Targets)
		}
		if !hit || named(l.Name, c.Exclude) || inside(l.Name, c.saves()) {
			continue
		}
		if pattern == nil && !all && c.Layers != nil && !slices.Contains(c.Targets, l.Name) && !c.inLayers(l.Name) {
			continue
		}
		list = append(list, l)
	}
	if list == nil {
		what := c.Targets
		if pattern != nil {
			what = []string{c.TargetPattern}
		}
		return nil, fmt.Errorf("no layer is a target of %q; there are %s", what, s.someLayers())
	}
	return list, nil
}

var anyLayer = regexp.MustCompile(`^.*?\.[^.]*\.(\d+)\.`)

// inLayers reports whether the first number in a name is one of Layers.
func (c *Config) inLayers(name string) bool {
	m := anyLayer.FindStringSubmatch(name)
	for _, p := range c.LayersPattern {
		if m = regexp.MustCompile(`^(?:|.*?\.)` + regexp.QuoteMeta(p) + `\.(\d+)\.`).FindStringSubmatch(name); m != nil {
			break
		}
	}
	if m == nil {
		return false
	}
	for _, k := range c.Layers {
		if strconv.Itoa(k) == m[1] {
			return true
		}
	}
	return false
}

func (s *Set) someLayers() string {
	const most = 8
	var names []string
	for i, l := range s.layers {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, l.Name)
	}
	if names == nil {
		return "none that adapters could change (MatMul, Gemm, Conv or Gather by a constant)"
	}
	return strings.Join(names, ", ")
}

// layerNamed is the layer of a module's name: of that very name, or the only one of which one name is the end of the other.
func (s *Set) layerNamed(name string, embedding bool) (*Layer, error) {
	var near []*Layer
	for _, l := range s.layers {
		if (l.Kind == Embedding) != embedding {
			continue
		}
		switch {
		case l.Name == name:
			return l, nil
		case strings.HasSuffix(name, "."+l.Name), strings.HasSuffix(l.Name, "."+name):
			near = append(near, l)
		}
	}
	if len(near) == 1 {
		return near[0], nil
	}
	return nil, fmt.Errorf("no layer %q in the model; there are %s", name, s.someLayers())
}

// fresh makes the parameters of a new adapter.
func (a *Adapter) fresh() error {
	c := &a.Config
	rng := rand.New(rand.NewPCG(c.Seed, 0x61646170))
	switch c.Type {
	case PromptTuning:
		return a.freshPrompt(rng)
	case PrefixTuning:
		return a.freshPrefix(rng)
	}
	layers, err := a.set.matches(c)
	if err != nil {
		return err
	}
	for _, l := range layers {
		t := &target{layer: l, name: l.Name}
		if err := a.add(t); err != nil {
			return err
		}
		if c.Type == IA3 {
			a.freshIA3(t)
			continue
		}
		r, err := c.Ranks.at(t.name, float64(c.R))
		if err != nil {
			return err
		}
		if t.scale, err = c.scale(t.name, int(r)); err != nil {
			return err
		}
		a.freshLoRA(t, int(r), rng)
	}
	return a.freshSaved()
}

// add takes a layer for a target, if the method is for such layers.
func (a *Adapter) add(t *target) error {
	c, l := &a.Config, t.layer
	switch {
	case c.Type == IA3 && l.Kind != Linear:
		return fmt.Errorf("IA³ for the layer %q: it is a %s layer, not a linear one", l.Name, l.Kind)
	case c.DoRA && l.Kind != Linear:
		return fmt.Errorf("DoRA for the layer %q: it is a %s layer, not a linear one", l.Name, l.Kind)
	case l.Kind == Conv && l.sites[0].node.Int("group") > 1:
		return fmt.Errorf("LoRA for the layer %q: a convolution in %d groups is not supported", l.Name, l.sites[0].node.Int("group"))
	}
	t.feed = c.Type == IA3 && endsWithAny(t.name, c.FeedForward)
	a.targets = append(a.targets, t)
	return nil
}

// quoteModule is a name as a pattern that nothing else matches.
func quoteModule(name string) string { return regexp.QuoteMeta(name) }
