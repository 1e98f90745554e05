package finetune_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

func lenetStep(t *testing.T) (*finetune.Step, map[string]*tensor.Tensor) {
	t.Helper()
	m := lenet(t)
	s, err := finetune.NewStep(m, finetune.Config{Loss: loss.NewCrossEntropy(), Optimizer: optim.NewAdamW(1e-3), EMA: 0.9})
	if err != nil {
		t.Fatal(err)
	}
	x := tensor.Must(tensor.New(tensor.Float32, 3, 1, 28, 28))
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(i%13) / 13 * float32(1+i/784)
	}
	return s, map[string]*tensor.Tensor{m.Graph.Inputs[0].Name: x, "y": tensor.Ints(0, 1, 2)}
}

func run(t *testing.T, s *finetune.Step, batch map[string]*tensor.Tensor, n int) {
	t.Helper()
	for range n {
		if _, err := s.Run(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
	}
}

func sameState(t *testing.T, a, b *finetune.Step) {
	t.Helper()
	x, y := a.State(), b.State()
	for i, v := range x.Tensors {
		if string(v.Value.Bytes()) != string(y.Tensors[i].Value.Bytes()) {
			t.Errorf("%s differs", v.Name)
		}
	}
	if x.Metadata["updates"] != y.Metadata["updates"] {
		t.Errorf("%s and %s updates", x.Metadata["updates"], y.Metadata["updates"])
	}
}

// TestResumeStep: three steps, saved, and two more are five steps, bit for bit.
func TestResumeStep(t *testing.T) {
	a, batch := lenetStep(t)
	run(t, a, batch, 5)
	b, _ := lenetStep(t)
	run(t, b, batch, 3)
	c := &finetune.Checkpoints{Dir: t.TempDir()}
	if err := c.Save(3, b.State()); err != nil {
		t.Fatal(err)
	}
	d, _ := lenetStep(t)
	f, refused, err := c.Last()
	if err != nil || refused != nil || f == nil {
		t.Fatal(f, refused, err)
	}
	if err := d.Restore(f); err != nil {
		t.Fatal(err)
	}
	run(t, d, batch, 2)
	sameState(t, a, d)
}

// TestDamagedCheckpoint: every byte counts, and the file before is used.
func TestDamagedCheckpoint(t *testing.T) {
	s, batch := lenetStep(t)
	c := &finetune.Checkpoints{Dir: t.TempDir()}
	for k := 1; k <= 4; k++ {
		run(t, s, batch, 1)
		if err := c.Save(k, s.State()); err != nil {
			t.Fatal(err)
		}
	}
	if steps, err := c.Steps(); err != nil || len(steps) != 2 || steps[1] != 4 {
		t.Fatal(steps, err)
	}
	last := filepath.Join(c.Dir, "step-000000004.safetensors")
	whole, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string][]byte{"cut short": whole[:len(whole)-100], "empty": nil, "header": append([]byte{1}, whole[1:]...)}
	for _, at := range []int{9, 100, 2000, len(whole) / 2, len(whole) - 1} {
		b := append([]byte{}, whole...)
		b[at] ^= 4
		damage["bit "+filepath.Base(string(rune('a'+at%20)))] = b
	}
	for name, b := range damage {
		if err := os.WriteFile(last, b, 0o666); err != nil {
			t.Fatal(err)
		}
		f, refused, err := c.Last()
		if err != nil || f == nil || f.Metadata["updates"] != "3" {
			t.Errorf("%s: %v, %v", name, f, err)
		}
		if refused == nil || !strings.Contains(refused.Error(), last) {
			t.Errorf("%s: refused is %v", name, refused)
		}
	}
}

// TestFailedSave: when a file cannot be put in its place, the folder is as before.
func TestFailedSave(t *testing.T) {
	s, _ := lenetStep(t)
	c := &finetune.Checkpoints{Dir: t.TempDir()}
	if err := c.Save(1, s.State()); err != nil {
		t.Fatal(err)
	}
	// A folder that is not empty, where the file should go, makes the rename fail.
	if err := os.MkdirAll(filepath.Join(c.Dir, "step-000000002.safetensors", "x"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(2, s.State()); err == nil {
		t.Fatal("the rename did not fail")
	}
	f, _, err := c.Last()
	if err != nil || f == nil {
		t.Fatal(f, err)
	}
	left, err := filepath.Glob(filepath.Join(c.Dir, ".writing*"))
	if err != nil || left != nil {
		t.Error("left over: ", left, err)
	}
	if _, err := (&finetune.Checkpoints{Dir: t.TempDir()}).Best(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no best state: %v", err)
	}
}

// TestRestoreRefused: a state of another training changes nothing.
func TestRestoreRefused(t *testing.T) {
	s, batch := lenetStep(t)
	f := s.State()
	f.Tensors = f.Tensors[1:]
	run(t, s, batch, 1)
	if err := s.Restore(f); err == nil || !strings.Contains(err.Error(), "another training") {
		t.Error(err)
	}
	if s.Done() != 1 {
		t.Error("the number of updates changed")
	}
}
