package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/finetune/job"
	"github.com/onnxrun/onnxrun/models"
	"github.com/onnxrun/onnxrun/onnx"
)

func newCmd() *cobra.Command {
	var seed uint64
	c := &cobra.Command{
		Use:   "new ARCHITECTURE OUT",
		Short: "Write an untrained model of an architecture",
		Long: `Write an untrained model of an architecture, with PyTorch's names and initial values, for onnxrun train. Parameters of the architecture follow its name after commas.

Architectures: ` + strings.Join(models.Names(), ", "),
		Example: `  onnxrun new mlp,sizes=[784,256,256,10] mlp.onnx
  onnxrun new resnet18,classes=5,image=[64,64],smallimage=true resnet.onnx --seed 3`,
		Args: args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, a []string) error {
			spec, err := job.ParseSpec(a[0])
			if err != nil {
				return usageError{err}
			}
			g, err := models.New(spec.Name, spec.Params, seed)
			if err != nil {
				return usageError{err}
			}
			if err := onnx.Save(a[1], g); err != nil {
				return err
			}
			if done, err := asJSON(c, map[string]any{"out": a[1], "nodes": len(g.Nodes)}); done {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "wrote %s, %d nodes\n", a[1], len(g.Nodes))
			return nil
		},
	}
	c.Flags().Uint64Var(&seed, "seed", 0, "of the initial values")
	return c
}
