// Package adapter fine-tunes a model through few additional parameters: LoRA (https://arxiv.org/abs/2106.09685), rsLoRA (https://arxiv.org/abs/2312.03732),
// DoRA (https://arxiv.org/abs/2402.09353), IA³ (https://arxiv.org/abs/2205.05638), prompt tuning (https://arxiv.org/abs/2104.08691) and prefix tuning
// (https://arxiv.org/abs/2101.00190). An adapter rewrites the graph of a model: where x·W was, x·W + s·(x·A)·B is. What trains and exports models need
// not know of it. Adapters are kept in folders as PEFT has them, which it reads, and read from such folders.
package adapter

import (
	"errors"
	"fmt"
	"slices"

	"github.com/onnxrun/onnxrun/finetune"
)

// Set holds the adapters of one model, of which any may be active. It is not for concurrent use.
//
// Steps, trainers and sessions that were compiled before an adapter was activated, merged or deleted know the graph as it was then.
type Set struct {
	Model    *finetune.Model
	Adapters []*Adapter

	layers []*Layer
	active []*Adapter
	edit   *edit // what the active adapters changed
	merged *edit // what their merging changed
}

// Adapter is a group of parameters that changes what layers compute.
type Adapter struct {
	Name   string
	Config Config
	Params []*finetune.Param // in PyTorch's layout, under PEFT's names

	set     *Set
	targets []*target
	saved   []*savedModule
	prompt  *prompt
}

// target is a layer that an adapter changes, with what it has for it.
type target struct {
	layer *Layer
	name  string // of the module in files
	a, b  *finetune.Param
	m     *finetune.Param // DoRA's magnitude
	scale float64
	l     *finetune.Param // IA³'s factors
	feed  bool            // IA³ scales the layer's input
}

// New is the set of adapters of a model that has none yet. The model's own parameters are frozen.
func New(m *finetune.Model) (*Set, error) {
	if err := m.Infer(); err != nil {
		return nil, err
	}
	s := &Set{Model: m}
	s.layers = discover(m)
	m.TrainIf(func(*finetune.Param) bool { return false })
	return s, nil
}

// Layers are the modules of the model that adapters can change, in the order of the graph.
func (s *Set) Layers() []*Layer { return s.layers }

// Adapter is the one of that name, nil when there is none.
func (s *Set) Adapter(name string) *Adapter {
	for _, a := range s.Adapters {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// Active are the adapters that change the model now, in the order in which they do.
func (s *Set) Active() []*Adapter { return slices.Clone(s.active) }

// Add makes a new adapter with fresh parameters and activates it in place of those that are active. LoRA and IA³ start as the identity.
func (s *Set) Add(name string, c Config) (*Adapter, error) {
	return s.take(func() (*Adapter, error) {
		a, err := s.start(name, c)
		if err != nil {
			return nil, err
		}
		return a, a.fresh()
	})
}

// start is an adapter without parameters.
func (s *Set) start(name string, c Config) (*Adapter, error) {
	if name == "" || s.Adapter(name) != nil {
		return nil, fmt.Errorf("the name %q of an adapter is empty or taken", name)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Adapter{Name: name, Config: c, set: s}, nil
}

// take adds to the set the adapter that f makes for the model as it is without adapters, and activates it. After an error all is as it was.
func (s *Set) take(f func() (*Adapter, error)) (*Adapter, error) {
	if s.merged != nil {
		return nil, errMerged
	}
	before := s.active
	err := s.apply(nil)
	if err != nil {
		return nil, err
	}
	a, err := f()
	if err == nil {
		err = s.apply([]*Adapter{a})
	}
	if err != nil {
		return nil, errors.Join(err, s.apply(before))
	}
	s.Adapters = append(s.Adapters, a)
	return a, nil
}

var errMerged = errors.New("adapters are merged into the model: unmerge them first")

// Activate lets these adapters, and no others, change the model, one after the other: what LoRA adds sums up, what IA³ multiplies multiplies up. Without names
// the model is the base. When it fails, the adapters active before are active again. The parameters of the active adapters train, and those of no other.
func (s *Set) Activate(names ...string) error {
	if s.merged != nil {
		return errMerged
	}
	var list []*Adapter
	for _, n := range names {
		a := s.Adapter(n)
		if a == nil {
			return fmt.Errorf("no adapter %q", n)
		}
		if slices.Contains(list, a) {
			return fmt.Errorf("adapter %q twice", n)
		}
		list = append(list, a)
	}
	before := s.active
	if err := s.apply(list); err != nil {
		return errors.Join(err, s.apply(before))
	}
	return nil
}

func (s *Set) apply(list []*Adapter) error {
	s.edit.takeBack()
	s.edit, s.active = newEdit(s.Model), nil
	for _, a := range list {
		if err := a.apply(s.edit); err != nil {
			s.edit.takeBack()
			s.edit = nil
			return fmt.Errorf("adapter %q: %w", a.Name, err)
		}
	}
	s.active = list
	return nil
}

// apply makes the adapter's changes to the graph.
func (a *Adapter) apply(e *edit) error {
	for _, p := range a.Params {
		e.param(p)
	}
	for _, t := range a.targets {
		switch {
		case t.l != nil:
			t.applyIA3(e)
		case t.layer.Kind == Linear:
			t.applyLinear(e, a.Config.Dropout)
		case t.layer.Kind == Conv:
			t.applyConv(e, a.Config.Dropout)
		case t.layer.Kind == Embedding:
			t.applyEmbedding(e)
		}
	}
	if err := applySaved(e, a.saved); err != nil {
		return err
	}
	if a.prompt != nil {
		a.prompt.apply(e)
	}
	return e.err()
}

// Delete removes an adapter from the set, and from the model if it is active.
func (s *Set) Delete(name string) error {
	a := s.Adapter(name)
	if a == nil {
		return fmt.Errorf("no adapter %q", name)
	}
	if i := slices.Index(s.active, a); i >= 0 {
		if s.merged != nil {
			return errMerged
		}
		if err := s.apply(slices.Delete(slices.Clone(s.active), i, i+1)); err != nil {
			return err
		}
	}
	s.Adapters = slices.DeleteFunc(s.Adapters, func(b *Adapter) bool { return a == b })
	return nil
}

// param makes a parameter of the adapter.
func (a *Adapter) param(p *finetune.Param) *finetune.Param {
	a.Params = append(a.Params, p)
	return p
}
