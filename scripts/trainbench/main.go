// Command trainbench times training steps of a net that train_bench.py exported, after it has checked that the first losses are PyTorch's.
//
//	go run ./scripts/trainbench [-threads 1] [-seconds 8] [-top 0] FOLDER
//
// FOLDER holds model.onnx, x.npy, y.npy and case.json. A step is forward, backward and optimizer on the same batch; what is printed is one
// line of JSON with the median in milliseconds. With -top, the operators and nodes that took longest follow on standard error.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/data"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/optim"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime"
)

func main() {
	threads := flag.Int("threads", 0, "of a step; 0 is one per processor")
	seconds := flag.Float64("seconds", 8, "of the measurement")
	top := flag.Int("top", 0, "how many operators and nodes to list by time")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := bench(flag.Arg(0), *threads, *seconds, *top); err != nil {
		fmt.Fprintln(os.Stderr, "trainbench:", err)
		os.Exit(1)
	}
}

// trainCase is a net with a batch, and what PyTorch made of them.
type trainCase struct {
	model     *finetune.Model
	batch     map[string]*tensor.Tensor
	loss      loss.Loss
	optimizer optim.Optimizer
	losses    []float64 // computed in float64
	tolerance float64   // of a loss, relative to the larger of it and 1 % of the first
}

func read(folder string) (*trainCase, error) {
	text, err := os.ReadFile(filepath.Join(folder, "case.json"))
	if err != nil {
		return nil, err
	}
	var names struct {
		Loss, Optimizer string
		Losses          []float64
		Tolerance       float64
	}
	params := map[string]any{}
	if err := json.Unmarshal(text, &names); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &params); err != nil {
		return nil, err
	}
	for _, k := range []string{"loss", "optimizer", "losses", "tolerance"} {
		delete(params, k)
	}
	c := &trainCase{losses: names.Losses, tolerance: names.Tolerance, batch: map[string]*tensor.Tensor{}}
	if c.loss, err = loss.New(names.Loss, nil); err != nil {
		return nil, err
	}
	if c.optimizer, err = optim.New(names.Optimizer, params); err != nil {
		return nil, err
	}
	for _, k := range []string{"x", "y"} {
		if c.batch[k], err = data.ReadNPY(filepath.Join(folder, k+".npy"), 0); err != nil {
			return nil, err
		}
	}
	g, err := onnx.Load(filepath.Join(folder, "model.onnx"))
	if err != nil {
		return nil, err
	}
	c.model, err = finetune.New(g)
	return c, err
}

func bench(folder string, threads int, seconds float64, top int) error {
	c, err := read(folder)
	if err != nil {
		return err
	}
	p := &profile{ops: map[string]time.Duration{}, nodes: map[string]time.Duration{}}
	cfg := finetune.Config{
		Loss:      c.loss,
		Optimizer: c.optimizer,
		Threads:   threads,
	}
	if top > 0 {
		cfg.Profile = p.add
	}
	start := time.Now()
	s, err := finetune.NewStep(c.model, cfg)
	if err != nil {
		return err
	}
	compile := time.Since(start)
	ctx := context.Background()
	worst := 0.0
	for i, want := range c.losses {
		r, err := s.Run(ctx, c.batch)
		if err != nil {
			return err
		}
		off := math.Abs(r.Loss-want) / max(math.Abs(want), 0.01*math.Abs(c.losses[0]))
		worst = max(worst, off)
		if !(off <= c.tolerance) {
			return fmt.Errorf("the loss of step %d is %v, PyTorch's %v in float64: off by %.2g, %.2g allowed", i, r.Loss, want, off, c.tolerance)
		}
	}
	clear(p.ops)
	clear(p.nodes)
	var times []float64
	for end := time.Now().Add(time.Duration(seconds * float64(time.Second))); time.Now().Before(end) || len(times) < 10; {
		start := time.Now()
		if _, err := s.Run(ctx, c.batch); err != nil {
			return err
		}
		times = append(times, 1e3*time.Since(start).Seconds())
	}
	slices.Sort(times)
	p.print(top, len(times))
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"step": round(times[len(times)/2]), "min": round(times[0]), "steps": len(times), "compile": round(1e3 * compile.Seconds()), "loss_error": worst,
	})
}

func round(x float64) float64 { return math.Round(1e4*x) / 1e4 }

// profile sums up the time of nodes.
type profile struct {
	ops, nodes map[string]time.Duration
}

func (p *profile) add(e runtime.Event) {
	p.ops[e.Node.Op.String()] += e.Took
	name := e.Node.Op.Name + " " + e.Node.Label()
	for i, t := range e.In {
		if t != nil {
			name += fmt.Sprint(map[bool]string{true: " ", false: ","}[i == 0], t.Shape())
		}
	}
	p.nodes[name] += e.Took
}

// print lists the top of both, in milliseconds for one step.
func (p *profile) print(top, steps int) {
	for _, m := range []map[string]time.Duration{p.ops, p.nodes} {
		keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Compare(m[b], m[a]) })
		for _, k := range keys[:min(top, len(keys))] {
			fmt.Fprintf(os.Stderr, "%9.4f  %s\n", 1e3*m[k].Seconds()/float64(steps), k)
		}
		fmt.Fprintln(os.Stderr)
	}
}
