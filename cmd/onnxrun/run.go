package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/npy"
	"github.com/onnxrun/onnxrun/onnx"
)

func runCmd() *cobra.Command {
	var f runFlags
	var save, labels string
	var top int
	c := &cobra.Command{
		Use:   "run MODEL [NAME=FILE…]",
		Short: "Run a model once and show its outputs",
		Long: `Run a model once and show its outputs.

Inputs come from NAME=FILE (.npy, .npz, .pb, .json, .png, .jpg, .wav; the name may be left out when the model has one input), from a folder with
input_0.pb, input_1.pb … (--data), or are random when none is given. Pictures are scaled to the size and layout that the input asks for.`,
		Example: `  onnxrun run testdata/lenet5/model.onnx --top 3 testdata/lenet5/seven.png
  onnxrun run bert.onnx input_ids=ids.npy attention_mask=mask.npy --save out.npz
  onnxrun run model.onnx --data test_data_set_0 --save results/
  onnxrun run resnet.onnx cat.jpg --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --top 5 --labels imagenet.txt
  onnxrun run model.onnx --set batch=8 --timeout 2s --max-memory 256MB`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, a []string) error {
			ctx, cancel := f.context(c.Context())
			defer cancel()
			names, err := readLabels(labels)
			if err != nil {
				return err
			}
			s, err := f.compile(a[0])
			if err != nil {
				return err
			}
			in, err := f.load(s.Inputs(), a[1:])
			if err != nil {
				return err
			}
			out, err := s.Run(ctx, in.values)
			if err != nil {
				return err
			}
			if save != "" {
				if err := saveOutputs(save, s.Outputs(), out); err != nil {
					return err
				}
			}
			return show(c, s.Outputs(), out, in.random, top, names)
		},
	}
	f.add(c)
	c.Flags().StringVar(&save, "save", "", "write the outputs to an .npz file, or to a folder as output_0.pb, output_1.pb …")
	c.Flags().IntVar(&top, "top", 0, "show the K largest values of each row, as for classes")
	c.Flags().StringVar(&labels, "labels", "", "file with the name of each class, one a line")
	return c
}

// context bounds the time of the verb.
func (f *runFlags) context(ctx context.Context) (context.Context, context.CancelFunc) {
	if f.timeout > 0 {
		return context.WithTimeout(ctx, f.timeout)
	}
	return context.WithCancel(ctx)
}

func readLabels(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []string
	for s := bufio.NewScanner(f); s.Scan(); {
		out = append(out, strings.TrimSpace(s.Text()))
	}
	return out, nil
}

func saveOutputs(path string, values []*graph.Value, out map[string]*tensor.Tensor) error {
	if strings.EqualFold(filepath.Ext(path), ".npz") {
		var arrays []npy.Named
		for _, v := range values {
			arrays = append(arrays, npy.Named{Name: v.Name, Tensor: out[v.Name]})
		}
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		w := bufio.NewWriter(f)
		if err = npy.WriteZip(w, arrays); err == nil {
			err = w.Flush()
		}
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		return err
	}
	if ext := filepath.Ext(path); ext != "" && !strings.HasSuffix(path, "/") {
		if st, err := os.Stat(path); err != nil || !st.IsDir() {
			return usagef("--save %s: want an .npz file or a folder", path)
		}
	}
	if err := os.MkdirAll(path, 0o777); err != nil {
		return err
	}
	for i, v := range values {
		b, err := onnx.WriteTensor(v.Name, out[v.Name])
		if err != nil {
			return fmt.Errorf("output %q: %w", v.Name, err)
		}
		if err := os.WriteFile(filepath.Join(path, fmt.Sprintf("output_%d.pb", i)), b, 0o666); err != nil {
			return err
		}
	}
	return nil
}
