package finetune_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// fixed builds a graph of one input x and one output, in float32.
func fixed(t *testing.T, f func(b *graph.Builder, x *graph.Value) *graph.Value, shape ...int) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder(ops.Registry(), nil)
	b.Graph.Opsets[""] = 18
	y := f(b, b.Input("x", graph.TensorType(tensor.Float32, graph.Dims(shape...)...)))
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	y.Name = "out"
	b.Output(y)
	return b.Graph
}

func filled(shape ...int) *tensor.Tensor {
	x := tensor.Must(tensor.New(tensor.Float32, shape...))
	for i := range tensor.Data[float32](x) {
		tensor.Data[float32](x)[i] = float32((i*7+3)%11) / 11
	}
	return x
}

// TestFreeBatch: shapes that exporters write for a batch of one become right for any, wherever the batch is among the elements. FreeBatch itself compares results.
func TestFreeBatch(t *testing.T) {
	ints := func(b *graph.Builder, v ...int) *graph.Value { return b.Ints(v...) }
	for name, c := range map[string]struct {
		shape []int
		f     func(b *graph.Builder, x *graph.Value) *graph.Value
		want  string
	}{
		"flatten": {[]int{1, 3, 4}, func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Op("MatMul", b.Op("Reshape", x, ints(b, 1, 12)), b.Const(filled(12, 2)))
		}, "f32[batch,2]"},
		"the rest is open": {[]int{1, 3, 4}, func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Op("Reshape", x, ints(b, 1, -1)) }, "f32[batch,12]"},
		"two samples":      {[]int{2, 3, 4}, func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Op("Reshape", x, ints(b, 2, -1)) }, "f32[batch,12]"},
		"windows": {[]int{1, 4, 4, 2}, func(b *graph.Builder, x *graph.Value) *graph.Value {
			w := b.Op("Transpose", b.Op("Reshape", x, ints(b, 1, 2, 2, 2, 2, 2)), graph.Ints("perm", 0, 1, 3, 2, 4, 5))
			w = b.Op("Softmax", b.Op("Reshape", w, ints(b, 4, 4, 2)), graph.Int("axis", 1))
			return b.Op("Reshape", w, ints(b, 1, 16, 2))
		}, "f32[batch,16,2]"},
		"tokens first": { // MultiheadAttention of [tokens, batch, features]: heads beside the batch, then tokens and batch in one axis
			[]int{1, 5, 6}, func(b *graph.Builder, x *graph.Value) *graph.Value {
				h := b.Op("Transpose", x, graph.Ints("perm", 1, 0, 2))
				h = b.Op("Transpose", b.Op("Reshape", h, ints(b, 5, 3, 2)), graph.Ints("perm", 1, 0, 2))
				h = b.Op("Softmax", b.Op("Reshape", h, ints(b, 1, 3, 5, 2)), graph.Int("axis", 2))
				h = b.Op("Reshape", b.Op("Transpose", h, graph.Ints("perm", 2, 0, 1, 3)), ints(b, 5, 6))
				h = b.Op("Gemm", h, b.Const(filled(6, 6)))
				return b.Op("Transpose", b.Op("Reshape", h, ints(b, 5, 1, 6)), graph.Ints("perm", 1, 0, 2))
			}, "f32[batch,5,6]"},
		"class token": {[]int{1, 3, 4}, func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Op("Concat", b.Const(filled(1, 1, 4)), x, graph.Int("axis", 1))
		}, "f32[batch,4,4]"},
		"initial state": {[]int{1, 3, 4}, func(b *graph.Builder, x *graph.Value) *graph.Value {
			h := b.OpN(1, "GRU", b.Op("Transpose", x, graph.Ints("perm", 1, 0, 2)), b.Const(filled(1, 6, 4)), b.Const(filled(1, 6, 2)), (*graph.Value)(nil), (*graph.Value)(nil),
				b.Const(filled(1, 1, 2)), graph.Int("hidden_size", 2))
			return b.Op("Transpose", b.Op("Squeeze", h[0], ints(b, 1)), graph.Ints("perm", 1, 0, 2))
		}, "f32[batch,3,2]"},
		"masks of the first sample": {[]int{1, 4}, func(b *graph.Builder, x *graph.Value) *graph.Value {
			at := tensor.Must(tensor.Of([]int64{0, 0, 0, 2}, 1, 1, 2, 2))
			return b.Op("Reshape", b.Op("GatherND", x, b.Const(at)), ints(b, 1, 2))
		}, "f32[batch,2]"},
		"elements of a flat tensor": {[]int{1, 4}, func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Op("Gather", b.Op("Flatten", x, graph.Int("axis", 2)), b.Const(tensor.Must(tensor.Of([]int64{3, 1}, 1, 2))))
		}, "f32[batch,2,1]"},
		"laid out anew": {[]int{1, 4, 1, 1}, func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Op("Gather", b.Op("Reshape", x, ints(b, -1)), b.Const(tensor.Must(tensor.Of([]int64{0, 1, 2, 3}, 1, 4))))
		}, "f32[batch,4]"},
	} {
		g, err := finetune.FreeBatch(fixed(t, c.f, c.shape...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := g.Outputs[0].Type.String(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		file := filepath.Join(t.TempDir(), "free.onnx")
		if err := onnx.Save(file, g); err != nil {
			t.Fatal(err)
		}
		again, err := onnx.Load(file)
		if err != nil || finetune.FixedBatch(again) != 0 {
			t.Errorf("%s: saved and read again, the input is %v, %v", name, again.Inputs[0].Type, err)
		}
	}
}

// TestFreeBatchRefuses: a graph whose results depend on the other samples stays as it is.
func TestFreeBatchRefuses(t *testing.T) {
	for name, f := range map[string]func(b *graph.Builder, x *graph.Value) *graph.Value{
		"softmax over samples": func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Op("Softmax", x, graph.Int("axis", 0)) },
		"sum over samples":     func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Op("ReduceSum", x, b.Ints(0)) },
		"one sample": func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Op("Gather", x, b.Const(tensor.Scalar(int64(0))))
		},
	} {
		if _, err := finetune.FreeBatch(fixed(t, f, 2, 3)); err == nil || !strings.Contains(err.Error(), "batches of 2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
