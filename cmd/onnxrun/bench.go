package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
)

// benchResult is what bench prints with --json. Times are in milliseconds, memory in MiB.
type benchResult struct {
	Runs      int     `json:"runs"`
	MedianMS  float64 `json:"median_ms"`
	MeanMS    float64 `json:"mean_ms"`
	P10MS     float64 `json:"p10_ms"`
	P90MS     float64 `json:"p90_ms"`
	P95MS     float64 `json:"p95_ms"`
	P99MS     float64 `json:"p99_ms"`
	MinMS     float64 `json:"min_ms"`
	MaxMS     float64 `json:"max_ms"`
	LoadMS    float64 `json:"load_ms"`
	FirstMS   float64 `json:"first_ms"`
	PeakRSSMB float64 `json:"peak_rss_mb"`
	ArenaMB   float64 `json:"arena_mb"`
}

func benchCmd() *cobra.Command {
	var f runFlags
	var duration time.Duration
	var runs, warmup int
	var kernels bool
	c := &cobra.Command{
		Use:   "bench MODEL [NAME=FILE…] | bench --kernels [WORD…]",
		Short: "Time a model: percentiles, load time, memory; or the kernels, against what the processor can do",
		Example: `  onnxrun bench model.onnx --threads 1
  onnxrun bench model.onnx --data test_data_set_0 --duration 2s --json
  onnxrun bench model.onnx --set batch=8 --runs 100
  onnxrun bench --kernels --threads 1 matmul conv`,
		RunE: func(c *cobra.Command, a []string) error {
			if kernels {
				return benchKernels(c, f.threadCount(), a, min(duration, 300*time.Millisecond))
			}
			if err := args(cobra.MinimumNArgs(1))(c, a); err != nil {
				return err
			}
			ctx, cancel := f.context(c.Context())
			defer cancel()
			start := time.Now()
			s, err := f.compile(a[0])
			if err != nil {
				return err
			}
			load := time.Since(start)
			in, err := f.load(s.Inputs(), a[1:])
			if err != nil {
				return err
			}
			r, err := measure(ctx, s, in.values, warmup, runs, duration)
			if err != nil {
				return err
			}
			r.LoadMS = ms(load)
			r.PeakRSSMB = peakRSS()
			bytes, _ := s.ArenaBytes()
			r.ArenaMB = float64(bytes) / (1 << 20)
			if done, err := asJSON(c, r); done {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), `%d runs: median %.3f ms, mean %.3f, min %.3f, max %.3f
p10 %.3f  p90 %.3f  p95 %.3f  p99 %.3f ms
load %.1f ms, first run %.3f ms, arena %.1f MiB, peak memory %.1f MiB
`, r.Runs, r.MedianMS, r.MeanMS, r.MinMS, r.MaxMS, r.P10MS, r.P90MS, r.P95MS, r.P99MS, r.LoadMS, r.FirstMS, r.ArenaMB, r.PeakRSSMB)
			return nil
		},
	}
	f.add(c)
	c.Flags().DurationVar(&duration, "duration", 2*time.Second, "how long to measure")
	c.Flags().BoolVar(&kernels, "kernels", false, "measure the processor's peak and each kernel's share of it, or those kernels whose names have a WORD")
	c.Flags().IntVar(&runs, "runs", 0, "measure so many runs, however long they take")
	c.Flags().IntVar(&warmup, "warmup", 3, "runs before measuring")
	return c
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// measure runs s again and again with the same inputs and output buffers.
func measure(ctx context.Context, s *runtime.Session, feeds map[string]*tensor.Tensor, warmup, runs int, duration time.Duration) (*benchResult, error) {
	var in []*tensor.Tensor
	for _, v := range s.Inputs() {
		in = append(in, feeds[v.Name])
	}
	out := make([]*tensor.Tensor, len(s.Outputs()))
	one := func() (time.Duration, error) {
		t := time.Now()
		err := s.RunInto(ctx, in, out)
		return time.Since(t), err
	}
	r := &benchResult{}
	for i := range max(warmup, 1) {
		d, err := one()
		if err != nil {
			return nil, err
		}
		if i == 0 {
			r.FirstMS = ms(d)
		}
	}
	samples := make([]float64, 0, 1<<16)
	sum := 0.0
	for end := time.Now().Add(duration); len(samples) < runs || runs == 0 && (time.Now().Before(end) || len(samples) < 5); {
		d, err := one()
		if err != nil {
			return nil, err
		}
		samples = append(samples, ms(d))
		sum += ms(d)
	}
	slices.Sort(samples)
	at := func(q float64) float64 { return samples[min(len(samples)-1, int(math.Floor(q*float64(len(samples)))))] }
	r.Runs, r.MedianMS, r.MeanMS = len(samples), at(.5), sum/float64(len(samples))
	r.P10MS, r.P90MS, r.P95MS, r.P99MS = at(.1), at(.9), at(.95), at(.99)
	r.MinMS, r.MaxMS = samples[0], samples[len(samples)-1]
	return r, nil
}

// peakRSS is the peak of the process's memory in MiB, or 0 where the system does not tell.
func peakRSS() float64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(b), "\n") {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	return 0
}
