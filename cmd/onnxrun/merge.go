package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/adapter"
	"github.com/onnxrun/onnxrun/onnx"
)

func mergeCmd() *cobra.Command {
	var dir, out, cut string
	var head finetune.Head
	c := &cobra.Command{
		Use:   "merge MODEL --adapter FOLDER --out OUT",
		Short: "Fold an adapter into the weights of a model",
		Long: `Fold an adapter, a folder as PEFT and onnxrun train write it, into the weights of the model that it was trained on: LoRA, rsLoRA, DoRA or IA³.
The result has the size and the speed of the model. An adapter that was trained with a new head holds it: tell --head, --cut and --pool as to onnxrun train.`,
		Example: `  onnxrun merge model.onnx --adapter tuned/adapter --out merged.onnx
  onnxrun merge minilm.onnx --adapter tuned/adapter --head 2 --cut sentence_embedding --out merged.onnx`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, a []string) error {
			if dir == "" || out == "" {
				return usagef("merge wants --adapter and --out")
			}
			g, err := onnx.Load(a[0])
			if err != nil {
				return err
			}
			m, err := finetune.New(g)
			if err != nil {
				return err
			}
			if head.Classes > 0 {
				if err := m.NewHead(cut, head); err != nil {
					return err
				}
			}
			set, err := adapter.New(m)
			if err != nil {
				return err
			}
			x, err := set.Load("default", dir)
			if err != nil {
				return err
			}
			if err := set.Merge(); err != nil {
				return err
			}
			if err := m.Save(out); err != nil {
				return err
			}
			if done, err := asJSON(c, map[string]any{"out": out, "type": x.Config.Type, "tensors": len(x.Params)}); done || err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "wrote %s with the %d tensors of the %s adapter\n", out, len(x.Params), x.Config.Type)
			return nil
		},
	}
	c.Flags().StringVar(&dir, "adapter", "", "folder with adapter_config.json and adapter_model.safetensors")
	c.Flags().IntVar(&head.Classes, "head", 0, "outputs of the new head that the adapter was trained with")
	c.Flags().StringVar(&cut, "cut", "", "value at which the head is put (default the input of the last linear layer)")
	c.Flags().BoolVar(&head.Pool, "pool", false, "average over places or tokens before the head")
	c.Flags().StringVar(&out, "out", "", "file of the merged model")
	return c
}
