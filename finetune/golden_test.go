package finetune_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/npy"
	"github.com/onnxrun/onnxrun/onnx"
)

// trainingCase is a training that PyTorch did in float64, as case.json of the training goldens tells it.
type trainingCase struct {
	Name      string             `json:"name"`
	Inputs    []string           `json:"inputs"`
	Trainable []string           `json:"trainable"`
	Steps     int                `json:"steps"`
	Loss      map[string]any     `json:"loss"`
	Optimizer json.RawMessage    `json:"optimizer"`
	Schedule  map[string]any     `json:"schedule"`
	Tolerance map[string]float64 `json:"tolerance"`
	Unstable  []string           `json:"unstable"`
	BatchNorm string             `json:"batch_norm"`
	Replace   map[string]string  `json:"replace"`
	ZeroRows  map[string][]int   `json:"zero_gradient_rows"`
	Acc       int                `json:"accumulate"`
	Clip      struct {
		Kind string  `json:"kind"`
		Max  float64 `json:"max"`
	} `json:"clip"`
	EMA struct {
		Decay float64 `json:"decay"`
	} `json:"ema"`
	Checkpoint struct {
		Segments int `json:"segments"`
	} `json:"checkpoint"`
	Penalty struct {
		L1         float64  `json:"l1"`
		Parameters []string `json:"parameters"`
	} `json:"penalty"`

	Compression compression `json:"-"`

	dir    string
	layout *layout
	data   map[string]*tensor.Tensor
	expect map[string]*tensor.Tensor
}

func loadCase(t *testing.T, dir string) *trainingCase {
	t.Helper()
	c := &trainingCase{dir: dir, layout: loadLayout(t, filepath.Join(dir, "names.json"))}
	readJSON(t, filepath.Join(dir, "case.json"), c)
	readJSON(t, filepath.Join(dir, "case.json"), &c.Compression)
	c.data, c.expect = readZip(t, filepath.Join(dir, "data.npz")), readZip(t, filepath.Join(dir, "expect.npz"))
	return c
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(name, err)
	}
}

func readZip(t *testing.T, name string) map[string]*tensor.Tensor {
	t.Helper()
	f, err := os.Open(name)
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
		t.Fatal(name, err)
	}
	m := map[string]*tensor.Tensor{}
	for _, a := range list {
		m[a.Name] = a.Tensor
	}
	return m
}

// batch is the arrays of batch k by name, in the types that the model's inputs have.
func (c *trainingCase) batch(k string) map[string]*tensor.Tensor {
	m := map[string]*tensor.Tensor{}
	for name, x := range c.data {
		if base, ok := strings.CutSuffix(name, "_"+k); ok && !strings.HasSuffix(base, "_eval") {
			m[base] = single(x)
		}
	}
	return m
}

// single is x in float32, if it holds float64.
func single(x *tensor.Tensor) *tensor.Tensor {
	if x.DType() != tensor.Float64 {
		return x
	}
	out := make([]float32, x.Len())
	for i := range out {
		out[i] = float32(x.Float(i))
	}
	return tensor.Must(tensor.Of(out, x.Shape()...))
}

// TestGolden trains every case under nets and optimizers, and compares losses, gradients, parameters and outputs with PyTorch's.
func TestGolden(t *testing.T) {
	root := os.Getenv("ONNXRUN_TRAINING")
	if root == "" {
		t.Skip("ONNXRUN_TRAINING does not name the folder of training goldens")
	}
	for _, kind := range []string{"optimizers", "nets", "compress"} {
		dirs, err := filepath.Glob(filepath.Join(root, kind, "*", "case.json"))
		if err != nil || len(dirs) == 0 {
			t.Fatal("no cases in ", kind, err)
		}
		for _, d := range dirs {
			t.Run(kind+"/"+filepath.Base(filepath.Dir(d)), func(t *testing.T) {
				t.Parallel()
				loadCase(t, filepath.Dir(d)).run(t)
			})
		}
	}
}

func (c *trainingCase) run(t *testing.T) {
	g, err := onnx.Load(filepath.Join(c.dir, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := finetune.New(g)
	if err != nil {
		t.Fatal(err)
	}
	c.prepare(t, m)
	cfg := c.config(t)
	c.compress(t, m, &cfg)
	step, err := finetune.NewStep(m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	v := &verdict{t: t, c: c}
	ctx := context.Background()
	v.outputs(ctx, m, "eval_before")
	var losses, lrs, norms []float64
	for k := range c.Steps {
		var batches []map[string]*tensor.Tensor
		for j := range step.Batches() {
			batches = append(batches, c.batch(strconv.Itoa(k*step.Batches()+j)))
		}
		r, err := step.Run(ctx, batches...)
		if err != nil {
			t.Fatal("step ", k, ": ", err)
		}
		losses, lrs, norms = append(losses, r.Loss), append(lrs, r.LR), append(norms, r.GradNorm)
		if k == 0 {
			v.params(m, "grad0", step.Gradient)
			v.params(m, "param1", func(p *finetune.Param) *tensor.Tensor { return p.Value.Const })
			v.stats(m, "buffer1")
		}
	}
	v.series("loss", losses)
	v.series("lr", lrs)
	if c.expect["grad_norm"] != nil {
		v.series("grad_norm", norms)
	}
	v.params(m, "paramN", func(p *finetune.Param) *tensor.Tensor { return p.Value.Const })
	v.stats(m, "bufferN")
	if c.EMA.Decay > 0 {
		v.params(m, "emaN", step.Average)
	}
	v.outputs(ctx, m, "eval_after")
	v.complete()
}

// prepare freezes what the case does not train and sets what it replaces.
func (c *trainingCase) prepare(t *testing.T, m *finetune.Model) {
	for _, p := range m.Params {
		e := c.layout.Initializers[p.Value.Name]
		p.Train = e != nil && slices.ContainsFunc(e.names(), func(n string) bool { return slices.Contains(c.Trainable, n) })
		if e == nil {
			continue
		}
		for _, n := range e.names() {
			if r, ok := c.Replace[n]; ok {
				if err := p.Replace(single(c.data[r])); err != nil {
					t.Fatal(err)
				}
			}
			p.FrozenRows = append(p.FrozenRows, c.ZeroRows[n]...)
		}
	}
}

func (c *trainingCase) String() string { return fmt.Sprint(c.Name) }
