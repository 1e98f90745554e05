package runtime

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/optest"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// chain is softmax(relu(relu(x))) on float32[batch,n].
func chain(t testing.TB, batch graph.Dim, n int) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder(ops.Registry(), nil)
	x := b.Input("x", graph.TensorType(tensor.Float32, batch, graph.Size(n)))
	h := b.Op("Relu", b.Op("Relu", x))
	y := b.Op("Softmax", h)
	b.Output(y)
	b.Output(h)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	return b.Graph
}

func ramp(n int, shape ...int) *tensor.Tensor {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i%17) - 8
	}
	return tensor.Must(tensor.Of(v, shape...))
}

func TestRunEqualsInterpreter(t *testing.T) {
	g := chain(t, graph.Sym("batch"), 5)
	s, err := Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	for _, batch := range []int{3, 1, 0, 700, 3} {
		x := ramp(batch*5, batch, 5)
		got, err := s.Run(context.Background(), map[string]*tensor.Tensor{"x": x})
		if err != nil {
			t.Fatal(err)
		}
		want, err := (&optest.Interp{Reg: ops.Registry()}).RunGraph(g, []*tensor.Tensor{x})
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range g.Outputs {
			if d := optest.Diff(got[v.Name], want[i], 0, 0); d != "" {
				t.Errorf("batch %d, output %s: %s", batch, v.Name, d)
			}
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	s, err := Compile(chain(t, graph.Size(400), 300), WithThreads(2))
	if err != nil {
		t.Fatal(err)
	}
	in := []*tensor.Tensor{ramp(120000, 400, 300)}
	out := make([]*tensor.Tensor, 2)
	ctx := context.Background()
	if n := testing.AllocsPerRun(20, func() {
		if err := s.RunInto(ctx, in, out); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
}

func TestFeeds(t *testing.T) {
	s, err := Compile(chain(t, graph.Sym("batch"), 5))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if _, err := s.Run(ctx, map[string]*tensor.Tensor{"y": ramp(5, 1, 5)}); err == nil {
		t.Error("a missing input is no error")
	}
	if _, err := s.Run(ctx, map[string]*tensor.Tensor{"x": ramp(5, 1, 5), "y": ramp(5, 1, 5)}); err == nil {
		t.Error("an input that the model does not have is no error")
	}
	if _, err := s.Run(ctx, map[string]*tensor.Tensor{"x": ramp(6, 1, 6)}); !errors.Is(err, graph.ErrShape) {
		t.Errorf("a wrong shape gives %v", err)
	}
	if _, err := s.Run(ctx, map[string]*tensor.Tensor{"x": tensor.Ints(1)}); !errors.Is(err, graph.ErrType) {
		t.Errorf("a wrong type gives %v", err)
	}
	done, cancel := context.WithTimeout(ctx, -time.Second)
	defer cancel()
	if _, err := s.Run(done, map[string]*tensor.Tensor{"x": ramp(5, 1, 5)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a deadline that has passed gives %v", err)
	}
	small, err := Compile(chain(t, graph.Sym("batch"), 5), WithLimits(Limits{MaxPeakBytes: 1000}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := small.Run(ctx, map[string]*tensor.Tensor{"x": ramp(5000, 1000, 5)}); !errors.Is(err, graph.ErrLimit) {
		t.Errorf("a run beyond its memory gives %v", err)
	}
	if _, err := small.Run(ctx, map[string]*tensor.Tensor{"x": ramp(5, 1, 5)}); err != nil {
		t.Errorf("a session after a failed run: %v", err)
	}
}

// An output that nobody reads must not share memory with one that lives.
func TestUnreadOutput(t *testing.T) {
	b := graph.NewBuilder(ops.Registry(), nil)
	x := b.Input("x", graph.TensorType(tensor.Float32, graph.Dims(1, 1, 2, 2)...))
	out := b.OpN(2, "MaxPool", x, graph.Ints("kernel_shape", 1, 1))
	b.Output(b.Op("Neg", out[1]))
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	s, err := Compile(b.Graph)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Run(context.Background(), map[string]*tensor.Tensor{"x": ramp(4, 1, 1, 2, 2)})
	if err != nil {
		t.Fatal(err)
	}
	if d := optest.Diff(got[s.Outputs()[0].Name], tensor.Must(tensor.Of([]int64{0, -1, -2, -3}, 1, 1, 2, 2)), 0, 0); d != "" {
		t.Error(d)
	}
}
