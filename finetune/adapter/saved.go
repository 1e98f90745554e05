package adapter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// savedModule is a parameter of the base that an adapter trains in a copy of its own.
type savedModule struct {
	base, copy *finetune.Param
	module     string // the whole module
	name       string // of the parameter, in files
}

// freshSaved copies the parameters of the saved modules.
func (a *Adapter) freshSaved() error {
	list := a.Config.saves()
	found := map[string]bool{}
	for _, p := range a.set.base() {
		for i := range p.Name {
			if p.Name[i] != '.' || !endsWithAny(p.Name[:i], list) {
				continue
			}
			if err := a.save(p, p.Transform, p.Name[:i], p.Name, p.Value.Const.Clone()); err != nil {
				return err
			}
			for _, s := range list {
				found[s] = found[s] || strings.HasSuffix(p.Name[:i], s)
			}
			break
		}
	}
	for _, s := range a.Config.SavedModules {
		if !found[s] && !slices.Contains(a.Config.heads(), s) {
			return fmt.Errorf("no module %q to save", s)
		}
	}
	return nil
}

// base are the parameters of the model without adapters.
func (s *Set) base() []*finetune.Param {
	own := map[*finetune.Param]bool{}
	for _, a := range s.Adapters {
		for _, p := range a.Params {
			own[p] = true
		}
	}
	var list []*finetune.Param
	for _, p := range s.Model.Params {
		if !own[p] {
			list = append(list, p)
		}
	}
	return list
}

// save adds a copy of p, a parameter of the module, with the constant t, which lies as how says.
func (a *Adapter) save(p *finetune.Param, how finetune.Transform, module, name string, t *tensor.Tensor) error {
	if p.Stat {
		return fmt.Errorf("saved module %q: running statistics (%s) are not supported", module, p.Name)
	}
	if how != finetune.Same && how != finetune.Transpose {
		return fmt.Errorf("saved module %q: the model has %s in another form (%s)", module, p.Name, how)
	}
	q := newParam(prefix+module+".modules_to_save."+a.Name+strings.TrimPrefix(p.Name, module), t)
	q.Transform, q.FrozenRows = how, p.FrozenRows
	a.saved = append(a.saved, &savedModule{base: p, copy: a.param(q), module: module, name: name})
	return nil
}

// applySaved lets the modules read the copies. A weight that other modules share is replaced in the module alone.
func applySaved(e *edit, list []*savedModule) error {
	if len(list) == 0 {
		return nil
	}
	uses := usesOf(e.m.Graph)
	for _, s := range list {
		all := uses[s.base.Value]
		var own []use
		for _, u := range all {
			if m, ok := finetune.Module(u.node); ok && (m == s.module || strings.HasPrefix(m, s.module+".")) {
				own = append(own, u)
			}
		}
		if own == nil {
			own = all
		}
		if own == nil {
			return fmt.Errorf("the module %q is already replaced by another adapter", s.module)
		}
		for _, u := range own {
			e.setIn(u.node, u.index, s.copy.Value)
		}
	}
	return nil
}

// isOutput reports whether v is an output of the graph.
func isOutput(g *graph.Graph, v *graph.Value) bool {
	for _, o := range g.Outputs {
		if o == v {
			return true
		}
	}
	return false
}
