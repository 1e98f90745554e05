package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cli runs the command and gives what it prints.
func cli(t *testing.T, args ...string) (string, error) {
	t.Helper()
	c := root()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&bytes.Buffer{})
	c.SetArgs(args)
	err := c.ExecuteContext(context.Background())
	return out.String(), err
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := cli(t, args...)
	if err != nil {
		t.Fatalf("onnxrun %s: %v", strings.Join(args, " "), err)
	}
	return out
}

const (
	lenet  = "../../testdata/lenet5/model.onnx"
	digits = "../../testdata/digits/digits.npz"
)

// values are the numbers that onnxrun eval --json tells.
func values(t *testing.T, args ...string) map[string]float64 {
	t.Helper()
	var e struct{ Values map[string]float64 }
	if err := json.Unmarshal([]byte(must(t, append([]string{"eval", "--json"}, args...)...)), &e); err != nil {
		t.Fatal(err)
	}
	return e.Values
}

// TestTrainEvalMerge trains an adapter and a new head on digits that LeNet-5 has not seen: the model that is left, and the base with the adapter merged into it,
// are better than the base, and the same.
func TestTrainEvalMerge(t *testing.T) {
	dir := t.TempDir()
	before := values(t, lenet, "--data", digits, "--resize")
	must(t, "train", lenet, "--data", digits, "--resize", "--holdout", "0.2", "--head", "10", "--lora", "r=4,target_modules=all-linear", "--lr", "0.01", "--updates", "60", "--metric", "accuracy", "--keep-last", "--out", dir)
	tuned := values(t, filepath.Join(dir, "model.onnx"), "--data", digits, "--resize")
	if !(tuned["accuracy"] > before["accuracy"]+0.1) {
		t.Errorf("accuracy %v before and %v after", before["accuracy"], tuned["accuracy"])
	}
	merged := filepath.Join(dir, "merged.onnx")
	must(t, "merge", lenet, "--adapter", filepath.Join(dir, "adapter"), "--head", "10", "--out", merged)
	again := values(t, merged, "--data", digits, "--resize")
	if d := again["loss"] - tuned["loss"]; !(d < 1e-5 && d > -1e-5) {
		t.Errorf("loss %v merged, %v as trained", again["loss"], tuned["loss"])
	}
	for _, name := range []string{"log.csv", "log.jsonl"} {
		if s, err := os.Stat(filepath.Join(dir, name)); err != nil || s.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewModelTrains(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "mlp.onnx")
	must(t, "new", "mlp,sizes=[64,32,10]", file, "--seed", "3")
	a := must(t, "train", file, "--data", digits, "--holdout", "0.2", "--updates", "50", "--batch", "64", "--seed", "3", "--lr", "0.01", "--metric", "accuracy", "--out", filepath.Join(dir, "a"), "--json")
	b := must(t, "train", "--new", "mlp,sizes=[64,32,10]", "--data", digits, "--holdout", "0.2", "--updates", "50", "--batch", "64", "--seed", "3", "--lr", "0.01", "--metric", "accuracy", "--out", filepath.Join(dir, "b"), "--json")
	var ra, rb struct{ Valid map[string]float64 }
	if err := json.Unmarshal([]byte(a), &ra); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(b), &rb); err != nil {
		t.Fatal(err)
	}
	if ra.Valid["loss"] != rb.Valid["loss"] || !(ra.Valid["accuracy"] > 0.8) {
		t.Errorf("from a file %v, at once %v", ra.Valid, rb.Valid)
	}
}

func TestTrainRefuses(t *testing.T) {
	dir := t.TempDir()
	for want, args := range map[string][]string{
		"which model":         {"train", "--data", digits, "--out", dir},
		"which data":          {"train", lenet, "--out", dir},
		"one model":           {"train", lenet, "--new", "lenet5", "--data", digits, "--out", dir},
		"no architecture":     {"new", "lenet6", filepath.Join(dir, "x.onnx")},
		"no optimizer":        {"train", lenet, "--data", digits, "--resize", "--head", "10", "--optimizer", "Adamm", "--out", dir},
		"the model wants":     {"train", lenet, "--data", digits, "--head", "10", "--out", dir},
		"--adapter and --out": {"merge", lenet},
		"no metric":           {"eval", lenet, "--data", digits, "--resize", "--metric", "acuracy"},
	} {
		if _, err := cli(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want an error with %q, got %v", args, want, err)
		}
	}
}
