package adapter

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/npy"
	"github.com/onnxrun/onnxrun/onnx"
)

// TestPEFT is the Go half of scripts/peft_roundtrip.py, which makes the cases: it loads the adapter that PEFT made and compares outputs, then makes one
// of the same configuration for PEFT.
func TestPEFT(t *testing.T) {
	root := os.Getenv("ONNXRUN_PEFT")
	if root == "" {
		t.Skip("scripts/peft_roundtrip.py runs this")
	}
	cases, err := filepath.Glob(filepath.Join(root, "*", "theirs"))
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, c := range cases {
		t.Run(filepath.Base(filepath.Dir(c)), func(t *testing.T) { exchange(t, filepath.Dir(c)) })
	}
}

func exchange(t *testing.T, dir string) {
	set := open(t, filepath.Join(dir, "model.onnx"))
	inputs := arrays(t, filepath.Join(dir, "inputs.npz"))
	if _, err := set.Load("default", filepath.Join(dir, "theirs")); err != nil {
		t.Fatal(err)
	}
	want := arrays(t, filepath.Join(dir, "theirs.npz"))["out"]
	got := compute(t, set, inputs)
	t.Logf("%s: error %.1e", filepath.Base(dir), differ(t, got, want))
	if e := differ(t, got, want); !(e <= 1e-4) {
		t.Fatalf("PEFT's adapter: error %.2g", e)
	}
	if a := set.Active()[0]; a.prompt == nil {
		if err := set.Merge(); err != nil {
			t.Fatal(err)
		}
		if e := differ(t, compute(t, set, inputs), want); !(e <= 1e-4) {
			t.Fatalf("PEFT's adapter, merged: error %.2g", e)
		}
		if err := set.Unmerge(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "theirs", ConfigFile))
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseConfig(b)
	if err != nil {
		t.Fatal(err)
	}
	c.Init, c.Seed, c.rest = RandomInit, 7, nil
	asked(t, filepath.Join(dir, "asked.json"), &c)
	a, err := set.Add("ours", c)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range a.Params {
		if c.Type == IA3 || a.saved != nil {
			x := p.Value.Const.Clone()
			for i, v := range tensor.Data[float32](x) {
				tensor.Data[float32](x)[i] = v + float32(math.Sin(float64(i+1)))*0.3
			}
			p.Value.Const = x
		}
	}
	out := compute(t, set, inputs)
	if err := a.Save(filepath.Join(dir, "ours")); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "ours.npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := npy.WriteZip(f, []npy.Named{{Name: "out", Tensor: out}}); err != nil {
		t.Fatal(err)
	}
}

// asked sets the targets as they were asked for, where PEFT's file has the list of what it found.
func asked(t *testing.T, file string, c *Config) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var w struct {
		Targets *words   `json:"target_modules"`
		Layers  []int    `json:"layers_to_transform"`
		Pattern []string `json:"layers_pattern"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	c.Layers, c.LayersPattern = w.Layers, w.Pattern
	if w.Targets == nil {
		return
	}
	if c.Targets, c.TargetPattern = w.Targets.list, w.Targets.one; w.Targets.one == AllLinear {
		c.Targets, c.TargetPattern = []string{AllLinear}, ""
	}
}

func open(t *testing.T, file string) *Set {
	t.Helper()
	g, err := onnx.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := finetune.New(g)
	if err != nil {
		t.Fatal(err)
	}
	set, err := New(m)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func arrays(t *testing.T, file string) map[string]*tensor.Tensor {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	list, err := npy.ReadZip(f, info.Size(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]*tensor.Tensor{}
	for _, a := range list {
		m[a.Name] = a.Tensor
	}
	return m
}

func compute(t *testing.T, s *Set, inputs map[string]*tensor.Tensor) *tensor.Tensor {
	t.Helper()
	out, err := s.Model.Run(context.Background(), inputs)
	if err != nil {
		t.Fatal(err)
	}
	return out[s.Model.Graph.Outputs[0].Name]
}

// differ is the largest difference of elements relative to the largest element.
func differ(t *testing.T, got, want *tensor.Tensor) float64 {
	t.Helper()
	if !got.Shape().Equal(want.Shape()) {
		t.Fatalf("%s, want %s", got, want)
	}
	worst, scale := 0.0, 1e-30
	for i := range want.Len() {
		scale = max(scale, math.Abs(want.Float(i)))
		if d := math.Abs(got.Float(i) - want.Float(i)); d > worst || math.IsNaN(d) {
			worst = d
		}
	}
	return worst / scale
}
