package finetune_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/adapter"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/safetensors"
	"github.com/onnxrun/onnxrun/onnx"
)

// TestGoldenAdapters trains every case under lora: PEFT's folder is loaded on the exported base, trained, merged, unmerged and saved.
func TestGoldenAdapters(t *testing.T) {
	root := os.Getenv("ONNXRUN_TRAINING")
	if root == "" {
		t.Skip("ONNXRUN_TRAINING does not name the folder of training goldens")
	}
	cases, err := filepath.Glob(filepath.Join(root, "lora", "*", "case.json"))
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases under lora", err)
	}
	for _, c := range cases {
		t.Run(filepath.Base(filepath.Dir(c)), func(t *testing.T) {
			t.Parallel()
			(&adapterCase{trainingCase: loadCase(t, filepath.Dir(c))}).run(t)
		})
	}
}

type adapterCase struct {
	*trainingCase
	saved struct {
		Keys map[string]string `json:"saved_keys"`
	}
	base map[string]*tensor.Tensor // parameters before
}

func (c *adapterCase) run(t *testing.T) {
	readJSON(t, filepath.Join(c.dir, "case.json"), &c.saved)
	g, err := onnx.Load(filepath.Join(c.dir, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := finetune.New(g)
	if err != nil {
		t.Fatal(err)
	}
	c.base = map[string]*tensor.Tensor{}
	for _, p := range m.Params {
		c.base[p.Name] = p.Value.Const
	}
	set, err := adapter.New(m)
	if err != nil {
		t.Fatal(err)
	}
	c.modules(t, set)
	c.Tolerance["eval_base"] = c.Tolerance["eval_before"]
	ctx, v := context.Background(), &verdict{t: t, c: c.trainingCase}
	v.outputs(ctx, m, "eval_base")
	a, err := set.Load("default", filepath.Join(c.dir, "adapter_init"))
	if err != nil {
		t.Fatal(err)
	}
	v.outputs(ctx, m, "eval_before")
	cfg := finetune.Config{NoDropout: true}
	c.optimizer(t, &cfg, c.Optimizer)
	c.loss(t, &cfg)
	step, err := finetune.NewStep(m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var losses, lrs []float64
	for k := range c.Steps {
		r, err := step.Run(ctx, c.batch(strconv.Itoa(k)))
		if err != nil {
			t.Fatal("step ", k, ": ", err)
		}
		losses, lrs = append(losses, r.Loss), append(lrs, r.LR)
		if k == 0 {
			c.params(v, m, "grad0", step.Gradient)
			c.params(v, m, "param1", func(p *finetune.Param) *tensor.Tensor { return p.Value.Const })
		}
	}
	v.series("loss", losses)
	v.series("lr", lrs)
	c.params(v, m, "paramN", func(p *finetune.Param) *tensor.Tensor { return p.Value.Const })
	v.outputs(ctx, m, "eval_after")
	c.file(v, a)
	if c.Tolerance["merged"] > 0 {
		c.merge(ctx, v, set)
	}
	if err := set.Activate(); err != nil {
		t.Fatal(err)
	}
	v.outputs(ctx, m, "eval_base")
	v.complete()
}

// params compares a tensor of each parameter that trains.
func (c *adapterCase) params(v *verdict, m *finetune.Model, kind string, of func(*finetune.Param) *tensor.Tensor) {
	v.t.Helper()
	if n := len(m.Trained()); n != len(c.Trainable) {
		v.t.Errorf("%d parameters train, want %d", n, len(c.Trainable))
	}
	for _, name := range c.Trainable {
		switch p := m.Param(name); {
		case p == nil:
			v.t.Errorf("%s: no parameter %s", kind, name)
		case slices.Contains(c.Unstable, name):
			v.skip(kind + "/" + name)
		default:
			v.array(kind, kind+"/"+name, floats(of(p)))
		}
	}
}

// file saves the adapter and compares the file with the trained one that PEFT saved.
func (c *adapterCase) file(v *verdict, a *adapter.Adapter) {
	dir := v.t.TempDir()
	if err := a.Save(dir); err != nil {
		v.t.Fatal(err)
	}
	ours, theirs := readTensors(v.t, filepath.Join(dir, adapter.WeightsFile)), readTensors(v.t, filepath.Join(c.dir, "adapter_final", adapter.WeightsFile))
	if len(ours) != len(theirs) {
		v.t.Errorf("%d tensors saved, want %d", len(ours), len(theirs))
	}
	for name, key := range c.saved.Keys {
		key = inFile(key)
		if ours[key] == nil || theirs[key] == nil {
			v.t.Errorf("%s is not saved as %q", name, key)
		} else if !ours[key].Shape().Equal(theirs[key].Shape()) {
			v.t.Errorf("%s is saved as %s, want %s", name, ours[key], theirs[key])
		} else if !slices.Contains(c.Unstable, name) {
			v.array("paramN", "paramN/"+name, floats(ours[key]))
		}
	}
}

// inFile is the name of a tensor in files: prompts have none of their own in the list of names.
func inFile(key string) string {
	if strings.HasPrefix(key, "prompt_encoder.") {
		return "prompt_embeddings"
	}
	return key
}

func readTensors(t *testing.T, name string) map[string]*tensor.Tensor {
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.Read(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]*tensor.Tensor{}
	for _, x := range file.Tensors {
		m[x.Name] = x.Value
	}
	return m
}

// merge compares the merged weights and takes them out again.
func (c *adapterCase) merge(ctx context.Context, v *verdict, set *adapter.Set) {
	if err := set.Merge(); err != nil {
		v.t.Fatal(err)
	}
	v.outputs(ctx, set.Model, "eval_merged")
	for _, p := range set.Model.Params {
		if c.expect["merged/"+p.Name] == nil {
			if !same(p.Value.Const, c.base[p.Name]) {
				v.t.Errorf("merging changed %s", p.Name)
			}
			continue
		}
		e := &entry{Transform: string(p.Transform)}
		v.array("merged", "merged/"+p.Name, e.torch(p.Value.Const)[0])
	}
	if err := set.Unmerge(); err != nil {
		v.t.Fatal(err)
	}
	v.outputs(ctx, set.Model, "eval_after")
	for name, x := range c.base {
		if p := set.Model.Param(name); p == nil || !same(p.Value.Const, x) {
			v.t.Errorf("%s is not what it was before merging", name)
		}
	}
}

func same(x, y *tensor.Tensor) bool { return y != nil && bytes.Equal(x.Bytes(), y.Bytes()) }

// modules compares the layers that were found in the graph with PyTorch's modules.
func (c *adapterCase) modules(t *testing.T, set *adapter.Set) {
	var want map[string]struct {
		Type  string `json:"type"`
		Shape []int  `json:"shape"`
	}
	readJSON(t, filepath.Join(c.dir, "modules.json"), &want)
	kinds := map[string]adapter.Kind{"Linear": adapter.Linear, "Conv1D": adapter.Linear, "Embedding": adapter.Embedding}
	found := map[string]bool{}
	for _, l := range set.Layers() {
		w, ok := want[l.Name]
		if !ok {
			// One module of those that share a weight is in the list, whichever the exporter named it after.
			t.Logf("the layer %s (%s) is in no list of modules", l.Name, l.Kind)
			continue
		}
		found[l.Name] = true
		shape := []int{l.Out, l.In}
		if w.Type != "Linear" {
			slices.Reverse(shape)
		}
		if kinds[w.Type] != l.Kind || !slices.Equal(shape, w.Shape) {
			t.Errorf("%s is a %s layer of %v, want %s of %v", l.Name, l.Kind, shape, w.Type, w.Shape)
		}
	}
	for name := range want {
		if !found[name] {
			t.Errorf("the module %s was not found", name)
		}
	}
}

// TestGoldenAdapterTargets: what an adapter added here targets is what PEFT targeted.
func TestGoldenAdapterTargets(t *testing.T) {
	root := os.Getenv("ONNXRUN_TRAINING")
	if root == "" {
		t.Skip("ONNXRUN_TRAINING does not name the folder of training goldens")
	}
	cases, _ := filepath.Glob(filepath.Join(root, "lora", "*", "case.json"))
	for _, f := range cases {
		dir := filepath.Dir(f)
		var c struct {
			Keys map[string]string `json:"saved_keys"`
			PEFT struct {
				Class string `json:"class"`
				Args  struct {
					R       int             `json:"r"`
					Alpha   float64         `json:"lora_alpha"`
					Targets json.RawMessage `json:"target_modules"`
					Saved   []string        `json:"modules_to_save"`
					Feed    []string        `json:"feedforward_modules"`
					Task    string          `json:"task_type"`
					RS      bool            `json:"use_rslora"`
					DoRA    bool            `json:"use_dora"`
					Ranks   adapter.Pattern `json:"rank_pattern"`
					Alphas  adapter.Pattern `json:"alpha_pattern"`
					Tokens  int             `json:"num_virtual_tokens"`
				} `json:"arguments"`
			} `json:"peft"`
		}
		readJSON(t, f, &c)
		x := c.PEFT.Args
		cfg := adapter.Config{R: x.R, Alpha: x.Alpha, SavedModules: x.Saved, FeedForward: x.Feed, TaskType: x.Task, RankStabilized: x.RS, DoRA: x.DoRA,
			Ranks: x.Ranks, Alphas: x.Alphas, VirtualTokens: x.Tokens}
		cfg.Type = map[string]adapter.Type{"LoraConfig": adapter.LoRA, "IA3Config": adapter.IA3, "PromptTuningConfig": adapter.PromptTuning,
			"PrefixTuningConfig": adapter.PrefixTuning}[c.PEFT.Class]
		if s := strings.Trim(string(x.Targets), `"`); s == adapter.AllLinear {
			cfg.Targets = []string{s}
		} else if x.Targets != nil {
			if err := json.Unmarshal(x.Targets, &cfg.Targets); err != nil {
				t.Fatal(err)
			}
		}
		g, err := onnx.Load(filepath.Join(dir, "model.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := finetune.New(g)
		if err != nil {
			t.Fatal(err)
		}
		set, err := adapter.New(m)
		if err != nil {
			t.Fatal(err)
		}
		a, err := set.Add("default", cfg)
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		theirs := readTensors(t, filepath.Join(dir, "adapter_init", adapter.WeightsFile))
		for _, p := range a.Params {
			w := theirs[inFile(c.Keys[p.Name])]
			if w == nil {
				t.Errorf("%s: PEFT has no %s", filepath.Base(dir), p.Name)
			} else if !w.Shape().Equal(p.Value.Const.Shape()) {
				t.Errorf("%s: %s is %s, want %s", filepath.Base(dir), p.Name, p.Value.Const, w)
			}
		}
		if len(a.Params) != len(theirs) {
			t.Errorf("%s: %d parameters, want %d", filepath.Base(dir), len(a.Params), len(theirs))
		}
	}
}
