package adapter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
)

// Type is a method, under PEFT's name.
type Type string

const (
	LoRA         Type = "LORA"
	IA3          Type = "IA3"
	PromptTuning Type = "PROMPT_TUNING"
	PrefixTuning Type = "PREFIX_TUNING"
)

// Init is how LoRA and prompts start.
type Init string

const (
	DefaultInit  Init = ""         // LoRA: A uniform, B zero; prompts: normal
	GaussianInit Init = "gaussian" // LoRA: A normal with deviation 1/r, B zero
	RandomInit   Init = "random"   // LoRA: A and B uniform, so that the adapter changes the model at once
	VocabInit    Init = "vocab"    // prompts: embeddings of tokens drawn by chance
)

// AllLinear as the only target stands for all linear layers but the output layer.
const AllLinear = "all-linear"

// Config says what an adapter is. Its fields are those of PEFT's configurations.
type Config struct {
	Type Type
	// Targets are modules of LoRA and IA³: whole names or their ends from a dot on (query, attention.self.query), with * for any characters and ? for one,
	// or [AllLinear].
	Targets []string
	// TargetPattern is a regular expression for whole names, in place of Targets.
	TargetPattern string
	Exclude       []string // modules that are not targets after all, as Targets
	Layers        []int    // numbers of the blocks (encoder.layer.3) whose modules are targets; nil means all
	LayersPattern []string // names of what the numbers count, as layer; nil means any
	SavedModules  []string // ends of the names of modules that train as a whole, in a copy
	TaskType      string   // SEQ_CLS, TOKEN_CLS, CAUSAL_LM …; classification saves the modules classifier and score

	R       int     // rank of LoRA
	Alpha   float64 // LoRA is scaled by Alpha/R, with RankStabilized by Alpha/√R
	Dropout float64 // of the input of LoRA, in training
	// Ranks and Alphas are those of single modules: the first whose regular expression matches a whole name, or its end from a dot on, counts.
	Ranks, Alphas  Pattern
	RankStabilized bool // rsLoRA
	DoRA           bool
	FanInFanOut    bool // told to PEFT: the weights are [in, out], as in GPT-2
	Init           Init
	Seed           uint64

	FeedForward []string // IA³: ends of the names of those targets whose inputs are scaled

	VirtualTokens int    // prompts and prefixes
	Heads         int    // prefixes: attention heads, where the graph does not tell
	Embedding     string // prompts: module of the token embedding, where the graph has several

	rest map[string]json.RawMessage // of a file, kept
}

// Pattern gives modules a number by their names.
type Pattern []Rule

// Rule is one entry of a [Pattern].
type Rule struct {
	Module string // a regular expression
	Value  float64
}

// LoRAConfig is LoRA of rank r with PEFT's defaults: alpha 8, no dropout.
func LoRAConfig(r int, targets ...string) Config {
	return Config{Type: LoRA, R: r, Alpha: 8, Targets: targets}
}

func (c *Config) check() error {
	switch c.Type {
	case LoRA:
		if c.R < 1 {
			return fmt.Errorf("LoRA of rank %d: r is the rank, at least 1", c.R)
		}
		for _, r := range c.Ranks {
			if r.Value < 1 || r.Value != math.Trunc(r.Value) {
				return fmt.Errorf("LoRA of rank %v for %q", r.Value, r.Module)
			}
		}
		if !(c.Dropout >= 0 && c.Dropout < 1) {
			return fmt.Errorf("dropout %v, want one in [0, 1)", c.Dropout)
		}
	case IA3:
	case PromptTuning, PrefixTuning:
		if c.VirtualTokens < 1 || c.VirtualTokens > 1<<20 {
			return fmt.Errorf("%d virtual tokens", c.VirtualTokens)
		}
		if len(c.SavedModules) > 0 {
			return fmt.Errorf("saved modules beside %s are not supported", c.Type)
		}
		return nil
	default:
		return fmt.Errorf("adapters of type %q are not supported; there are %s, %s, %s and %s", c.Type, LoRA, IA3, PromptTuning, PrefixTuning)
	}
	return nil
}

// scale is the factor of a module's LoRA of rank r.
func (c *Config) scale(module string, r int) (float64, error) {
	alpha, err := c.Alphas.at(module, c.Alpha)
	if c.RankStabilized {
		return alpha / math.Sqrt(float64(r)), err
	}
	return alpha / float64(r), err
}

// saves are the ends of the names of saved modules.
func (c *Config) saves() []string {
	list := c.SavedModules
	for _, h := range c.heads() {
		if !endsWithAny(h, list) {
			list = append(list[:len(list):len(list)], h)
		}
	}
	return list
}

// heads are the names that the task's output layer may have.
func (c *Config) heads() []string {
	switch c.TaskType {
	case "SEQ_CLS", "TOKEN_CLS":
		return []string{"classifier", "score"}
	case "QUESTION_ANS":
		return []string{"qa_outputs"}
	}
	return nil
}

// wire is adapter_config.json as far as it is understood.
type wire struct {
	Type       Type     `json:"peft_type"`
	TaskType   *string  `json:"task_type"`
	Base       *string  `json:"base_model_name_or_path"`
	Inference  bool     `json:"inference_mode"`
	Targets    *words   `json:"target_modules,omitempty"`
	Exclude    *words   `json:"exclude_modules,omitempty"`
	Saved      []string `json:"modules_to_save"`
	R          int      `json:"r,omitempty"`
	Alpha      float64  `json:"lora_alpha,omitempty"`
	Dropout    float64  `json:"lora_dropout,omitempty"`
	Ranks      Pattern  `json:"rank_pattern,omitempty"`
	Alphas     Pattern  `json:"alpha_pattern,omitempty"`
	RSLoRA     bool     `json:"use_rslora,omitempty"`
	DoRA       bool     `json:"use_dora,omitempty"`
	FanInOut   bool     `json:"fan_in_fan_out,omitempty"`
	Feed       *words   `json:"feedforward_modules,omitempty"`
	Tokens     int      `json:"num_virtual_tokens,omitempty"`
	Dim        int      `json:"token_dim,omitempty"`
	Layers     int      `json:"num_layers,omitempty"`
	Heads      int      `json:"num_attention_heads,omitempty"`
	Submodules int      `json:"num_transformer_submodules,omitempty"`
	Hidden     int      `json:"encoder_hidden_size,omitempty"`
	Bias       string   `json:"bias,omitempty"`
}

// words is a list of strings, or one.
type words struct {
	list []string
	one  string
}

func (w *words) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte(`"`)) {
		return json.Unmarshal(b, &w.one)
	}
	return json.Unmarshal(b, &w.list)
}

func (w *words) MarshalJSON() ([]byte, error) {
	if w.one != "" {
		return json.Marshal(w.one)
	}
	return json.Marshal(append([]string{}, w.list...))
}

// UnmarshalJSON keeps the order of the entries, of which the first that matches counts.
func (p *Pattern) UnmarshalJSON(b []byte) error {
	*p = nil
	d := json.NewDecoder(bytes.NewReader(b))
	open, err := d.Token()
	if err != nil || open == nil {
		return err
	}
	if open != json.Delim('{') {
		return fmt.Errorf("%s is no object of numbers", b)
	}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return err
		}
		r := Rule{Module: k.(string)} // keys of objects are strings
		if err := d.Decode(&r.Value); err != nil {
			return err
		}
		*p = append(*p, r)
	}
	return nil
}

// MarshalJSON writes an object.
func (p Pattern) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, r := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		k, err := json.Marshal(r.Module)
		if err != nil {
			return nil, err
		}
		v, err := json.Marshal(r.Value)
		if err != nil {
			return nil, err
		}
		b.Write(append(append(k, ':'), v...))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// altering are settings that change what an adapter computes, in ways that are not supported, with the values that do not.
var altering = map[string][]string{
	"bias": {`"none"`}, "lora_bias": {"false"}, "layer_replication": {}, "alora_invocation_tokens": {}, "target_parameters": {"[]"}, "trainable_token_indices": {},
	"use_qalora": {"false"}, "use_bdlora": {"false"}, "arrow_config": {}, "kasa_config": {}, "monteclora_config": {}, "megatron_config": {}, "loftq_config": {"{}"},
	"init_lora_weights": {"true", "false", `"gaussian"`, `"eva"`, `"orthogonal"`}, "prefix_projection": {"false", "true"},
}

// bookkeeping are keys of adapter_config.json that compute nothing here.
var bookkeeping = []string{"auto_mapping", "revision", "peft_version", "layers_to_transform", "layers_pattern", "init_lora_weights", "fan_in_fan_out", "ensure_weight_tying", "runtime_config",
	"corda_config", "eva_config", "lora_ga_config", "init_ia3_weights", "exclude_modules", "num_attention_heads", "token_dim", "num_layers", "num_transformer_submodules", "encoder_hidden_size",
	"prompt_tuning_init", "prompt_tuning_init_text", "tokenizer_name_or_path", "tokenizer_kwargs", "qalora_group_size", "alpha_pattern", "rank_pattern"}

// ParseConfig reads a configuration that somebody wrote in the terms of PEFT's adapter_config.json. Unlike that of a folder it may have no key that PEFT does not have.
func ParseConfig(b []byte) (Config, error) {
	c, err := parseConfig(b)
	var own []string
	t := reflect.TypeFor[wire]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		own = append(own, name)
	}
	for _, k := range slices.Sorted(maps.Keys(c.rest)) {
		if _, ok := altering[k]; !ok && !slices.Contains(own, k) && !slices.Contains(bookkeeping, k) {
			return Config{}, fmt.Errorf("no setting %q; there are %s", k, strings.Join(own, ", "))
		}
	}
	return c, err
}

// parseConfig reads adapter_config.json.
func parseConfig(b []byte) (Config, error) {
	var w wire
	rest := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &w); err != nil {
		return Config{}, err
	}
	if err := json.Unmarshal(b, &rest); err != nil {
		return Config{}, err
	}
	for k, fine := range altering {
		v := string(rest[k])
		if v == "" || v == "null" {
			continue
		}
		var plain bytes.Buffer
		if json.Compact(&plain, rest[k]) == nil {
			v = plain.String()
		}
		if !slices.Contains(fine, v) {
			return Config{}, fmt.Errorf("%s = %s is not supported", k, v)
		}
	}
	c := Config{Type: w.Type, SavedModules: w.Saved, R: w.R, Alpha: w.Alpha, Dropout: w.Dropout, Ranks: w.Ranks, Alphas: w.Alphas, RankStabilized: w.RSLoRA,
		DoRA: w.DoRA, FanInFanOut: w.FanInOut, VirtualTokens: w.Tokens, Heads: w.Heads, rest: rest}
	if w.TaskType != nil {
		c.TaskType = *w.TaskType
	}
	if w.Targets != nil {
		c.Targets, c.TargetPattern = w.Targets.list, w.Targets.one
		if strings.EqualFold(c.TargetPattern, AllLinear) { // the one string that is no pattern
			c.Targets, c.TargetPattern = []string{AllLinear}, ""
		}
	}
	if w.Exclude != nil {
		c.Exclude = w.Exclude.list
	}
	if w.Feed != nil {
		if c.FeedForward = w.Feed.list; w.Feed.one != "" {
			return Config{}, fmt.Errorf("feedforward_modules as one pattern is not supported")
		}
	}
	return c, c.check()
}
