package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/onnx"
)

func trainableCmd() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "trainable MODEL",
		Short: "Tell what of a model can be trained",
		Long: `Tell what of a model can be trained: which operators have gradients, which weights would train, how many parameters there are and how much memory they take, and what
the exporter left out or folded into other things.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, a []string) error {
			g, err := onnx.Load(a[0])
			if err != nil {
				return err
			}
			m, err := finetune.New(g)
			if err != nil {
				return err
			}
			r, err := m.Report()
			if err != nil {
				return err
			}
			if done, err := asJSON(c, r); done || err != nil {
				return err
			}
			return printReport(c.OutOrStdout(), r, all)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "list every parameter, not the modules alone")
	return c
}

func printReport(w io.Writer, r *finetune.Report, all bool) error {
	fmt.Fprintf(w, "%d parameters in %d tensors, %s; training them with AdamW takes about %s more, besides the values of a batch\n",
		r.Elements, len(r.Params), bytesText(r.Bytes), bytesText(3*r.Bytes))
	if len(r.Missing) == 0 {
		fmt.Fprintf(w, "all operators have gradients: %s\n", strings.Join(r.Operators, ", "))
	} else {
		fmt.Fprintf(w, "operators with gradients: %s\n", strings.Join(r.Operators, ", "))
		fmt.Fprintf(w, "WITHOUT gradients, on the way to a parameter: %s\n", strings.Join(r.Missing, ", "))
	}
	for _, s := range r.Folded {
		fmt.Fprintf(w, "note: %s\n", s)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if all {
		for _, p := range r.Params {
			note := ""
			if p.Constant != p.Name {
				note = "as " + p.Constant
			}
			if p.Transform != "" {
				note += " (" + p.Transform + ")"
			}
			fmt.Fprintf(t, "  %s\t%s\t%d\t%s\n", p.Name, p.Type, p.Elements, strings.TrimSpace(note))
		}
	} else {
		for _, x := range r.Modules {
			fmt.Fprintf(t, "  %s\t%d\n", x.Name, x.Elements)
		}
	}
	return t.Flush()
}

func bytesText(n int) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
