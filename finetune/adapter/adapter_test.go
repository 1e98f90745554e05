package adapter

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/safetensors"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// wave is a tensor of some numbers.
func wave(seed float64, shape ...int) *tensor.Tensor {
	i := 0.0
	return filled(tensor.Float32, func() float64 { i++; return math.Sin(seed + i*i) }, shape...)
}

// tiny has a layer of each form: an embedding tied to the output layer, a product with a bias behind it, a Gemm, and a convolution. Its input is [batch, 4] tokens.
func tiny(t testing.TB, opset int) *Set {
	b := graph.NewBuilder(ops.Registry(), &graph.Graph{Opsets: map[string]int{"": opset}})
	m := &finetune.Model{Graph: b.Graph}
	param := func(name string, shape ...int) *graph.Value {
		v := b.Const(wave(float64(len(name)), shape...))
		v.Name = name
		return v
	}
	op := func(name string, args ...graph.Arg) *graph.Value { return finetuneOp(b, opset, name, args...) }
	ids := b.Input("ids", graph.TensorType(tensor.Int64, graph.Sym("batch"), graph.Size(4)))
	table := param("embed.weight", 11, 6)
	x := op("Gather", table, ids) // [batch, 4, 6]
	x = op("Add", op("MatMul", x, param("block.0.in.weight", 6, 5)), param("block.0.in.bias", 5))
	x = op("Relu", x)
	x = op("Conv", op("Transpose", x, graph.Ints("perm", 0, 2, 1)), param("block.0.conv.weight", 6, 5, 3), param("block.0.conv.bias", 6), graph.Ints("pads", 1, 1))
	x = op("Reshape", op("Transpose", x, graph.Ints("perm", 0, 2, 1)), b.Ints(-1, 6))
	x = op("Tanh", op("Gemm", x, param("block.1.mid.weight", 6, 6), param("block.1.mid.bias", 6), graph.Int("transB", 1)))
	y := op("MatMul", x, op("Transpose", table, graph.Ints("perm", 1, 0)))
	y.Name = "logits"
	b.Output(y)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	m, err := finetune.New(b.Graph)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func finetuneOp(b *graph.Builder, opset int, name string, args ...graph.Arg) *graph.Value {
	n := &graph.Node{Op: b.Registry().Lookup("", name, opset)}
	for _, a := range args {
		switch a := a.(type) {
		case *graph.Value:
			n.In = append(n.In, a)
		case graph.Attr:
			n.Attrs = append(n.Attrs, a)
		}
	}
	out := b.Name(n)
	b.Append(n, out)
	return out
}

var tokens4 = map[string]*tensor.Tensor{"ids": tensor.Must(tensor.Of([]int64{1, 2, 3, 4, 10, 0, 7, 1}, 2, 4))}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestLayers(t *testing.T) {
	want := map[string]Kind{"embed": Embedding, "block.0.in": Linear, "block.0.conv": Conv, "block.1.mid": Linear}
	for _, l := range tiny(t, 17).Layers() {
		if l.Kind == Linear && l.Out == 11 {
			if !l.Output || l.In != 6 {
				t.Errorf("the output layer is %+v", l)
			}
			continue
		}
		if want[l.Name] != l.Kind || l.Output {
			t.Errorf("layer %s is %s, output %v", l.Name, l.Kind, l.Output)
		}
		delete(want, l.Name)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

func configs() map[string]Config {
	lora := func(targets ...string) Config {
		c := LoRAConfig(2, targets...)
		c.Init, c.Seed = RandomInit, 3
		return c
	}
	dora, rs, saved := lora("in", "mid"), lora(AllLinear), lora("in")
	dora.DoRA, rs.RankStabilized, saved.SavedModules = true, true, []string{"mid"}
	dropped := dora
	dropped.Dropout = 0.1 // from training alone
	return map[string]Config{
		"linear": lora("in", "block.1.mid"), "glob": lora("block.*.?i?"), "conv": lora("conv"), "embedding": lora("embed"), "dora": dora, "dropout": dropped, "rslora": rs, "saved": saved,
		"ia3": {Type: IA3, Targets: []string{"in", "mid"}, FeedForward: []string{"mid"}},
	}
}

// TestMerge: merging keeps the outputs, and everything can be taken back to the bit; old opsets too.
func TestMerge(t *testing.T) {
	for _, opset := range []int{9, 13, 17, 21} {
		for name, c := range configs() {
			s := tiny(t, opset)
			base := compute(t, s, tokens4)
			a, err := s.Add("x", c)
			if err != nil {
				t.Fatal(name, err)
			}
			for i, p := range a.Params {
				if p.Name != "" && (c.Type == IA3 || strings.Contains(p.Name, "modules_to_save")) {
					p.Value.Const = wave(float64(i), p.Value.Const.Shape()...)
				}
			}
			if n := len(s.Model.Trained()); n != len(a.Params) || n == 0 {
				t.Errorf("%s: %d parameters train, want %d", name, n, len(a.Params))
			}
			on := compute(t, s, tokens4)
			if differ(t, on, base) < 1e-3 {
				t.Errorf("%s: the adapter changes nothing", name)
			}
			if err := s.Merge(); err != nil {
				t.Fatal(name, err)
			}
			if len(s.Model.Trained()) != 0 {
				t.Errorf("%s: merged parameters train", name)
			}
			if e := differ(t, compute(t, s, tokens4), on); e > 1e-5 {
				t.Errorf("%s, opset %d: merged: error %.1e", name, opset, e)
			}
			if _, err := s.Add("y", c); err == nil {
				t.Error("an adapter was added while another is merged")
			}
			if err := s.Unmerge(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(compute(t, s, tokens4).Bytes(), on.Bytes()) {
				t.Errorf("%s: not the same after unmerging", name)
			}
			file := filepath.Join(t.TempDir(), "m.onnx")
			if err := s.Model.Save(file); err != nil {
				t.Fatal(name, err)
			}
			again := must(finetune.New(must(onnx.Load(file))))
			got := must(again.Run(context.Background(), tokens4))["logits"]
			if e := differ(t, got, on); e > 1e-6 {
				t.Errorf("%s: saved while active: error %.1e", name, e)
			}
			if err := s.Delete("x"); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(compute(t, s, tokens4).Bytes(), base.Bytes()) || len(s.Model.Trained()) != 0 {
				t.Errorf("%s: not the base after deleting", name)
			}
		}
	}
}

func TestFreshIsIdentity(t *testing.T) {
	for name, c := range configs() {
		s := tiny(t, 17)
		base := compute(t, s, tokens4)
		c.Init = DefaultInit
		if _, err := s.Add("x", c); err != nil {
			t.Fatal(err)
		}
		if e := differ(t, compute(t, s, tokens4), base); e > 1e-6 {
			t.Errorf("%s: error %.1e", name, e)
		}
	}
}

// TestSeveral: two active adapters add up, and so does their combination.
func TestSeveral(t *testing.T) {
	s := tiny(t, 17)
	c := LoRAConfig(2, "mid")
	c.Init = RandomInit
	must(s.Add("a", c))
	c.R, c.Seed, c.Targets = 3, 1, []string{"mid", "in"}
	must(s.Add("b", c))
	if list := s.Active(); len(list) != 1 || list[0].Name != "b" {
		t.Fatalf("active: %v", list)
	}
	alone := compute(t, s, tokens4)
	if err := s.Activate("a", "b"); err != nil {
		t.Fatal(err)
	}
	both := compute(t, s, tokens4)
	must(s.Combine("sum", Part{"a", 1}, Part{"b", 1}))
	if e := differ(t, compute(t, s, tokens4), both); e > 1e-5 {
		t.Errorf("combined: error %.1e", e)
	}
	dir := t.TempDir()
	if err := s.Adapter("sum").Save(dir); err != nil {
		t.Fatal(err)
	}
	must(s.Load("sum again", dir))
	if e := differ(t, compute(t, s, tokens4), both); e > 1e-5 {
		t.Errorf("combined and saved: error %.1e", e)
	}
	if err := s.Activate("b"); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(compute(t, s, tokens4).Bytes(), alone.Bytes()) {
		t.Error("b alone is not what it was")
	}
	if err := s.Activate("b", "none"); err == nil || len(s.Active()) != 1 {
		t.Error("an unknown adapter was activated")
	}
}

// TestFolder: what is saved loads again with the same bits.
func TestFolder(t *testing.T) {
	for name, c := range configs() {
		s := tiny(t, 17)
		a := must(s.Add("x", c))
		want := compute(t, s, tokens4)
		dir := t.TempDir()
		if err := a.Save(dir); err != nil {
			t.Fatal(err)
		}
		fresh := tiny(t, 17)
		if _, err := fresh.Load("other", dir); err != nil {
			t.Fatal(name, err)
		}
		if !bytes.Equal(compute(t, fresh, tokens4).Bytes(), want.Bytes()) {
			t.Errorf("%s: loaded, the outputs differ", name)
		}
	}
}

// TestStep trains an adapter with dropout: its parameters move, and the base's do not.
func TestStep(t *testing.T) {
	s := tiny(t, 17)
	c := LoRAConfig(2, AllLinear)
	c.Dropout, c.DoRA = 0.2, true
	must(s.Add("x", c))
	before := map[string][]byte{}
	for _, p := range s.Model.Params {
		before[p.Name] = bytes.Clone(p.Value.Const.Bytes())
	}
	sgd, err := optim.New("SGD", map[string]any{"lr": 0.1})
	if err != nil {
		t.Fatal(err)
	}
	mse, err := loss.New("mse", nil)
	if err != nil {
		t.Fatal(err)
	}
	step := must(finetune.NewStep(s.Model, finetune.Config{Optimizer: sgd, Loss: mse}))
	batch := map[string]*tensor.Tensor{"ids": tokens4["ids"], "y": filled(tensor.Float32, func() float64 { return 0 }, 8, 11)}
	first := must(step.Run(context.Background(), batch)).Loss
	for range 20 {
		must(step.Run(context.Background(), batch))
	}
	if last := must(step.Run(context.Background(), batch)).Loss; last >= first {
		t.Errorf("the loss went from %v to %v", first, last)
	}
	for _, p := range s.Model.Params {
		if moved := !bytes.Equal(before[p.Name], p.Value.Const.Bytes()); moved != p.Train {
			t.Errorf("%s: trains %v, moved %v", p.Name, p.Train, moved)
		}
	}
	if x, y := compute(t, s, tokens4), compute(t, s, tokens4); !bytes.Equal(x.Bytes(), y.Bytes()) {
		t.Error("dropout outside of training")
	}
}

func TestRefusals(t *testing.T) {
	prefixes := Config{Type: PrefixTuning, VirtualTokens: 2}
	bad := LoRAConfig(2, "mid")
	bad.Ranks = Pattern{{"(", 2}}
	for text, c := range map[string]Config{
		"no layer is a target":          LoRAConfig(2, "query"),
		"LoRA of rank 0":                LoRAConfig(0, "mid"),
		"DoRA for the layer":            {Type: LoRA, R: 2, DoRA: true, Targets: []string{"conv"}},
		"IA³ for the layer":             {Type: IA3, Targets: []string{"embed"}},
		"pattern of modules":            bad,
		"target modules":                {Type: LoRA, R: 2, TargetPattern: "("},
		"no module \"pooler\"":          {Type: LoRA, R: 2, Targets: []string{"mid"}, SavedModules: []string{"pooler"}},
		"fixed length 4":                {Type: PromptTuning, VirtualTokens: 2},
		"no attention in the model":     prefixes,
		"type \"ADALORA\" are not":      {Type: "ADALORA"},
		"dropout 1, want one in [0, 1)": {Type: LoRA, R: 2, Dropout: 1},
	} {
		s := tiny(t, 17)
		base := compute(t, s, tokens4)
		if _, err := s.Add("x", c); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want %q", err, text)
		}
		if len(s.Adapters) != 0 || len(s.Model.Trained()) != 0 || !bytes.Equal(compute(t, s, tokens4).Bytes(), base.Bytes()) {
			t.Errorf("%s: something was left behind", text)
		}
	}
}

// TestUnknownType: an adapter for a layer behind an operator without a definition, whose type is not known, is refused.
func TestUnknownType(t *testing.T) {
	b := graph.NewBuilder(ops.Registry(), &graph.Graph{Opsets: map[string]int{"": 17, "com.example": 1}})
	x := b.Input("x", graph.TensorType(tensor.Float32, graph.Sym("n"), graph.Size(6)))
	n := &graph.Node{Op: &graph.Op{Domain: "com.example", Name: "Mystery"}, In: []*graph.Value{x}}
	mystery := b.Name(n)
	b.Append(n, mystery)
	for _, name := range []string{"a.weight", "b.weight"} {
		w := b.Const(wave(1, 6, 6))
		w.Name = name
		mystery = b.Op("MatMul", mystery, w)
	}
	b.Output(mystery)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	for _, c := range []Config{{Type: LoRA, R: 2, Targets: []string{"a"}}, {Type: LoRA, R: 2, DoRA: true, Targets: []string{"a"}}} {
		s, err := New(must(finetune.New(b.Graph)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Add("x", c); err == nil || !strings.Contains(err.Error(), "type error") {
			t.Errorf("DoRA %v: %v, want a type error", c.DoRA, err)
		}
	}
}

// TestPromptPast: a model that goes on from the keys and values of earlier tokens is none for prompts.
func TestPromptPast(t *testing.T) {
	b := graph.NewBuilder(ops.Registry(), &graph.Graph{Opsets: map[string]int{"": 17}})
	ids := b.Input("input_ids", graph.TensorType(tensor.Int64, graph.Sym("batch"), graph.Sym("tokens")))
	past := b.Input("past_key_values.0.key", graph.TensorType(tensor.Float32, graph.Sym("batch"), graph.Sym("past"), graph.Size(6)))
	table := b.Const(wave(1, 11, 6))
	table.Name = "embed.weight"
	b.Output(b.Op("Concat", past, b.Op("Gather", table, ids), graph.Int("axis", 1)))
	s, err := New(must(finetune.New(b.Graph)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add("x", Config{Type: PromptTuning, VirtualTokens: 2}); err == nil || !strings.Contains(err.Error(), "goes on from a past") {
		t.Errorf("got %v", err)
	}
}

// TestPrefixPositions: a prefix moves the tokens to later positions, for which a table must have rows. Types of tokens, which are all the same, stay.
func TestPrefixPositions(t *testing.T) {
	for rows, text := range map[int]string{4: "no room for a prefix of 2", 5: "no room for a prefix of 2", 6: ""} {
		b := graph.NewBuilder(ops.Registry(), &graph.Graph{Opsets: map[string]int{"": 17}})
		ids := b.Input("input_ids", graph.TensorType(tensor.Int64, graph.Sym("batch"), graph.Size(4)))
		param := func(name string, rows int) *graph.Value {
			v := b.Const(wave(1, rows, 8))
			v.Name = name
			return v
		}
		positions := b.Op("Range", b.Scalar(tensor.Int64, 0), b.Op("Gather", b.Op("Shape", ids), b.Scalar(tensor.Int64, 1)), b.Scalar(tensor.Int64, 1))
		x := b.Op("Add", b.Op("Gather", param("embed.weight", 11), ids), b.Op("Gather", param("positions.weight", rows), positions))
		x = b.Op("Add", x, b.Op("Gather", param("types.weight", 2), b.Op("Expand", b.Ints(0), b.Op("Shape", ids))))
		heads := b.Op("Transpose", b.Op("Reshape", x, b.Ints(-1, 4, 2, 4)), graph.Ints("perm", 0, 2, 1, 3))
		weights := b.Op("Softmax", b.Op("MatMul", heads, b.Op("Transpose", heads, graph.Ints("perm", 0, 1, 3, 2))))
		y := b.Op("MatMul", weights, heads)
		y.Name = "logits"
		b.Output(y)
		if b.Err() != nil {
			t.Fatal(b.Err())
		}
		s, err := New(must(finetune.New(b.Graph)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Add("x", Config{Type: PrefixTuning, VirtualTokens: 2}); (err == nil) != (text == "") || err != nil && !strings.Contains(err.Error(), text) {
			t.Errorf("%d rows: %v, want %q", rows, err, text)
		}
		compute(t, s, map[string]*tensor.Tensor{"input_ids": tokens4["ids"]})
	}
}

func TestBadFolders(t *testing.T) {
	config := `{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["mid"]}`
	weights := func(list ...safetensors.Named) []byte {
		var b bytes.Buffer
		if err := safetensors.Write(&b, &safetensors.File{Tensors: list}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	const module = prefix + "block.1.mid."
	a, b := safetensors.Named{Name: module + "lora_A.weight", Value: wave(1, 2, 6)}, safetensors.Named{Name: module + "lora_B.weight", Value: wave(2, 6, 2)}
	whole := weights(a, b)
	for _, c := range []struct {
		config  string
		weights []byte
		text    string
	}{
		{config, whole, ""},
		{config, whole[:len(whole)-1], WeightsFile},
		{config[:20], whole, ConfigFile},
		{`{"peft_type": "LORA", "r": 2, "bias": "all"}`, whole, `bias = "all" is not supported`},
		{`{"peft_type": "LORA", "r": 2, "init_lora_weights": "pissa"}`, whole, "init_lora_weights"},
		{`{"peft_type": "LORA", "r": 2, "use_dora": true}`, whole, "has no lora_magnitude_vector"},
		{`{"peft_type": "IA3"}`, whole, "has no ia3_l"},
		{config, weights(a), "has no lora_B"},
		{config, weights(a, safetensors.Named{Name: b.Name, Value: wave(2, 5, 2)}), "want numbers of shape [6 2]"},
		{config, weights(a, safetensors.Named{Name: b.Name, Value: tensor.Ints(1)}), "want numbers"},
		{config, weights(a, b, safetensors.Named{Name: prefix + "head.weight", Value: wave(1, 2)}), `no parameter "head.weight"`},
		{config, weights(safetensors.Named{Name: "x", Value: wave(1, 2)}), "names begin with"},
		{config, weights(safetensors.Named{Name: prefix + "nowhere.lora_A.weight", Value: wave(1, 2, 6)}), `no layer "nowhere"`},
		{config, weights(), "nothing for any layer"},
	} {
		dir := t.TempDir()
		must(0, os.WriteFile(filepath.Join(dir, ConfigFile), []byte(c.config), 0o644))
		must(0, os.WriteFile(filepath.Join(dir, WeightsFile), c.weights, 0o644))
		_, err := tiny(t, 17).Load("x", dir)
		if c.text == "" && err != nil || c.text != "" && (err == nil || !strings.Contains(err.Error(), c.text)) {
			t.Errorf("got %v, want %q", err, c.text)
		}
	}
}

// TestHalf: parameters in half precision become those of the model's type.
func TestHalf(t *testing.T) {
	s := tiny(t, 17)
	half := func(x *tensor.Tensor) *tensor.Tensor {
		return must(tensor.FromFloats(tensor.Float16, floatsOf(x), x.Shape()...))
	}
	a := &Adapter{Name: "x", Config: LoRAConfig(2, "mid"), set: s}
	err := a.fill(&safetensors.File{Tensors: []safetensors.Named{
		{Name: prefix + "block.1.mid.lora_A.weight", Value: half(wave(1, 2, 6))}, {Name: prefix + "block.1.mid.lora_B.weight", Value: half(wave(2, 6, 2))}}})
	if err != nil || a.Params[0].Value.Const.DType() != tensor.Float32 {
		t.Errorf("%v, %v", err, a.Params)
	}
}

// FuzzLoad: whatever is in the files of a folder, loading it fails or makes an adapter that can be taken out again.
func FuzzLoad(f *testing.F) {
	s := tiny(f, 17)
	dir := f.TempDir()
	for _, c := range configs() {
		a := must(s.Add("seed", c))
		must(0, a.Save(dir))
		f.Add(must(os.ReadFile(filepath.Join(dir, ConfigFile))), must(os.ReadFile(filepath.Join(dir, WeightsFile))))
		must(0, s.Delete("seed"))
	}
	nodes := len(s.Model.Graph.Nodes)
	f.Fuzz(func(t *testing.T, config, weights []byte) {
		c, err := parseConfig(config)
		if err != nil {
			return
		}
		file, err := safetensors.Read(bytes.NewReader(weights), int64(len(weights)))
		if err != nil {
			return
		}
		_, err = s.take(func() (*Adapter, error) {
			a, err := s.start("x", c)
			if err != nil {
				return nil, err
			}
			return a, a.fill(file)
		})
		if err == nil {
			must(0, s.Delete("x"))
		}
		if len(s.Model.Graph.Nodes) != nodes {
			t.Fatalf("%d nodes, want %d", len(s.Model.Graph.Nodes), nodes)
		}
	})
}
