package finetune

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/onnxrun/onnxrun/graph"
)

// Freeze makes the parameters whose names match a pattern constants. In a pattern, * stands for any characters and ? for one. A pattern
// that matches no parameter is an error, and nothing is changed then.
func (m *Model) Freeze(patterns ...string) error { return m.setTrain(false, patterns) }

// Unfreeze lets the parameters whose names match a pattern train; see [Model.Freeze].
func (m *Model) Unfreeze(patterns ...string) error { return m.setTrain(true, patterns) }

func (m *Model) setTrain(train bool, patterns []string) error {
	chosen := map[*Param]bool{}
	for _, s := range patterns {
		match, found := Glob(s), false
		for _, p := range m.Params {
			if !p.Stat && match(p.Name) {
				chosen[p], found = true, true
			}
		}
		if !found {
			return fmt.Errorf("no parameter matches %q; there are %s", s, m.someNames())
		}
	}
	for p := range chosen {
		p.Train = train
	}
	return nil
}

// TrainIf lets exactly those parameters train for which f holds.
func (m *Model) TrainIf(f func(*Param) bool) {
	for _, p := range m.Params {
		p.Train = !p.Stat && f(p)
	}
}

// TrainLast lets the parameters of the last n modules train, and no others. A module is what parameters share the name up to the last dot of, as
// fc.weight and fc.bias do; modules count in the order in which the graph reads them first.
func (m *Model) TrainLast(n int) error {
	modules := m.Modules()
	if n < 0 || n > len(modules) {
		return fmt.Errorf("the last %d modules of %d", n, len(modules))
	}
	last := map[string]bool{}
	for _, s := range modules[len(modules)-n:] {
		last[s] = true
	}
	m.TrainIf(func(p *Param) bool { return last[p.Module()] })
	return nil
}

// Module is the parameter's name up to the last dot, the name itself if it has none.
func (p *Param) Module() string {
	if i := strings.LastIndexByte(p.Name, '.'); i >= 0 {
		return p.Name[:i]
	}
	return p.Name
}

// Modules are the modules of all parameters, in the order in which the graph reads them first.
func (m *Model) Modules() []string {
	by := map[*graph.Value]*Param{}
	for _, p := range m.Params {
		if !p.Stat {
			by[p.Value] = p
		}
	}
	var list []string
	seen := map[string]bool{}
	m.Graph.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		for _, v := range n.In {
			if p := by[v]; p != nil && !seen[p.Module()] {
				seen[p.Module()] = true
				list = append(list, p.Module())
			}
		}
		return true
	})
	return list
}

// Glob is a predicate for names: * stands for any characters, ? for one.
func Glob(pattern string) func(name string) bool {
	s := regexp.QuoteMeta(pattern)
	s = strings.ReplaceAll(strings.ReplaceAll(s, `\*`, `.*`), `\?`, `.`)
	return regexp.MustCompile(`(?s)^` + s + `$`).MatchString
}

// someNames lists the first parameters, for errors.
func (m *Model) someNames() string {
	const most = 8
	var names []string
	for _, p := range m.Params {
		if p.Stat {
			continue
		}
		if len(names) == most {
			names = append(names, "…")
			break
		}
		names = append(names, p.Name)
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}
