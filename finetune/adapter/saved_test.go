package adapter

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/safetensors"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// inOut is two linear layers, one of them square, whose weights lie as [inputs, outputs] under the names that PyTorch has for the transposed ones, a
// layer with PyTorch's own order, and a Gemm such as GPT-2's, whose weight PyTorch has as [inputs, outputs] too.
func inOut(t *testing.T) *Set {
	b := graph.NewBuilder(ops.Registry(), &graph.Graph{Opsets: map[string]int{"": 17}})
	param := func(name string, shape ...int) *graph.Value {
		v := b.Const(wave(float64(len(name)), shape...))
		v.Name = name
		return v
	}
	x := b.Input("x", graph.TensorType(tensor.Float32, graph.Sym("batch"), graph.Size(3)))
	op := func(name string, args ...graph.Arg) *graph.Value { return finetuneOp(b, 17, name, args...) }
	x = op("Tanh", op("Add", op("MatMul", x, param("wide.weight", 3, 4)), param("wide.bias", 4)))
	x = op("Tanh", op("MatMul", x, param("square.weight", 4, 4)))
	x = op("Tanh", op("MatMul", x, op("Transpose", param("plain.weight", 5, 4), graph.Ints("perm", 1, 0))))
	x = op("Tanh", op("Gemm", x, param("conv1d.weight", 5, 6), param("conv1d.bias", 6)))
	b.Output(op("Gemm", x, param("out.weight", 2, 6), param("out.bias", 2), graph.Int("transB", 1)))
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	return must(New(must(finetune.New(b.Graph))))
}

// TestSavedOrientation writes saved modules as PyTorch has their weights, whichever way they lie in the model, and reads them likewise.
func TestSavedOrientation(t *testing.T) {
	feeds := map[string]*tensor.Tensor{"x": wave(3, 2, 3)}
	s := inOut(t)
	c := LoRAConfig(2, "out")
	c.SavedModules = []string{"wide", "square", "plain", "conv1d"}
	a := must(s.Add("x", c))
	for _, p := range a.Params {
		for i := range p.Value.Const.Len() {
			tensor.Data[float32](p.Value.Const)[i] += float32(i%5) / 8
		}
	}
	want := compute(t, s, feeds)
	dir := t.TempDir()
	if err := a.Save(dir); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	file := must(safetensors.Read(bytes.NewReader(raw), int64(len(raw))))
	for name, shape := range map[string][]int{"wide": {4, 3}, "square": {4, 4}, "plain": {5, 4}, "conv1d": {5, 6}} {
		x := file.Get(prefix + name + ".weight")
		if x == nil || !x.Shape().Equal(shape) {
			t.Fatalf("%s.weight is saved as %v, want %v", name, x, shape)
		}
		own := s.Model.Param(prefix + name + ".modules_to_save.x.weight").Value.Const
		i, k := 1, 2 // [i, k] of the file
		at := i*shape[1] + k
		if name == "wide" || name == "square" {
			at = k*shape[0] + i
		}
		if x.Float(i*shape[1]+k) != own.Float(at) {
			t.Errorf("%s.weight has %v at [1, 2], want %v", name, x.Float(i*shape[1]+k), own.Float(at))
		}
	}
	fresh := inOut(t)
	b := must(fresh.Load("x", dir))
	if !bytes.Equal(compute(t, fresh, feeds).Bytes(), want.Bytes()) {
		t.Error("loaded, the outputs differ")
	}
	if err := b.Save(dir); err != nil {
		t.Fatal(err)
	}
	if again := must(os.ReadFile(filepath.Join(dir, WeightsFile))); !bytes.Equal(raw, again) {
		t.Error("loaded and saved, the file differs")
	}
}

// TestSavedShapeTells loads a weight whose shape says that the guess about its layout was wrong: that of Gemm as a linear layer has it.
func TestSavedShapeTells(t *testing.T) {
	feeds := map[string]*tensor.Tensor{"x": wave(3, 2, 3)}
	s := inOut(t)
	c := LoRAConfig(2, "out")
	c.SavedModules = []string{"conv1d", "wide"}
	a := must(s.Add("x", c))
	want := compute(t, s, feeds)
	dir := t.TempDir()
	if err := a.Save(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, WeightsFile)
	raw := must(os.ReadFile(path))
	file := must(safetensors.Read(bytes.NewReader(raw), int64(len(raw))))
	for i, x := range file.Tensors {
		if v := x.Value; x.Name == prefix+"conv1d.weight" || x.Name == prefix+"wide.weight" {
			file.Tensors[i].Value = ofFloats(v.DType(), transposed(floatsOf(v), v.Dim(0), v.Dim(1)), v.Dim(1), v.Dim(0))
		}
	}
	var turned bytes.Buffer
	if err := safetensors.Write(&turned, file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, turned.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := inOut(t)
	b := must(fresh.Load("x", dir))
	if !bytes.Equal(compute(t, fresh, feeds).Bytes(), want.Bytes()) {
		t.Error("the outputs differ")
	}
	if err := b.Save(dir); err != nil {
		t.Fatal(err)
	}
	if again := must(os.ReadFile(path)); !bytes.Equal(turned.Bytes(), again) {
		t.Error("it is saved in another layout than it was loaded")
	}
}
