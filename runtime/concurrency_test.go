package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// noise is a float32 tensor of numbers around zero that follow from the seed.
func noise(seed uint64, shape ...int) *tensor.Tensor {
	r := rand.New(rand.NewPCG(seed, 1))
	v := make([]float32, tensor.Shape(shape).Elems())
	for i := range v {
		v[i] = float32(r.NormFloat64()) / 4
	}
	return tensor.Must(tensor.Of(v, shape...))
}

// net is a small image net, of sizes that no tile divides.
func net(t testing.TB) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder(ops.Registry(), nil)
	x := b.Input("x", graph.TensorType(tensor.Float32, graph.Sym("batch"), graph.Size(3), graph.Size(19), graph.Size(23)))
	h := b.Op("Conv", x, b.Const(noise(1, 13, 3, 3, 5)), b.Const(noise(2, 13)), graph.Ints("pads", 1, 2, 1, 2))
	h = b.Op("MaxPool", b.Op("Relu", h), graph.Ints("kernel_shape", 2, 2), graph.Ints("strides", 2, 2))
	h = b.Op("Conv", h, b.Const(noise(3, 29, 13, 3, 3)), graph.Ints("strides", 2, 1))
	h = b.Op("MatMul", b.Op("Flatten", h), b.Const(noise(4, 29*4*9, 101)))
	b.Output(b.Op("Softmax", h))
	b.Output(b.Op("ReduceSum", h, b.Ints(0), graph.Int("keepdims", 0)))
	b.Output(b.Op("ReduceSum", x, b.Ints(1, 3)))
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	return b.Graph
}

func compile(t testing.TB, g *graph.Graph, opts ...runtime.Option) *runtime.Session {
	t.Helper()
	s, err := runtime.Compile(g, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sameOutputs(got, want []*tensor.Tensor) error {
	for i, w := range want {
		if d := sameBits(got[i], w); d != "" {
			return fmt.Errorf("output %d: %s", i, d)
		}
	}
	return nil
}

func TestConcurrentRunsEqualSerialOnes(t *testing.T) {
	s := compile(t, net(t), runtime.WithThreads(2))
	const batches, goroutines, rounds = 5, 64, 6
	ctx := context.Background()
	in, want := make([][]*tensor.Tensor, batches), make([][]*tensor.Tensor, batches)
	for i := range batches {
		in[i], want[i] = []*tensor.Tensor{noise(uint64(10+i), i+1, 3, 19, 23)}, make([]*tensor.Tensor, len(s.Outputs()))
		if err := s.RunInto(ctx, in[i], want[i]); err != nil {
			t.Fatal(err)
		}
	}
	errs := make(chan error, goroutines)
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			out := make([]*tensor.Tensor, len(s.Outputs()))
			for k := range rounds {
				i := (g + k) % batches
				err := s.RunInto(ctx, in[i], out)
				if err == nil {
					err = sameOutputs(out, want[i])
				}
				if err != nil {
					errs <- fmt.Errorf("goroutine %d, batch %d: %w", g, i+1, err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
}

func TestThreadsDoNotChangeBits(t *testing.T) {
	one, two := compile(t, net(t), runtime.WithThreads(1)), compile(t, net(t), runtime.WithThreads(2))
	for _, batch := range []int{1, 2, 7, 31} {
		in := []*tensor.Tensor{noise(uint64(batch), batch, 3, 19, 23)}
		want, got := make([]*tensor.Tensor, 3), make([]*tensor.Tensor, 3)
		if err := one.RunInto(context.Background(), in, want); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := two.RunInto(context.Background(), in, got); err != nil {
				t.Fatal(err)
			}
			if err := sameOutputs(got, want); err != nil {
				t.Errorf("batch %d: %v", batch, err)
			}
		}
	}
}

// long is a graph that takes well over 300 ms: matrix products and convolutions one after the other.
func long(t testing.TB) (*runtime.Session, []*tensor.Tensor) {
	b := graph.NewBuilder(ops.Registry(), nil)
	const n = 768
	x := b.Input("x", graph.TensorType(tensor.Float32, graph.Dims(n, n)...))
	w, k := b.Const(noise(1, n, n)), b.Const(noise(2, 8, 8, 7, 7))
	h := x
	for range 60 {
		h = b.Op("MatMul", b.Op("Relu", h), w)
		h = b.Op("Reshape", h, b.Ints(1, 8, n, n/8))
		h = b.Op("Conv", h, k, graph.Ints("pads", 3, 3, 3, 3))
		h = b.Op("Reshape", h, b.Ints(n, n))
	}
	b.Output(h)
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	return compile(t, b.Graph, runtime.WithThreads(2)), []*tensor.Tensor{noise(3, n, n)}
}

// TestCancel asks that a run which is told to stop returns within 50 ms. Other programs can hold a run up; what a kernel does
// shows each time, so that the best of three rounds counts.
func TestCancel(t *testing.T) {
	s, in := long(t)
	out := make([]*tensor.Tensor, 1)
	start := time.Now()
	if err := s.RunInto(context.Background(), in, out); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d < 300*time.Millisecond {
		t.Fatalf("the whole run takes %v, too short to be cancelled at many places", d)
	}
	for round := range 3 {
		var took []time.Duration
		for i := range 50 {
			ctx, cancel := context.WithCancel(context.Background())
			at := make(chan time.Time, 1)
			time.AfterFunc(time.Duration(1+5*i)*time.Millisecond, func() {
				at <- time.Now()
				cancel()
			})
			err := s.RunInto(ctx, in, out)
			took = append(took, time.Since(<-at))
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("a run that was cancelled gives %v", err)
			}
		}
		slices.Sort(took)
		t.Logf("round %d: median %v, most %v", round, took[25], took[49])
		if took[49] <= 50*time.Millisecond {
			return
		}
	}
	t.Error("a run that was cancelled took more than 50 ms to return in each round")
}

func TestCancelledRunsLeakNothing(t *testing.T) {
	s, in := long(t)
	out := make([]*tensor.Tensor, 1)
	cancelled := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Microsecond)
		defer cancel()
		if err := s.RunInto(ctx, in, out); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a run beyond its deadline gives %v", err)
		}
	}
	cancelled() // starts the workers of the process
	before := goruntime.NumGoroutine()
	for range 1000 {
		cancelled()
	}
	for i := 0; goruntime.NumGoroutine() > before && i < 100; i++ {
		time.Sleep(time.Millisecond)
	}
	if after := goruntime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after 1000 runs", before, after)
	}
}

// bomb is the work of an operator that panics on the worker whose number its input is.
type bomb struct {
	at      float32
	in, out []float32
	meet    chan struct{}
}

func (a *bomb) Do(worker, lo, hi int) {
	if a.at >= 0 && lo < 2 { // the first two pieces wait for each other, so that each of two workers has one
		select {
		case a.meet <- struct{}{}:
		case <-a.meet:
		case <-time.After(20 * time.Millisecond):
		}
	}
	if float32(worker) == a.at {
		panic("as the input says")
	}
	copy(a.out[lo:hi], a.in[lo:hi])
}

func TestPanicOnWorker(t *testing.T) {
	op := &graph.Op{Domain: "test", Name: "Panic", Since: 1, Sig: "(x:T) -> (y:T); T = f32", Infer: graph.Same,
		Run: func(c *graph.Ctx) error {
			in := tensor.Data[float32](c.In[0])
			graph.Parallel(c, len(in), 1, bomb{in[0], in, tensor.Data[float32](c.Out[0]), make(chan struct{})})
			return nil
		}}
	reg, err := graph.NewRegistry(ops.Registry().All(), []*graph.Op{op})
	if err != nil {
		t.Fatal(err)
	}
	b := graph.NewBuilder(reg, nil)
	b.Output(b.Op("Neg", b.Op("test::Panic", b.Input("x", graph.TensorType(tensor.Float32, graph.Size(64))))))
	if b.Err() != nil {
		t.Fatal(b.Err())
	}
	s := compile(t, b.Graph, runtime.WithRegistry(reg), runtime.WithThreads(2))
	feed := func(worker float32) (*tensor.Tensor, error) {
		v := make([]float32, 64)
		v[0], v[63] = worker, 5
		out, err := s.Run(context.Background(), map[string]*tensor.Tensor{"x": tensor.Must(tensor.Of(v))})
		return out[s.Outputs()[0].Name], err
	}
	for range 20 {
		for _, worker := range []float32{1, 0, -1} {
			if worker == 1 && max(goruntime.NumCPU(), goruntime.GOMAXPROCS(0)) < 2 {
				continue // the process has no second worker
			}
			got, err := feed(worker)
			for i := 0; worker >= 0 && err == nil && i < 100; i++ { // one of the workers did not come in time
				got, err = feed(worker)
			}
			if worker < 0 {
				if err != nil || tensor.Data[float32](got)[63] != -5 {
					t.Fatalf("the session after a panic gives %v, %v", got, err)
				}
				continue
			}
			var at *graph.OpError
			if !errors.As(err, &at) || !strings.Contains(err.Error(), "as the input says") || at.Op != "test::Panic-1" {
				t.Fatalf("a panic on worker %v gives %v", worker, err)
			}
		}
	}
}
