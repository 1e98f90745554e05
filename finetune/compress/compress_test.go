package compress_test

import (
	"context"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/compress"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx"
)

func lenet(t *testing.T) *finetune.Model {
	t.Helper()
	g, err := onnx.Load("../../testdata/lenet5/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	m, err := finetune.New(g)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestStructured: rows go whole, the smallest first, and a second pruning keeps the first.
func TestStructured(t *testing.T) {
	m := lenet(t)
	i := slices.IndexFunc(m.Params, func(p *finetune.Param) bool { return p.Value.Const.Rank() == 2 && p.Value.Const.Dim(0) == 84 })
	if i < 0 {
		t.Fatal("no layer of 84")
	}
	p := m.Params[i]
	if err := compress.Structured(p, 0.25, 0); err != nil {
		t.Fatal(err)
	}
	width := p.Value.Const.Dim(1)
	gone, worstGone, leastKept := 0, 0.0, math.Inf(1)
	for r := range 84 {
		norm, kept := 0.0, 0
		for k := range width {
			x := p.Value.Const.Float(r*width + k)
			norm += x * x
			kept += int(p.Mask.Float(r*width + k))
		}
		switch kept {
		case 0:
			gone++
			worstGone = math.Max(worstGone, norm)
		case width:
			leastKept = math.Min(leastKept, norm)
		default:
			t.Fatal("row ", r, " is pruned in part")
		}
	}
	if gone != 21 || worstGone > leastKept {
		t.Errorf("%d rows are gone, of norm up to %v; the least that stays has %v", gone, worstGone, leastKept)
	}
	if err := compress.Magnitude([]*finetune.Param{p}, 0.1, true); err != nil {
		t.Fatal(err)
	}
	zeros := 0
	for i := range p.Mask.Len() {
		if p.Mask.Float(i) == 0 {
			zeros++
		}
	}
	if zeros < 21*width {
		t.Error("the second pruning forgot the first")
	}
	for _, f := range []float64{-1, 2, math.NaN()} {
		if compress.Magnitude(m.Params, f, true) == nil || compress.Structured(p, f, 0) == nil {
			t.Errorf("a fraction of %v was pruned", f)
		}
	}
	if compress.Structured(p, 0.5, 2) == nil {
		t.Error("an axis that is not there was pruned")
	}
}

// TestFinish: the quantized model says what the training saw, is made of standard operators, and can be saved and loaded.
func TestFinish(t *testing.T) {
	m := lenet(t)
	in := m.Graph.Inputs[0]
	x := tensor.Must(tensor.New(tensor.Float32, 2, 1, 28, 28))
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32(i%17) / 17
	}
	feeds := map[string]*tensor.Tensor{in.Name: x}
	var weights []*finetune.Param
	for _, p := range m.Params {
		if p.Value.Const.Rank() >= 2 {
			weights = append(weights, p)
		}
	}
	if err := compress.FakeQuantize(m, weights, map[string]compress.Range{in.Name: compress.RangeOf(-0.5, 1)}); err != nil {
		t.Fatal(err)
	}
	want, err := m.Run(context.Background(), feeds)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Save(filepath.Join(t.TempDir(), "early.onnx")); err == nil || !strings.Contains(err.Error(), "compress.Finish") {
		t.Errorf("saved before it is finished: %v", err)
	}
	if err := compress.Finish(m); err != nil {
		t.Fatal(err)
	}
	count := 0
	m.Graph.Walk(func(_ *graph.Graph, n *graph.Node) bool {
		if n.Op.Domain != "" {
			t.Errorf("%s is not of the standard", n.Op)
		}
		if n.Op.Name == "DequantizeLinear" {
			count++
		}
		return true
	})
	if count != len(weights)+1 {
		t.Errorf("%d values are quantized, want %d", count, len(weights)+1)
	}
	path := filepath.Join(t.TempDir(), "q.onnx")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	g, err := onnx.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := finetune.New(g)
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Run(context.Background(), feeds)
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range want {
		for i := range w.Len() {
			if d := math.Abs(got[name].Float(i) - w.Float(i)); d > 1e-4*(1+math.Abs(w.Float(i))) {
				t.Fatalf("%s[%d] is %v, was %v in training", name, i, got[name].Float(i), w.Float(i))
			}
		}
	}
	if compress.FakeQuantize(lenet(t), nil, map[string]compress.Range{"nowhere": {1, 0}}) == nil {
		t.Error("a value that is not there was quantized")
	}
}

// numbered gives batches that say which they are.
type numbered struct{ base, n int }

func (s numbered) Len() int { return s.n }

func (s numbered) Batches(_ context.Context, epoch, from int) iter.Seq2[map[string]*tensor.Tensor, error] {
	return func(yield func(map[string]*tensor.Tensor, error) bool) {
		for k := from; k < s.n; k++ {
			if !yield(map[string]*tensor.Tensor{"k": tensor.Ints(s.base + 100*epoch + k)}, nil) {
				return
			}
		}
	}
}

// TestReplay: old batches come in their turn, and an epoch read from its middle is the rest of the whole.
func TestReplay(t *testing.T) {
	r := compress.Replay(numbered{0, 7}, numbered{1000, 2}, 2)
	read := func(epoch, from int) (list []int) {
		for b, err := range r.Batches(context.Background(), epoch, from) {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, int(b["k"].Float(0)))
		}
		return list
	}
	if got, want := read(0, 0), []int{0, 1, 1000, 2, 3, 1001, 4, 5, 1100, 6}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for epoch := range 3 {
		whole := read(epoch, 0)
		if len(whole) != r.Len() {
			t.Errorf("%d batches, want %d", len(whole), r.Len())
		}
		for from := range whole {
			if got := read(epoch, from); !slices.Equal(got, whole[from:]) {
				t.Errorf("epoch %d from %d: %v, want %v", epoch, from, got, whole[from:])
			}
		}
	}
}
