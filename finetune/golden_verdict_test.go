package finetune_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// verdict compares what a training gave with expect.npz, and sees to it that everything in there was compared.
type verdict struct {
	t    *testing.T
	c    *trainingCase
	seen map[string]bool
}

// array compares one tensor, in PyTorch's layout, with what is expected under key: itself, or its norm, its sum and every S-th element.
func (v *verdict) array(kind, key string, got []float64) {
	v.t.Helper()
	if v.seen == nil {
		v.seen = map[string]bool{}
	}
	tol := v.c.Tolerance[kind]
	check := func(name string, got, want []float64, scale float64) {
		v.seen[name] = true
		if len(got) != len(want) {
			v.t.Errorf("%s: %d elements, want %d", name, len(got), len(want))
			return
		}
		worst := 0.0
		for i, w := range want {
			scale = max(scale, math.Abs(w))
			if d := math.Abs(got[i] - w); d > worst || math.IsNaN(d) {
				worst = d
			}
		}
		if e := worst / max(1e-6, scale); !(e <= tol) {
			v.t.Errorf("%s: error %.2g, tolerance %.1g", name, e, tol)
		}
	}
	if w, ok := v.c.expect[key]; ok {
		check(key, got, floats(w), 0)
		return
	}
	found := false
	for name, w := range v.c.expect {
		part, ok := strings.CutPrefix(name, key+"#")
		if !ok {
			continue
		}
		found = true
		want := floats(w)
		norm, sum := 0.0, 0.0
		for _, x := range got {
			norm += x * x
			sum += x
		}
		norm = math.Sqrt(norm)
		switch stride, ok := strings.CutPrefix(part, "every"); {
		case ok:
			n, err := strconv.Atoi(stride)
			if err != nil {
				v.t.Fatal(name)
			}
			var some []float64
			for i := 0; i < len(got); i += n {
				some = append(some, got[i])
			}
			check(name, some, want, 0)
		case part == "norm":
			check(name, []float64{norm}, want, 0)
		case part == "sum":
			check(name, []float64{sum}, want, floats(v.c.expect[key+"#norm"])[0])
		default:
			v.t.Errorf("do not know how to compare %s", name)
		}
	}
	if !found {
		v.t.Errorf("nothing is expected under %s", key)
	}
}

func floats(x *tensor.Tensor) []float64 {
	out := make([]float64, x.Len())
	for i := range out {
		out[i] = x.Float(i)
	}
	return out
}

func (v *verdict) series(key string, got []float64) { v.t.Helper(); v.array(key, key, got) }

// params compares a tensor of every parameter that trains.
func (v *verdict) params(m *finetune.Model, kind string, of func(*finetune.Param) *tensor.Tensor) {
	v.t.Helper()
	done := map[string]bool{}
	for _, p := range m.Trained() {
		e := v.c.layout.Initializers[p.Value.Name]
		x := of(p)
		if x == nil {
			v.t.Errorf("%s: no value for %s", kind, p.Name)
			continue
		}
		for i, got := range e.torch(x) {
			name := e.names()[i]
			if !slices.Contains(v.c.Trainable, name) {
				continue
			}
			done[name] = true
			if slices.Contains(v.c.Unstable, name) {
				v.skip(kind + "/" + name)
				continue
			}
			v.array(kind, kind+"/"+name, got)
		}
	}
	for _, n := range v.c.Trainable {
		if !done[n] {
			v.t.Errorf("%s: parameter %s was not found", kind, n)
		}
	}
}

func (v *verdict) skip(key string) {
	for name := range v.c.expect {
		if name == key || strings.HasPrefix(name, key+"#") {
			v.seen[name] = true
		}
	}
}

// stats compares running statistics.
func (v *verdict) stats(m *finetune.Model, kind string) {
	for _, p := range m.Params {
		if e := v.c.layout.Initializers[p.Value.Name]; p.Stat && e != nil && v.c.BatchNorm == "train" {
			v.array(kind, kind+"/"+e.Parameter, e.torch(p.Value.Const)[0])
		}
	}
}

// outputs compares the model's outputs on the evaluation batch.
func (v *verdict) outputs(ctx context.Context, m *finetune.Model, kind string) {
	v.t.Helper()
	feeds := map[string]*tensor.Tensor{}
	for _, n := range v.c.Inputs {
		feeds[n] = v.c.batch("eval")[n]
	}
	out, err := m.Run(ctx, feeds)
	if err != nil {
		v.t.Fatal(err)
	}
	for i, o := range m.Graph.Outputs {
		if key := fmt.Sprintf("%s/%d", kind, i); out[o.Name].DType().IsFloat() {
			v.array(kind, key, floats(out[o.Name]))
		}
	}
}

// complete fails when something was expected that nothing was compared with.
func (v *verdict) complete() {
	for name := range v.c.expect {
		if !v.seen[name] {
			v.t.Errorf("%s was not compared", name)
		}
	}
}
