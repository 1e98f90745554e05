// Package job runs a fine-tuning that is written down: in a YAML file, on a command line, or as a [Job]. It reads the data, prepares the model, trains, keeps logs and checkpoints
// in a folder, and leaves the tuned model there.
package job

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/onnxrun/onnxrun/finetune/data"
)

// Job says what to train, on what, and how. The zero value of a field stands for the default that its comment tells.
type Job struct {
	Model string `yaml:"model,omitempty"`
	New   Spec   `yaml:"new,omitempty"` // in place of Model: an architecture of package models, untrained, with initial values that Seed determines
	Out   string `yaml:"out,omitempty"` // folder for the model, logs and checkpoints; a training that was stopped goes on from what is there

	Data Data `yaml:"data,omitempty"`

	Cut     string         `yaml:"cut,omitempty"`     // value at which a new head is put; the input of the last linear layer
	Head    int            `yaml:"head,omitempty"`    // outputs of a new head; 0 keeps the old one
	Pool    bool           `yaml:"pool,omitempty"`    // average over places or tokens before the head
	Train   []string       `yaml:"train,omitempty"`   // patterns of parameters that train, no others do; all
	Freeze  []string       `yaml:"freeze,omitempty"`  // patterns of parameters that do not
	Last    int            `yaml:"last,omitempty"`    // train the last modules only, so many
	Probe   bool           `yaml:"probe,omitempty"`   // train the new head only, on features that are computed once per sample
	Adapter map[string]any `yaml:"adapter,omitempty"` // in the terms of PEFT's adapter_config.json: peft_type, r, lora_alpha, target_modules …

	Loss      Spec    `yaml:"loss,omitempty"`      // cross_entropy
	Optimizer Spec    `yaml:"optimizer,omitempty"` // AdamW
	LR        float64 `yaml:"lr,omitempty"`        // of the optimizer
	Schedule  Spec    `yaml:"schedule,omitempty"`  // constant

	Epochs     int     `yaml:"epochs,omitempty"` // 1
	Updates    int     `yaml:"updates,omitempty"`
	Batch      int     `yaml:"batch,omitempty"` // 32
	Accumulate int     `yaml:"accumulate,omitempty"`
	ClipNorm   float64 `yaml:"clip_norm,omitempty"`
	ClipValue  float64 `yaml:"clip_value,omitempty"`
	EMA        float64 `yaml:"ema,omitempty"`
	L1         float64 `yaml:"l1,omitempty"`
	BatchNorm  string  `yaml:"batch_norm,omitempty"` // auto, train or frozen
	Segments   int     `yaml:"segments,omitempty"`   // of gradient checkpointing
	Exact      bool    `yaml:"exact,omitempty"`      // convolutions are sums of products

	Metrics  []string `yaml:"metrics,omitempty"`
	Monitor  string   `yaml:"monitor,omitempty"`   // loss, or a metric: what tells the best model
	Patience int      `yaml:"patience,omitempty"`  // evaluations without progress before the training stops
	KeepLast bool     `yaml:"keep_last,omitempty"` // leave the last weights, not the best

	EvalEvery int    `yaml:"eval_every,omitempty"` // updates; after every epoch
	SaveEvery int    `yaml:"save_every,omitempty"` // updates; after every epoch
	Seed      uint64 `yaml:"seed,omitempty"`
	Threads   int    `yaml:"threads,omitempty"`

	logits bool // the loss is of what the model computes before its probabilities
}

// Data is where samples come from: a folder with a sub-folder of pictures for each class, a .csv table, an .npz archive, or two files, pictures (or rows) and their classes, with a comma
// between: IDX files as of MNIST, or .npy.
type Data struct {
	Train   string                 `yaml:"train,omitempty"`
	Valid   string                 `yaml:"valid,omitempty"`   // as Train
	Holdout float64                `yaml:"holdout,omitempty"` // part of Train that is kept for validation where Valid is not given
	Target  string                 `yaml:"target,omitempty"`  // column of a table, or array of an archive; "y"
	Inputs  map[string]string      `yaml:"inputs,omitempty"`  // from fields of the data to inputs of the model, where names differ
	Columns map[string]data.Column `yaml:"columns,omitempty"` // of a table; those that are not given are inferred
	Classes []string               `yaml:"classes,omitempty"` // sub-folders of pictures, in the order of their numbers; sorted
	Text    string                 `yaml:"text,omitempty"`    // column of a table with texts, cut into tokens by Vocab
	Vocab   string                 `yaml:"vocab,omitempty"`   // vocab.txt of the BERT model
	Cased   bool                   `yaml:"cased,omitempty"`   // it has upper case and accents
	Length  int                    `yaml:"length,omitempty"`  // tokens of a text; those of the longest, at most 512
	Missing string                 `yaml:"missing,omitempty"` // cells of a table without a value: mean, constant or indicator; they are refused
	Mean    []float64              `yaml:"mean,omitempty"`    // of pictures, subtracted after they are scaled to 0 … 1
	Std     []float64              `yaml:"std,omitempty"`
	Scale   float64                `yaml:"scale,omitempty"`  // of bytes; 1/255
	Resize  bool                   `yaml:"resize,omitempty"` // scale pictures of another size to that which the model takes, [batch, channels, height, width]; pictures of a folder always are
	Augment []Spec                 `yaml:"augment,omitempty"`
}

// Spec is something by its name, with parameters: in YAML the name alone, or an object that has it under name or kind.
type Spec struct {
	Name   string
	Params map[string]any
}

// UnmarshalYAML reads both forms.
func (s *Spec) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&s.Name)
	}
	if err := n.Decode(&s.Params); err != nil {
		return err
	}
	for _, key := range []string{"name", "kind"} {
		if name, ok := s.Params[key].(string); ok {
			s.Name = name
			delete(s.Params, key)
			return nil
		}
	}
	return fmt.Errorf("line %d: an object with a name is wanted", n.Line)
}

// MarshalYAML writes what UnmarshalYAML reads.
func (s Spec) MarshalYAML() (any, error) {
	if len(s.Params) == 0 {
		return s.Name, nil
	}
	m := map[string]any{"name": s.Name}
	maps.Copy(m, s.Params)
	return m, nil
}

// IsZero makes omitempty leave out what has no name.
func (s Spec) IsZero() bool { return s.Name == "" }

// ParseSpec reads "name", "name,key=value,…" with values as of YAML, as on a command line.
func ParseSpec(text string) (Spec, error) {
	s := Spec{}
	for i, part := range splitOutside(text) {
		if i == 0 {
			s.Name = part
			continue
		}
		k, v, ok := strings.Cut(part, "=")
		if !ok {
			return s, fmt.Errorf("%q: want %s,key=value", part, s.Name)
		}
		var x any
		if err := yaml.Unmarshal([]byte(v), &x); err != nil {
			return s, fmt.Errorf("%s: %w", k, err)
		}
		if s.Params == nil {
			s.Params = map[string]any{}
		}
		s.Params[k] = x
	}
	return s, nil
}

// splitOutside splits at commas that no bracket encloses.
func splitOutside(s string) []string {
	var parts []string
	depth, at := 0, 0
	for i, r := range s {
		switch r {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, s[at:i])
				at = i + 1
			}
		}
	}
	return append(parts, s[at:])
}

// Read decodes a job from YAML. Keys that a job does not have are refused.
func Read(r io.Reader) (*Job, error) {
	j := &Job{}
	d := yaml.NewDecoder(r)
	d.KnownFields(true)
	if err := d.Decode(j); err != nil && !errors.Is(err, io.EOF) {
		return nil, readable(err)
	}
	return j, nil
}

// unknownKey is how the yaml package complains of a key that a struct does not have.
var unknownKey = regexp.MustCompile(`field (.+) not found in type ([\w.]+)`)

// readable is an error of the yaml package that lists, in place of Go's types, the keys that there are.
func readable(err error) error {
	var all *yaml.TypeError
	if !errors.As(err, &all) {
		return err
	}
	keys := map[string][]string{}
	for _, x := range []any{Job{}, Data{}, data.Column{}} {
		t := reflect.TypeOf(x)
		for i := range t.NumField() {
			if name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); name != "" {
				keys[t.String()] = append(keys[t.String()], name)
			}
		}
	}
	var list []string
	for _, e := range all.Errors {
		if m := unknownKey.FindStringSubmatch(e); m != nil {
			e = strings.Replace(e, m[0], fmt.Sprintf("no key %q", m[1]), 1)
			if keys[m[2]] != nil {
				e += "; there are " + strings.Join(keys[m[2]], ", ")
			}
			keys[m[2]] = nil // told once
		}
		list = append(list, e)
	}
	return errors.New(strings.Join(list, "; "))
}

// ReadFile is [Read] of a file. Paths in it are as seen from the working directory.
func ReadFile(path string) (*Job, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	j, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return j, nil
}
