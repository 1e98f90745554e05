package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/pass"
	"github.com/onnxrun/onnxrun/onnx"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

func convertCmd() *cobra.Command {
	var external, inline, optimize bool
	var threshold string
	c := &cobra.Command{
		Use:   "convert IN OUT",
		Short: "Write a model again: unchanged, with other storage, or rewritten",
		Long: `Write a model again. Without flags nothing changes, field for field; data files are written beside OUT under their names.
--optimize writes the graph as onnxrun runs it, of standard operators that other runtimes load.`,
		Example: `  onnxrun convert model.onnx copy.onnx
  onnxrun convert model.onnx out/model.onnx --external-data
  onnxrun convert model.onnx plain.onnx --inline-functions
  onnxrun convert model.onnx fast.onnx --optimize`,
		Args: args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, a []string) error {
			g, err := onnx.Load(a[0])
			if err != nil {
				return err
			}
			if inline || optimize {
				if err := rewrite(g, optimize); err != nil {
					return err
				}
			}
			var opts []onnx.SaveOption
			if external {
				n, err := parseBytes(threshold)
				if err != nil {
					return usagef("--threshold %s: want a size such as 1KB", threshold)
				}
				name := strings.TrimSuffix(filepath.Base(a[1]), filepath.Ext(a[1])) + ".onnx.data"
				opts = append(opts, onnx.External(name, int(n)))
			}
			if err := onnx.Save(a[1], g, opts...); err != nil {
				return err
			}
			if done, err := asJSON(c, map[string]any{"out": a[1], "nodes": len(g.Nodes)}); done {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "wrote %s, %d nodes\n", a[1], len(g.Nodes))
			return nil
		},
	}
	c.Flags().BoolVar(&external, "external-data", false, "put the elements of large tensors into one file beside the model")
	c.Flags().StringVar(&threshold, "threshold", "1KB", "with --external-data: the size from which a tensor is large")
	c.Flags().BoolVar(&inline, "inline-functions", false, "replace calls of the model's own functions by their bodies")
	c.Flags().BoolVar(&optimize, "optimize", false, "write the graph after all rewrites")
	return c
}

// rewrite inlines a model's functions and, with optimize, applies the passes that precede a run.
func rewrite(g *graph.Graph, optimize bool) error {
	reg := ops.Registry()
	if err := graph.Resolve(reg, g); err != nil {
		return err
	}
	passes := []pass.Pass{pass.ExpandIf(func(o *graph.Op) bool { return o.IsFunction })}
	if optimize {
		passes = pass.Inference
	}
	if err := pass.Apply(reg, g, passes); err != nil {
		return err
	}
	g.Functions = nil
	if optimize {
		graph.SetOpsets(reg, g)
	}
	return nil
}
