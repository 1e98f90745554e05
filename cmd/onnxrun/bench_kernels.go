package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/runtime/kernelbench"
)

// benchKernels measures the processor's peak and the kernels whose names contain one of the words.
func benchKernels(c *cobra.Command, threads int, words []string, d time.Duration) error {
	peak := kernelbench.Measure(threads)
	results := []kernelbench.Result{}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', tabwriter.AlignRight)
	json, _ := c.Flags().GetBool("json")
	if !json {
		fmt.Fprintf(c.OutOrStdout(), "%d threads, %s: %.1f GFLOP/s, memory read at %.1f GB/s\n\n", threads, peak.Tier, peak.GFLOPS, peak.ReadGBs)
		fmt.Fprintf(w, "µs\tGFLOP/s\tGB/s\t%% of peak\t  kernel\n")
	}
	for _, k := range kernelbench.Cases {
		wanted := len(words) == 0
		for _, word := range words {
			wanted = wanted || strings.Contains(strings.ToLower(k.Name), strings.ToLower(word))
		}
		if !wanted {
			continue
		}
		r, err := kernelbench.Run(k, peak, d)
		if err != nil {
			return err
		}
		results = append(results, r)
		fmt.Fprintf(w, "%.1f\t%.1f\t%.1f\t%.0f\t  %s\n", r.Micros, r.GFLOPS, r.GBs, r.Percent, r.Name)
	}
	if done, err := asJSON(c, map[string]any{"peak": peak, "kernels": results}); done {
		return err
	}
	return w.Flush()
}
