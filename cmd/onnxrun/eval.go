package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/finetune/job"
)

func evalCmd() *cobra.Command {
	j := &job.Job{}
	var loss string
	c := &cobra.Command{
		Use:   "eval MODEL --data DATA",
		Short: "Hold a model against data with known answers",
		Long:  `Hold a model against data with known answers. Data is what onnxrun train takes.`,
		Example: `  onnxrun eval testdata/lenet5/model.onnx --data testdata/digits/digits.npz --resize
  onnxrun eval tuned/model.onnx --data valid.csv --target price --loss mse --metric r2 --metric mae`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, a []string) error {
			j.Model = a[0]
			if loss != "" {
				var err error
				if j.Loss, err = job.ParseSpec(loss); err != nil {
					return usageError{err}
				}
			}
			e, err := j.Evaluate(c.Context())
			if err != nil {
				return err
			}
			if done, err := asJSON(c, map[string]any{"samples": e.Samples, "values": finite(e.Values), "tables": e.Tables}); done || err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%d samples", e.Samples)
			for _, name := range slices.Sorted(maps.Keys(e.Values)) {
				fmt.Fprintf(c.OutOrStdout(), ", %s %.5g", name, e.Values[name])
			}
			fmt.Fprintln(c.OutOrStdout())
			for _, name := range slices.Sorted(maps.Keys(e.Tables)) {
				fmt.Fprintf(c.OutOrStdout(), "%s, a row for each true class:\n%s\n", name, e.Tables[name])
			}
			return nil
		},
	}
	f := c.Flags()
	dataFlags(f, &j.Data)
	f.StringVar(&loss, "loss", "", "loss (default cross_entropy)")
	f.StringArrayVar(&j.Metrics, "metric", nil, "metric (default accuracy, for losses of classes); may be given again")
	f.IntVar(&j.Batch, "batch", 32, "samples of a batch")
	f.IntVar(&j.Threads, "threads", 0, "threads (default one per processor)")
	return c
}
