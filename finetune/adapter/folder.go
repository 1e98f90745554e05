package adapter

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/safetensors"
)

// The files of an adapter's folder.
const (
	ConfigFile  = "adapter_config.json"
	WeightsFile = "adapter_model.safetensors"
)

const maxConfig = 1 << 20

// Load adds the adapter in a folder that PEFT or [Adapter.Save] wrote, and activates it in place of those that are active. What it holds decides which
// modules it changes. Half-precision parameters become those of the model's type.
func (s *Set) Load(name, dir string) (*Adapter, error) {
	a, err := s.take(func() (*Adapter, error) { return s.load(name, dir) })
	if err != nil {
		return nil, fmt.Errorf("adapter in %s: %w", dir, err)
	}
	return a, nil
}

func (s *Set) load(name, dir string) (*Adapter, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var c Config
	if err := read(root, ConfigFile, func(f *os.File, size int64) error {
		if size > maxConfig {
			return fmt.Errorf("%d bytes", size)
		}
		b, err := io.ReadAll(io.LimitReader(f, maxConfig))
		if err == nil {
			c, err = parseConfig(b)
		}
		return err
	}); err != nil {
		return nil, err
	}
	var file *safetensors.File
	if err := read(root, WeightsFile, func(f *os.File, size int64) (err error) {
		file, err = safetensors.Read(f, size)
		return err
	}); err != nil {
		return nil, err
	}
	a, err := s.start(name, c)
	if err != nil {
		return nil, err
	}
	return a, a.fill(file)
}

func read(root *os.Root, name string, f func(*os.File, int64) error) error {
	info, err := root.Stat(name) // before it is opened: opening a pipe waits
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", name)
	}
	file, err := root.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := f(file, info.Size()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// parts are the tensors of a file for one module, by their names behind it.
type parts map[string]*tensor.Tensor

var endings = []string{loraA + ".weight", loraB + ".weight", embeddingA, embeddingB, magnitudeVector, magnitudeVector + ".weight", ia3Vector}

const promptKey = "prompt_embeddings"

// fill makes the adapter's parameters of a file's tensors, each of which must have a place.
func (a *Adapter) fill(file *safetensors.File) error {
	switch a.Config.Type {
	case PromptTuning, PrefixTuning:
		t := file.Get(promptKey)
		if t == nil || len(file.Tensors) != 1 {
			return fmt.Errorf("%d tensors, want %q alone", len(file.Tensors), promptKey)
		}
		return a.loadPrompt(t)
	}
	type key struct {
		module string
		table  bool // a tied table is also the weight of an output layer, perhaps under one name
	}
	modules := map[key]parts{}
	var order []key
	var others []safetensors.Named
next:
	for _, t := range file.Tensors {
		name, ok := strings.CutPrefix(t.Name, prefix)
		if !ok {
			return fmt.Errorf("tensor %q: names begin with %q", t.Name, prefix)
		}
		for _, e := range endings {
			if m, ok := strings.CutSuffix(name, "."+e); ok {
				k := key{m, e == embeddingA || e == embeddingB}
				if modules[k] == nil {
					modules[k] = parts{}
					order = append(order, k)
				}
				modules[k][strings.TrimSuffix(e, ".weight")] = t.Value
				continue next
			}
		}
		others = append(others, safetensors.Named{Name: name, Value: t.Value})
	}
	if len(order) == 0 {
		return fmt.Errorf("it holds nothing for any layer")
	}
	for _, k := range order {
		if err := a.loadTarget(k.module, k.table, modules[k]); err != nil {
			return err
		}
	}
	slices.SortStableFunc(a.targets, func(x, y *target) int { return a.set.index(x.layer) - a.set.index(y.layer) })
	for _, t := range others {
		if err := a.loadSaved(t.Name, t.Value); err != nil {
			return err
		}
	}
	return nil
}

func (s *Set) index(l *Layer) int { return slices.Index(s.layers, l) }

func (a *Adapter) loadTarget(module string, table bool, p parts) error {
	l, err := a.set.layerNamed(module, table)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(a.targets, func(t *target) bool { return t.layer == l }) {
		return fmt.Errorf("modules for the layer %q twice", l.Name)
	}
	t := &target{layer: l, name: module}
	if err := a.add(t); err != nil {
		return err
	}
	take := func(name string, shape ...int) (*tensor.Tensor, error) {
		x := p[name]
		if x == nil {
			return nil, fmt.Errorf("module %q has no %s", module, name)
		}
		delete(p, name)
		return toType(x, l.weight.Value.Const.DType(), prefix+module+"."+name, shape...)
	}
	if a.Config.Type == IA3 {
		shape := []int{l.Out, 1}
		if t.feed {
			shape = []int{1, l.In}
		}
		v, err := take(ia3Vector, shape...)
		if err != nil {
			return err
		}
		t.addIA3(a, v)
	} else if err := a.loadLoRA(t, p, take); err != nil {
		return err
	}
	for name := range p {
		return fmt.Errorf("module %q: %s does not belong to %s", module, name, a.Config.Type)
	}
	return nil
}

func (a *Adapter) loadLoRA(t *target, p parts, take func(string, ...int) (*tensor.Tensor, error)) error {
	na, nb := loraA, loraB
	if t.layer.Kind == Embedding {
		na, nb = embeddingA, embeddingB
	}
	if p[na] == nil || p[na].Rank() < 2 || p[na].Dim(0) < 1 {
		return fmt.Errorf("module %q has no %s of rank 1 or more", t.name, na)
	}
	r := p[na].Dim(0)
	down, up := t.shapes(r)
	x, err := take(na, down...)
	if err != nil {
		return err
	}
	y, err := take(nb, up...)
	if err != nil {
		return err
	}
	var m *tensor.Tensor
	if a.Config.DoRA {
		if m, err = take(magnitudeVector, t.layer.Out); err != nil {
			return err
		}
	}
	if t.scale, err = a.Config.scale(t.name, r); err != nil {
		return err
	}
	t.addLoRA(a, x, y, m)
	return nil
}

// loadSaved takes a parameter of a saved module.
func (a *Adapter) loadSaved(name string, t *tensor.Tensor) error {
	var base *finetune.Param
	for _, p := range a.set.base() {
		if p.Name == name || base == nil && strings.HasSuffix(name, "."+p.Name) {
			base = p
		}
	}
	if base == nil {
		return fmt.Errorf("no parameter %q in the model", name)
	}
	module := base.Module()
	for i := range base.Name { // the outermost module that is saved as a whole
		if base.Name[i] == '.' && endsWithAny(base.Name[:i], a.Config.saves()) {
			module = base.Name[:i]
			break
		}
	}
	old, how := base.Value.Const, base.Transform
	shape := slices.Clone(old.Shape())
	flipped := slices.Clone(shape)
	slices.Reverse(flipped)
	// What the file has is PyTorch's tensor: it tells the layout, unless the weight is square.
	if len(shape) == 2 && (how == finetune.Same || how == finetune.Transpose) && shape[0] != shape[1] {
		switch {
		case t.Shape().Equal(shape):
			how = finetune.Same
		case t.Shape().Equal(flipped):
			how = finetune.Transpose
		}
	}
	if how == finetune.Transpose {
		shape = flipped
	}
	x, err := toType(t, old.DType(), name, shape...)
	if err != nil {
		return err
	}
	if how == finetune.Transpose {
		x = ofFloats(old.DType(), transposed(floatsOf(x), shape[0], shape[1]), old.Shape()...)
	}
	return a.save(base, how, module, name, x)
}

// toType is x in another type, if it has the shape.
func toType(x *tensor.Tensor, d tensor.DType, name string, shape ...int) (*tensor.Tensor, error) {
	if !x.DType().IsFloat() || !x.Shape().Equal(shape) {
		return nil, fmt.Errorf("%q is %s, want numbers of shape %v", name, x, shape)
	}
	if x.DType() == d {
		return x, nil
	}
	return ofFloats(d, floatsOf(x), shape...), nil
}

// Save writes the adapter into a folder that PEFT loads. The folder is made, if it is not there.
func (a *Adapter) Save(dir string) error {
	config, err := a.Config.marshal(a)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	f := &safetensors.File{Metadata: map[string]string{"format": "pt"}}
	add := func(name string, p *finetune.Param) {
		if p == nil {
			return
		}
		t := p.Value.Const
		if p.Transform == finetune.Transpose {
			t = ofFloats(t.DType(), transposed(floatsOf(t), t.Dim(0), t.Dim(1)), t.Dim(1), t.Dim(0))
		}
		f.Tensors = append(f.Tensors, safetensors.Named{Name: name, Value: t})
	}
	for _, t := range a.targets {
		na, nb := loraA+".weight", loraB+".weight"
		if t.layer.Kind == Embedding {
			na, nb = embeddingA, embeddingB
		}
		module := prefix + t.name + "."
		add(module+na, t.a)
		add(module+nb, t.b)
		add(module+magnitudeVector, t.m)
		add(module+ia3Vector, t.l)
	}
	for _, s := range a.saved {
		add(prefix+s.name, s.copy)
	}
	if a.prompt != nil {
		add(promptKey, a.prompt.param)
	}
	slices.SortFunc(f.Tensors, func(x, y safetensors.Named) int { return strings.Compare(x.Name, y.Name) })
	if err := write(filepath.Join(dir, WeightsFile), func(w io.Writer) error { return safetensors.Write(w, f) }); err != nil {
		return err
	}
	return write(filepath.Join(dir, ConfigFile), func(w io.Writer) error {
		_, err := w.Write(config)
		return err
	})
}

// write makes a file whole or not at all.
func write(name string, f func(io.Writer) error) (err error) {
	t, err := os.CreateTemp(filepath.Dir(name), ".adapter-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			t.Close()
			os.Remove(t.Name())
		}
	}()
	if err := f(t); err != nil {
		return err
	}
	if err := t.Chmod(0o644); err != nil {
		return err
	}
	if err := t.Sync(); err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	return os.Rename(t.Name(), name)
}

// marshal is adapter_config.json.
func (c *Config) marshal(a *Adapter) ([]byte, error) {
	w := wire{Type: c.Type, Inference: true, Saved: c.saves()}
	if c.TaskType != "" {
		w.TaskType = &c.TaskType
	}
	switch c.Type {
	case LoRA:
		w.R, w.Alpha, w.Dropout, w.Ranks, w.Alphas, w.RSLoRA, w.DoRA, w.FanInOut, w.Bias = c.R, c.Alpha, c.Dropout, c.Ranks, c.Alphas, c.RankStabilized, c.DoRA, c.FanInFanOut, "none"
		w.Targets = c.wireTargets(a)
	case IA3:
		w.Targets, w.Feed, w.FanInOut = c.wireTargets(a), &words{list: c.FeedForward}, c.FanInFanOut
	default:
		a.prompt.describe(&w)
	}
	var own map[string]json.RawMessage
	b, err := json.Marshal(w)
	if err == nil {
		err = json.Unmarshal(b, &own)
	}
	if err != nil {
		return nil, err
	}
	all := map[string]json.RawMessage{}
	for k, v := range c.rest {
		all[k] = v
	}
	for k, v := range own {
		if _, had := all[k]; had && k == "base_model_name_or_path" {
			continue
		}
		all[k] = v
	}
	b, err = json.MarshalIndent(all, "", "  ")
	return append(b, '\n'), err
}

// wireTargets are the targets as PEFT understands them: names or their ends, or else all modules by their whole names.
func (c *Config) wireTargets(a *Adapter) *words {
	plain := c.TargetPattern == "" && c.Exclude == nil && c.Layers == nil
	for _, s := range c.Targets {
		plain = plain && !strings.ContainsAny(s, "*?") && s != AllLinear
	}
	if plain {
		return &words{list: c.Targets}
	}
	w := &words{}
	for _, t := range a.targets {
		w.list = append(w.list, t.name)
	}
	return w
}
