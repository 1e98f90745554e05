package finetune_test

import (
	"context"
	"iter"
	"math"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/compress"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// compression is what the cases of compression say beyond a training.
type compression struct {
	Masks struct {
		Fraction   float64  `json:"fraction"`
		Across     string   `json:"across"`
		Parameters []string `json:"parameters"`
	} `json:"masks"`
	EWC struct {
		Lambda float64 `json:"lambda"`
	} `json:"ewc"`
	FakeQuantize struct {
		Weights     []string `json:"weights"`
		Activations map[string]struct {
			Scale     float64 `json:"scale"`
			ZeroPoint int     `json:"zero_point"`
		} `json:"activations"`
	} `json:"fake_quantize"`
}

// named are the parameters of a model that hold PyTorch's of those names.
func (c *trainingCase) named(t *testing.T, m *finetune.Model, names []string) []*finetune.Param {
	t.Helper()
	var list []*finetune.Param
	for _, n := range names {
		p := m.Param(n)
		if p == nil {
			t.Fatalf("no parameter %s", n)
		}
		list = append(list, p)
	}
	return list
}

// compress does to the model what the case does, and returns what to do after the first evaluation.
func (c *trainingCase) compress(t *testing.T, m *finetune.Model, cfg *finetune.Config) {
	if k := c.Compression.Masks; k.Parameters != nil {
		params := c.named(t, m, k.Parameters)
		if err := compress.Magnitude(params, k.Fraction, k.Across == "global"); err != nil {
			t.Fatal(err)
		}
		for _, p := range params {
			want := c.data["mask."+p.Name]
			for i := range want.Len() {
				if p.Mask.Float(i) != want.Float(i) {
					t.Fatalf("mask of %s differs at %d", p.Name, i)
				}
			}
		}
		p := c.named(t, m, k.Parameters)
		if s := compress.Sparsity(p); s > 0.1 {
			t.Errorf("%v of the weights are 0 before they are pruned", s)
		}
	}
	if k := c.Compression.FakeQuantize; k.Weights != nil {
		ranges := map[string]compress.Range{}
		for name, a := range k.Activations {
			ranges[name] = compress.Range{Scale: a.Scale, ZeroPoint: a.ZeroPoint}
		}
		if err := compress.FakeQuantize(m, c.named(t, m, k.Weights), ranges); err != nil {
			t.Fatal(err)
		}
	}
	if k := c.Compression.EWC; k.Lambda != 0 {
		e, err := compress.Fisher(context.Background(), m, *cfg, c.old())
		if err != nil {
			t.Fatal(err)
		}
		for name, f := range e.Fisher {
			want := c.data["fisher."+name]
			worst, largest := 0.0, 0.0
			for i := range want.Len() {
				worst = math.Max(worst, math.Abs(want.Float(i)-f.Float(i)))
				largest = math.Max(largest, math.Abs(want.Float(i)))
			}
			if worst > 1e-5*largest {
				t.Errorf("fisher information of %s: error %v", name, worst/largest)
			}
		}
		cfg.Penalty = e.Penalty(k.Lambda)
	}
}

// oldTask gives the samples of the old task one by one.
type oldTask struct{ x, y *tensor.Tensor }

func (c *trainingCase) old() oldTask { return oldTask{single(c.data["old_x"]), c.data["old_y"]} }

func (o oldTask) Len() int { return o.y.Len() }

func (o oldTask) Batches(_ context.Context, _, from int) iter.Seq2[map[string]*tensor.Tensor, error] {
	return func(yield func(map[string]*tensor.Tensor, error) bool) {
		x := tensor.Data[float32](o.x)
		width := o.x.Dim(1)
		for i := from; i < o.Len(); i++ {
			batch := map[string]*tensor.Tensor{
				"x": tensor.Must(tensor.Of(x[i*width:(i+1)*width], 1, width)),
				"y": tensor.Must(tensor.Of(tensor.Data[int64](o.y)[i:i+1], 1)),
			}
			if !yield(batch, nil) {
				return
			}
		}
	}
}
