package main

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/onnxrun/onnxrun/finetune/data"
	"github.com/onnxrun/onnxrun/finetune/job"
)

func trainCmd() *cobra.Command {
	j := &job.Job{}
	var config, architecture, loss, optimizer, schedule, lora string
	var augment []string
	c := &cobra.Command{
		Use:   "train MODEL --data DATA",
		Short: "Fine-tune a model on your data",
		Long: `Fine-tune a model on your data.

Data is a folder with a sub-folder of pictures for each class, a .csv table (--target says which column to learn), an .npz archive with an array for
each input and one for the target, or two files, pictures and their classes, with a comma between (IDX as of MNIST, or .npy).

The folder --out gets model.onnx, log.csv, log.jsonl, events for TensorBoard, and checkpoints: a training that was stopped goes on when the
same command is given again. Losses, optimizers, schedules and augmentations are names, with parameters after commas (PyTorch's): --loss
cross_entropy,label_smoothing=0.1. All that flags can say a YAML file can say too (--config); flags count more.`,
		Example: `  onnxrun train testdata/lenet5/model.onnx --data testdata/digits/digits.npz --resize --holdout 0.2 --head 10 --epochs 10 --metric accuracy
  onnxrun train resnet18.onnx --data photos/ --holdout 0.2 --head 5 --probe --metric accuracy
  onnxrun train minilm.onnx --data reviews.tsv --text review --vocab vocab.txt --target label --head 2 --lora r=8,target_modules=[query,value] --lr 1e-3 --epochs 3
  onnxrun train model.onnx --data train.npz --valid valid.npz --loss mse --optimizer SGD,momentum=0.9 --schedule cosine --lr 0.1
  onnxrun train --new mlp,sizes=[784,256,256,10] --data train-images-idx3-ubyte.gz,train-labels-idx1-ubyte.gz --epochs 10
  onnxrun train --config job.yaml --out run2`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, a []string) error {
			run, err := readJob(c, config, j)
			if err != nil {
				return usageError{err}
			}
			if len(a) == 1 {
				run.Model = a[0]
			}
			for _, x := range []struct {
				text string
				spec *job.Spec
			}{{architecture, &run.New}, {loss, &run.Loss}, {optimizer, &run.Optimizer}, {schedule, &run.Schedule}} {
				if x.text != "" {
					if *x.spec, err = job.ParseSpec(x.text); err != nil {
						return usageError{err}
					}
				}
			}
			if lora != "" {
				s, err := job.ParseSpec("LORA," + lora)
				if err != nil {
					return usageError{err}
				}
				run.Adapter = s.Params
			}
			for _, text := range augment {
				s, err := job.ParseSpec(text)
				if err != nil {
					return usageError{err}
				}
				run.Data.Augment = append(run.Data.Augment, s)
			}
			start := time.Now()
			r, err := run.Run(c.Context(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			if done, err := asJSON(c, trained(r)); done || err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%d updates in %v", r.Updates, time.Since(start).Round(time.Millisecond))
			if r.Early {
				fmt.Fprint(c.OutOrStdout(), ", stopped early")
			}
			if r.BestUpdate > 0 && r.BestUpdate < r.Updates && !run.KeepLast {
				fmt.Fprintf(c.OutOrStdout(), ", the weights are those after update %d", r.BestUpdate)
			}
			for _, name := range append([]string{"loss"}, run.Metrics...) {
				if x, ok := r.Valid[name]; ok {
					fmt.Fprintf(c.OutOrStdout(), ", validation %s %.5g", name, x)
				}
			}
			fmt.Fprintf(c.OutOrStdout(), "\n%s\n", r.Model)
			if r.Adapter != "" {
				fmt.Fprintln(c.OutOrStdout(), r.Adapter)
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&config, "config", "", "YAML file with the whole job")
	f.StringVar(&architecture, "new", "", "in place of MODEL: an untrained one, as onnxrun new makes it")
	f.StringVar(&j.Out, "out", "tuned", "folder for the tuned model, logs and checkpoints")
	dataFlags(f, &j.Data)
	f.StringVar(&j.Data.Valid, "valid", "", "what to validate on")
	f.Float64Var(&j.Data.Holdout, "holdout", 0, "part of the data to keep for validation")
	f.StringArrayVar(&augment, "augment", nil, "crop, shift, flip, affine or cutout, as shift,y=2,x=2; may be given again")
	f.IntVar(&j.Head, "head", 0, "put a new head with so many outputs on the model")
	f.StringVar(&j.Cut, "cut", "", "value at which the head is put (default the input of the last linear layer)")
	f.BoolVar(&j.Pool, "pool", false, "average over places or tokens before the head")
	f.BoolVar(&j.Probe, "probe", false, "train the new head alone, on features that are computed once")
	f.StringArrayVar(&j.Train, "unfreeze", nil, "pattern of parameters that train, no others do; may be given again")
	f.StringArrayVar(&j.Freeze, "freeze", nil, "pattern of parameters that do not train; may be given again")
	f.IntVar(&j.Last, "last", 0, "train the last N modules only")
	f.StringVar(&lora, "lora", "", "train a LoRA adapter: r=8,lora_alpha=16,target_modules=[query,value], in the terms of PEFT")
	f.StringVar(&loss, "loss", "", "loss (default cross_entropy)")
	f.StringVar(&optimizer, "optimizer", "", "optimizer (default AdamW)")
	f.Float64Var(&j.LR, "lr", 0, "learning rate (default the optimizer's)")
	f.StringVar(&schedule, "schedule", "", "learning-rate schedule")
	f.IntVar(&j.Epochs, "epochs", 0, "times to go through the data (default 1)")
	f.IntVar(&j.Updates, "updates", 0, "stop after so many updates")
	f.IntVar(&j.Batch, "batch", 32, "samples of a batch")
	f.IntVar(&j.Accumulate, "accumulate", 0, "batches of an update")
	f.Float64Var(&j.ClipNorm, "clip-norm", 0, "bound of the gradient's norm")
	f.Float64Var(&j.EMA, "ema", 0, "decay of a moving average of the weights, which the model then gets")
	f.StringVar(&j.BatchNorm, "batch-norm", "", "auto, train or frozen")
	f.IntVar(&j.Segments, "segments", 0, "save memory by computing so many parts of the model twice")
	f.BoolVar(&j.Exact, "exact", false, "compute every convolution as a sum of products, where another algorithm would be faster")
	f.StringArrayVar(&j.Metrics, "metric", nil, "metric for validation, as accuracy; may be given again")
	f.StringVar(&j.Monitor, "monitor", "", "what tells the best model: loss or a metric (default loss)")
	f.IntVar(&j.Patience, "patience", 0, "stop after so many evaluations without progress")
	f.BoolVar(&j.KeepLast, "keep-last", false, "leave the last weights, not the best")
	f.IntVar(&j.EvalEvery, "eval-every", 0, "updates from one validation to the next (default an epoch)")
	f.IntVar(&j.SaveEvery, "save-every", 0, "updates from one checkpoint to the next (default an epoch)")
	f.Uint64Var(&j.Seed, "seed", 0, "of everything that is drawn by chance")
	f.IntVar(&j.Threads, "threads", 0, "threads (default one per processor)")
	return c
}

// trained is a result as JSON: numbers that JSON does not have are null.
func trained(r job.Result) any {
	return struct {
		Model      string              `json:"model"`
		Adapter    string              `json:"adapter,omitempty"`
		Updates    int                 `json:"updates"`
		Early      bool                `json:"early"`
		BestUpdate int                 `json:"best_update,omitempty"`
		Valid      map[string]*float64 `json:"valid,omitempty"`
		Classes    []string            `json:"classes,omitempty"`
		Samples    int                 `json:"samples"`
		Trained    int                 `json:"trained"`
		Parameters int                 `json:"parameters"`
	}{r.Model, r.Adapter, r.Updates, r.Early, r.BestUpdate, finite(r.Valid), r.Classes, r.Samples, r.Trained, r.Params}
}

func finite(m map[string]float64) map[string]*float64 {
	out := map[string]*float64{}
	for k, x := range m {
		if out[k] = nil; !math.IsNaN(x) && !math.IsInf(x, 0) {
			out[k] = &x
		}
	}
	return out
}

// dataFlags are those that tell what the data is.
func dataFlags(f *pflag.FlagSet, d *job.Data) {
	f.StringVar(&d.Train, "data", "", "folder of pictures, table, archive or pair of files")
	f.StringVar(&d.Target, "target", "", "column or array to learn (default y)")
	f.StringToStringVar(&d.Inputs, "input", nil, "FIELD=INPUT: which field of the data is which input of the model")
	f.StringVar(&d.Text, "text", "", "column of a table with texts, for a BERT model")
	f.StringVar(&d.Vocab, "vocab", "", "vocab.txt of the model, for --text")
	f.IntVar(&d.Length, "length", 0, "tokens of a text, for --text (default those of the longest)")
	f.Var(columnKinds{d}, "column", "NAME=KIND of a column of a table: float, int, onehot, index or skip; may be given again")
	f.StringVar(&d.Missing, "missing", "", "cells of a table without a value: mean, constant or indicator")
	f.Float64SliceVar(&d.Mean, "mean", nil, "of the channels of pictures, scaled to 0 … 1")
	f.Float64SliceVar(&d.Std, "std", nil, "of the channels of pictures")
	f.BoolVar(&d.Resize, "resize", false, "scale pictures of another size to that of the model's input")
}

// columnKinds is the flag that says what columns are.
type columnKinds struct{ *job.Data }

func (columnKinds) Type() string   { return "NAME=KIND" }
func (columnKinds) String() string { return "" }

func (d columnKinds) Set(text string) error {
	name, kind, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("want NAME=KIND")
	}
	if d.Columns == nil {
		d.Columns = map[string]data.Column{}
	}
	d.Columns[name] = data.Column{Kind: data.Kind(kind)}
	return nil
}

// readJob is the job of a YAML file with what flags say in place of what the file says.
func readJob(c *cobra.Command, config string, flags *job.Job) (*job.Job, error) {
	if config == "" {
		return flags, nil
	}
	j, err := job.ReadFile(config)
	if err != nil {
		return nil, err
	}
	set := func(name string, f func()) {
		if c.Flags().Changed(name) {
			f()
		}
	}
	set("out", func() { j.Out = flags.Out })
	set("data", func() { j.Data.Train = flags.Data.Train })
	set("valid", func() { j.Data.Valid = flags.Data.Valid })
	set("holdout", func() { j.Data.Holdout = flags.Data.Holdout })
	set("target", func() { j.Data.Target = flags.Data.Target })
	set("input", func() { j.Data.Inputs = flags.Data.Inputs })
	set("text", func() { j.Data.Text = flags.Data.Text })
	set("vocab", func() { j.Data.Vocab = flags.Data.Vocab })
	set("length", func() { j.Data.Length = flags.Data.Length })
	set("column", func() {
		if j.Data.Columns == nil {
			j.Data.Columns = map[string]data.Column{}
		}
		maps.Copy(j.Data.Columns, flags.Data.Columns)
	})
	set("missing", func() { j.Data.Missing = flags.Data.Missing })
	set("mean", func() { j.Data.Mean = flags.Data.Mean })
	set("std", func() { j.Data.Std = flags.Data.Std })
	set("resize", func() { j.Data.Resize = flags.Data.Resize })
	set("augment", func() { j.Data.Augment = nil })
	set("head", func() { j.Head = flags.Head })
	set("cut", func() { j.Cut = flags.Cut })
	set("pool", func() { j.Pool = flags.Pool })
	set("probe", func() { j.Probe = flags.Probe })
	set("unfreeze", func() { j.Train = flags.Train })
	set("freeze", func() { j.Freeze = flags.Freeze })
	set("last", func() { j.Last = flags.Last })
	set("lr", func() { j.LR = flags.LR })
	set("epochs", func() { j.Epochs = flags.Epochs })
	set("updates", func() { j.Updates = flags.Updates })
	set("batch", func() { j.Batch = flags.Batch })
	set("accumulate", func() { j.Accumulate = flags.Accumulate })
	set("clip-norm", func() { j.ClipNorm = flags.ClipNorm })
	set("ema", func() { j.EMA = flags.EMA })
	set("batch-norm", func() { j.BatchNorm = flags.BatchNorm })
	set("segments", func() { j.Segments = flags.Segments })
	set("exact", func() { j.Exact = flags.Exact })
	set("metric", func() { j.Metrics = flags.Metrics })
	set("monitor", func() { j.Monitor = flags.Monitor })
	set("patience", func() { j.Patience = flags.Patience })
	set("keep-last", func() { j.KeepLast = flags.KeepLast })
	set("eval-every", func() { j.EvalEvery = flags.EvalEvery })
	set("save-every", func() { j.SaveEvery = flags.SaveEvery })
	set("seed", func() { j.Seed = flags.Seed })
	set("threads", func() { j.Threads = flags.Threads })
	return j, nil
}
