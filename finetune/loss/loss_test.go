package loss_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune/autodiff"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// TestGoldenKinds makes the loss of every training case.
func TestGoldenKinds(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(trainingRoot(t), "*", "*", "case.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var c struct{ Loss map[string]any }
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(f, err)
		}
		kind, _ := c.Loss["kind"].(string)
		delete(c.Loss, "kind")
		if _, err := loss.New(kind, c.Loss); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

func f32(v []float32, shape ...int) *tensor.Tensor { return tensor.Must(tensor.Of(v, shape...)) }
func i64(v []int64, shape ...int) *tensor.Tensor   { return tensor.Must(tensor.Of(v, shape...)) }

// evaluate computes a loss and its gradient with respect to the first output.
func evaluate(t *testing.T, l loss.Loss, out, target []*tensor.Tensor) (y, grad *tensor.Tensor) {
	t.Helper()
	b := graph.NewBuilder(ops.Registry(), nil)
	inputs := func(name string, list []*tensor.Tensor) (vs []*graph.Value) {
		for i, x := range list {
			vs = append(vs, b.Input(name+string(rune('0'+i)), graph.TypeOf(x)))
		}
		return vs
	}
	o, w := inputs("out", out), inputs("target", target)
	v := l.Of(b, o, w)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	grads, err := autodiff.Gradients(ops.Registry(), b.Graph, v, o[:1])
	if err != nil {
		t.Fatal(err)
	}
	b.Output(v)
	b.Output(grads[0])
	got := run(t, b.Graph, append(append([]*tensor.Tensor{}, out...), target...))
	return got[0], got[1]
}

// TestCombined: losses that are made of others equal what they are made of, on tensors of any rank.
func TestCombined(t *testing.T) {
	logits := f32([]float32{1, 2, 3, 0, -1, 4, 2, 2, 2, 5, 0, 1}, 2, 2, 3)
	onLast, err := loss.New("cross_entropy", map[string]any{"class_axis_last": true, "label_smoothing": 0.2})
	if err != nil {
		t.Fatal(err)
	}
	rows := loss.NewCrossEntropy()
	rows.LabelSmoothing = 0.2
	labels := []int64{2, -100, 0, 1}
	ts := func(x ...*tensor.Tensor) []*tensor.Tensor { return x }
	a, _ := evaluate(t, onLast, ts(logits), ts(i64(labels, 2, 2)))
	b, _ := evaluate(t, rows, ts(tensor.Must(logits.Reshape(4, 3))), ts(i64(labels, 4)))
	if a.Float(0) != b.Float(0) {
		t.Errorf("classes last %v, as rows %v", a.Float(0), b.Float(0))
	}

	// tokens 7 → 1 and 1 → 2 behind one position that is skipped
	next := loss.NewNextToken()
	next.SkipPositions = 1
	x := f32([]float32{9, 9, 9, 1, 2, 3, 0, -1, 4, 2, 2, 2}, 1, 4, 3)
	a, g := evaluate(t, next, ts(x), ts(i64([]int64{0, 1, 2}, 1, 3)))
	b, _ = evaluate(t, loss.NewCrossEntropy(), ts(f32([]float32{1, 2, 3, 0, -1, 4}, 2, 3)), ts(i64([]int64{1, 2}, 2)))
	if a.Float(0) != b.Float(0) {
		t.Errorf("next token %v, of the rows %v", a.Float(0), b.Float(0))
	}
	for i := range 3 {
		if g.Float(i) != 0 || g.Float(9+i) != 0 || g.Float(3+i) == 0 {
			t.Errorf("gradient of next token: %v", tensor.Data[float32](g))
		}
	}

	sum, err := loss.New("sum", map[string]any{"terms": []any{
		map[string]any{"kind": "mse", "weight": 2.0}, map[string]any{"kind": "l1", "output": 1, "target": "feature"}}})
	if err != nil {
		t.Fatal(err)
	}
	targets := sum.Targets([]graph.Type{graph.TypeOf(logits), graph.TypeOf(f32([]float32{0, 0}, 2))})
	if len(targets) != 2 || targets[0].Name != "y" || targets[1].Name != "feature" || targets[1].Type.Rank() != 1 {
		t.Errorf("targets %v", targets)
	}
	y, _ := evaluate(t, sum, ts(f32([]float32{1, 3}, 2), f32([]float32{5, 5}, 2)), ts(f32([]float32{0, 0}, 2), f32([]float32{4, 3}, 2)))
	if y.Float(0) != 2*5+1.5 {
		t.Errorf("sum is %v, want 11.5", y.Float(0))
	}
}

// TestInfoNCE against the formula.
func TestInfoNCE(t *testing.T) {
	l := loss.NewInfoNCE()
	l.Temperature = 0.5
	q, k := f32([]float32{3, 0, 0, 2}, 2, 2), f32([]float32{1, 0, 1, 1}, 2, 2)
	far := f32([]float32{-1, 0}, 1, 2)
	s := math.Sqrt(0.5)
	row := func(own float64, others ...float64) float64 {
		sum := math.Exp(own / 0.5)
		for _, o := range others {
			sum += math.Exp(o / 0.5)
		}
		return math.Log(sum) - own/0.5
	}
	want := (row(1, s, -1) + row(s, 0, 0)) / 2
	y, _ := evaluate(t, l, []*tensor.Tensor{q, k, far}, nil)
	if math.Abs(y.Float(0)-want) > 1e-6 {
		t.Errorf("%v, want %v", y.Float(0), want)
	}
	l.Symmetric = true
	want = (row(1, s) + row(s, 0) + row(1, 0) + row(s, s)) / 4
	y, _ = evaluate(t, l, []*tensor.Tensor{q, k}, nil)
	if math.Abs(y.Float(0)-want) > 1e-6 {
		t.Errorf("symmetric %v, want %v", y.Float(0), want)
	}
}

// TestDetection: predictions that mean the target's boxes exactly leave only objectness and classes.
func TestDetection(t *testing.T) {
	l := loss.NewYOLO([]float64{2, 1})
	l.Objectness, l.Classes = 0, 0
	x := make([]float32, 6*2*3) // raw zeros: the middle of the cell, the size of the anchor
	y := make([]float32, 2*3*6)
	for _, cell := range []int{1, 5} {
		y[cell*6], y[cell*6+1], y[cell*6+2], y[cell*6+3], y[cell*6+4] = float32(cell%3)+0.5, float32(cell/3)+0.5, 2, 1, 1
	}
	v, g := evaluate(t, l, []*tensor.Tensor{f32(x, 1, 6, 2, 3)}, []*tensor.Tensor{f32(y, 1, 1, 2, 3, 6)})
	if math.Abs(v.Float(0)) > 1e-6 {
		t.Errorf("loss of exact boxes is %v", v.Float(0))
	}
	for i := 4 * 6; i < g.Len(); i++ {
		if g.Float(i) != 0 {
			t.Fatal("objectness has a gradient without weight")
		}
	}
	want := []graph.Dim{graph.Sym("n"), graph.Size(1), graph.Size(2), graph.Size(3), graph.Size(6)}
	types := l.Targets([]graph.Type{graph.TensorType(tensor.Float32, graph.Sym("n"), graph.Size(6), graph.Size(2), graph.Size(3))})
	if !types[0].Type.Equal(graph.TensorType(tensor.Float32, want...)) {
		t.Errorf("target %s", types[0].Type)
	}
}

// TestRefused: what is wrong is named.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		kind   string
		params map[string]any
		want   string
	}{
		{"entropy", nil, "cross_entropy"},
		{"huber", map[string]any{"beta": 1.0}, "beta"},
		{"mse", map[string]any{"reduction": "median"}, "median"},
		{"sum", map[string]any{"terms": []any{map[string]any{"kind": "mse", "weight": "2"}}}, "weight"},
		{"sum", map[string]any{"terms": []any{map[string]any{"kind": "nothing"}}}, "term 0"},
		{"sum", nil, "terms"},
		{"bce_logits", map[string]any{"pos_weight": []any{[]any{1.0}, []any{1.0, 2.0}}}, "shape"},
	} {
		if _, err := loss.New(c.kind, c.params); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: error %v, want %q in it", c.kind, c.params, err, c.want)
		}
	}
	for _, c := range []struct {
		loss        loss.Loss
		out, target []*tensor.Tensor
		want        string
	}{
		{loss.NewMSE(), []*tensor.Tensor{f32([]float32{1, 2}, 2, 1)}, []*tensor.Tensor{f32([]float32{1, 2}, 2)}, "[2,1]"},
		{loss.NewCrossEntropy(), []*tensor.Tensor{f32([]float32{1, 2}, 2)}, []*tensor.Tensor{i64(nil, 0)}, "[0]"},
		{loss.NewCrossEntropy(), []*tensor.Tensor{f32([]float32{1, 2}, 1, 2)}, []*tensor.Tensor{i64([]int64{1, 1}, 2)}, "[1,2]"},
		{&loss.CrossEntropy{Weight: []float64{1}}, []*tensor.Tensor{f32([]float32{1, 2}, 1, 2)}, []*tensor.Tensor{i64([]int64{1}, 1)}, "1 weights for 2"},
		{loss.NewMSE(), []*tensor.Tensor{i64([]int64{1}, 1)}, []*tensor.Tensor{i64([]int64{1}, 1)}, "floating-point"},
		{loss.NewMSE(), nil, nil, "0 outputs"},
		{loss.NewYOLO([]float64{1, 2}, []float64{1, 2}), []*tensor.Tensor{f32(nil, 0, 13, 2, 2)}, []*tensor.Tensor{f32(nil, 0)}, "2 anchors"},
		{loss.Weighted{}, nil, nil, "0 losses"},
		{&loss.On{Loss: loss.NewMSE(), Output: 1}, nil, nil, "output 1"},
	} {
		b := graph.NewBuilder(ops.Registry(), nil)
		var out, target []*graph.Value
		for _, x := range c.out {
			out = append(out, b.Input("o", graph.TypeOf(x)))
		}
		for _, x := range c.target {
			target = append(target, b.Input("t", graph.TypeOf(x)))
		}
		c.loss.Of(b, out, target)
		if err := b.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T: error %v, want %q in it", c.loss, err, c.want)
		}
	}
}
