package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/kernelbench"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// nodeTime is the time of one node over all measured runs.
type nodeTime struct {
	Node    string  `json:"node"`
	Op      string  `json:"op"`
	Calls   int     `json:"calls"`
	TotalMS float64 `json:"total_ms"`
	Percent float64 `json:"percent"`
	GFLOPS  float64 `json:"gflops,omitempty"` // of nodes that multiply matrices or convolve
	GBs     float64 `json:"gbs"`              // inputs and outputs, each moved once
	OfPeak  float64 `json:"of_peak"`          // percent of this machine's peak: of arithmetic or of reading memory, whichever is nearer
	work    graph.Work
}

// traceEvent is a complete event of the Trace Event Format, which chrome://tracing and Perfetto read; times are in microseconds.
type traceEvent struct {
	Name  string            `json:"name"`
	Cat   string            `json:"cat"`
	Phase string            `json:"ph"`
	TS    float64           `json:"ts"`
	Dur   float64           `json:"dur"`
	PID   int               `json:"pid"`
	TID   int               `json:"tid"`
	Args  map[string]string `json:"args,omitempty"`
}

func profileCmd() *cobra.Command {
	var f runFlags
	var trace string
	var runs, top int
	c := &cobra.Command{
		Use:   "profile MODEL [NAME=FILE…]",
		Short: "Show where the time goes, by operator and by node",
		Example: `  onnxrun profile model.onnx
  onnxrun profile model.onnx --data test_data_set_0 --runs 20 --trace trace.json`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, a []string) error {
			ctx, cancel := f.context(c.Context())
			defer cancel()
			p := &profiler{nodes: map[string]*nodeTime{}, ops: map[string]*nodeTime{}}
			s, err := f.compile(a[0], runtime.WithProfile(p.event))
			if err != nil {
				return err
			}
			in, err := f.load(s.Inputs(), a[1:])
			if err != nil {
				return err
			}
			for i := range runs + 1 {
				p.on, p.trace = i > 0, i == runs && trace != "" // the first run is for planning
				if _, err := s.Run(ctx, in.values); err != nil {
					return err
				}
			}
			if trace != "" {
				b, err := json.Marshal(map[string]any{"traceEvents": p.events, "displayTimeUnit": "ms"})
				if err != nil {
					return err
				}
				if err := os.WriteFile(trace, b, 0o666); err != nil {
					return err
				}
			}
			peak := kernelbench.Measure(f.threadCount())
			byOp, byNode := p.list(p.ops, peak), p.list(p.nodes, peak)
			if done, err := asJSON(c, map[string]any{"runs": runs, "total_ms": p.total, "peak": peak, "ops": byOp, "nodes": byNode}); done {
				return err
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "%d runs, %.3f ms in nodes each; %d threads can do %.0f GFLOP/s and read %.0f GB/s\n\n", runs, p.total/float64(runs),
				peak.Threads, peak.GFLOPS, peak.ReadGBs)
			fmt.Fprintf(w, "operator\tcalls\tms a run\t%%\tGFLOP/s\tGB/s\t%% of peak\n")
			for _, t := range byOp {
				fmt.Fprintf(w, "%s\t%d\t%.4f\t%.1f\t%s\n", t.Op, t.Calls/runs, t.TotalMS/float64(runs), t.Percent, t.rates())
			}
			fmt.Fprintf(w, "\nnode\toperator\tms a run\t%%\tGFLOP/s\tGB/s\t%% of peak\n")
			for _, t := range byNode[:min(top, len(byNode))] {
				fmt.Fprintf(w, "%s\t%s\t%.4f\t%.1f\t%s\n", t.Node, t.Op, t.TotalMS/float64(runs), t.Percent, t.rates())
			}
			return w.Flush()
		},
	}
	f.add(c)
	c.Flags().StringVar(&trace, "trace", "", "write the last run as a trace for chrome://tracing or Perfetto")
	c.Flags().IntVar(&runs, "runs", 10, "runs to measure")
	c.Flags().IntVar(&top, "top", 20, "nodes to show")
	return c
}

type profiler struct {
	on, trace  bool
	nodes, ops map[string]*nodeTime
	total      float64 // ms
	begin      time.Time
	events     []traceEvent
}

// rates are the columns of arithmetic, memory and share of the peak.
func (t *nodeTime) rates() string {
	if t.GFLOPS == 0 {
		return fmt.Sprintf("\t%.1f\t%.0f", t.GBs, t.OfPeak)
	}
	return fmt.Sprintf("%.1f\t%.1f\t%.0f", t.GFLOPS, t.GBs, t.OfPeak)
}

func (p *profiler) event(e runtime.Event) {
	if !p.on {
		return
	}
	took := ms(e.Took)
	work := graph.WorkOf(ops.Registry(), e.Node, e.In, e.Out)
	nested := e.Node.HasSubgraphs() // its time is that of the nodes inside
	if !nested {
		p.total += took
	}
	for _, k := range []struct {
		m          map[string]*nodeTime
		key, label string
	}{{p.nodes, e.Node.Label(), e.Node.Label()}, {p.ops, e.Node.Op.Name, ""}} {
		t := k.m[k.key]
		if t == nil {
			t = &nodeTime{Node: k.label, Op: e.Node.Op.Name}
			k.m[k.key] = t
		}
		t.Calls++
		t.TotalMS += took
		t.work.Flops += work.Flops
		t.work.Bytes += work.Bytes
	}
	if p.trace {
		if p.begin.IsZero() {
			p.begin = e.Start
		}
		info := map[string]string{}
		for i, t := range e.In {
			info[fmt.Sprintf("in %d", i)] = t.String()
		}
		for i, t := range e.Out {
			info[fmt.Sprintf("out %d", i)] = t.String()
		}
		p.events = append(p.events, traceEvent{Name: e.Node.Label(), Cat: e.Node.Op.Name, Phase: "X", TS: float64(e.Start.Sub(p.begin).Nanoseconds()) / 1e3,
			Dur: float64(e.Took.Nanoseconds()) / 1e3, PID: 1, TID: 1, Args: info})
	}
}

func (p *profiler) list(m map[string]*nodeTime, peak kernelbench.Peak) []*nodeTime {
	out := make([]*nodeTime, 0, len(m))
	for _, t := range m {
		if p.total > 0 {
			t.Percent = 100 * t.TotalMS / p.total
		}
		if t.TotalMS > 0 {
			t.GFLOPS, t.GBs = float64(t.work.Flops)/t.TotalMS/1e6, float64(t.work.Bytes)/t.TotalMS/1e6
		}
		t.OfPeak = 100 * max(t.GFLOPS/peak.GFLOPS, t.GBs/peak.ReadGBs)
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b *nodeTime) int {
		return cmp.Or(cmp.Compare(b.TotalMS, a.TotalMS), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Op, b.Op))
	})
	return out
}
