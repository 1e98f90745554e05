package kernelbench

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// Result is what a kernel reached.
type Result struct {
	Name    string  `json:"name"`
	Micros  float64 `json:"us"`               // median of a run
	GFLOPS  float64 `json:"gflops,omitempty"` // of the definition's operations: algorithms that need fewer reach more than the peak
	GBs     float64 `json:"gbs"`              // inputs, weights and outputs, each moved once: more than memory can do where caches hold them
	Percent float64 `json:"percent"`          // of the peak that limits the kernel: arithmetic, memory, or the caches that a layer's input and output fit in
}

// Run measures one kernel for about the given time.
func Run(c Case, p Peak, d time.Duration) (Result, error) {
	g, x, err := c.graph()
	if err != nil {
		return Result{}, err
	}
	w := work(g)
	w.Flops += 2 * c.MACs
	s, err := runtime.Compile(g, runtime.WithThreads(p.Threads))
	if err != nil {
		return Result{}, err
	}
	defer s.Close()
	in, out := []*tensor.Tensor{x}, make([]*tensor.Tensor, 1)
	var samples []float64
	for end := time.Now().Add(d); len(samples) < 5 || time.Now().Before(end); {
		start := time.Now()
		if err := s.RunInto(context.Background(), in, out); err != nil {
			return Result{}, err
		}
		samples = append(samples, time.Since(start).Seconds())
	}
	samples = samples[min(2, len(samples)-3):] // the first run makes the plan
	slices.Sort(samples)
	sec := samples[len(samples)/2]
	r := Result{Name: c.Name, Micros: sec * 1e6, GFLOPS: float64(w.Flops) / sec / 1e9, GBs: float64(w.Bytes) / sec / 1e9}
	if r.Percent = 100 * r.GFLOPS / p.GFLOPS; c.Memory {
		r.Percent = 100 * r.GBs / p.ReadGBs
	}
	if c.MACs > 0 {
		r.Percent = max(r.Percent, 100*copySeconds(x.Len()*4, p.Threads)/sec)
	}
	return r, nil
}

// graph is the model of the case and an input for it.
func (c Case) graph() (*graph.Graph, *tensor.Tensor, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(shape ...int) *tensor.Tensor {
		t := tensor.Must(tensor.New(tensor.Float32, shape...))
		for i, d := 0, tensor.Data[float32](t); i < len(d); i++ {
			d[i] = rng.Float32()/4 - 0.125
		}
		return t
	}
	b := graph.NewBuilder(ops.Registry(), nil)
	x := random(c.In...)
	b.Output(c.Build(b, b.Input("x", graph.TypeOf(x)), func(shape ...int) *graph.Value { return b.Const(random(shape...)) }))
	return b.Graph, x, b.Err()
}

// work is that of the graph as it is defined, whatever becomes of it.
func work(g *graph.Graph) (w graph.Work) {
	for _, v := range g.Consts {
		w.Bytes += v.Const.MemBytes()
	}
	for _, n := range g.Nodes {
		if k, ok := graph.MACs(n).Int(); ok {
			w.Flops += 2 * k
		}
	}
	for _, v := range append(g.Inputs, g.Outputs...) {
		shape, _ := v.Type.Static()
		w.Bytes += 4 * shape.Elems()
	}
	return w
}
