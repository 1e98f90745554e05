package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/adapter"
	"github.com/onnxrun/onnxrun/finetune/data"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/metric"
	"github.com/onnxrun/onnxrun/finetune/record"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Result is how a job ended.
type Result struct {
	finetune.Done
	Model   string // the file of the tuned model
	Adapter string // the folder of the adapter, where the job has one
	Classes []string
	Trained int // parameters that trained
	Params  int // of the model
	Samples int
}

// Run does the job, or what is left of it. It tells w how it goes.
func (j *Job) Run(ctx context.Context, w io.Writer) (Result, error) {
	own := *j
	j = &own // what the data settles is of this run
	j.defaults()
	if err := j.check(); err != nil {
		return Result{}, err
	}
	m, a, err := j.prepare(w)
	if err != nil {
		return Result{}, err
	}
	j.logits = wantsLogits(j.Loss.Name) && loss.Logits(m.Graph.Outputs[0]) != nil
	if j.logits {
		fmt.Fprintln(w, "the model ends in probabilities: the loss takes what comes before them")
	}
	if j.Loss.Name == "bce" && loss.Logits(m.Graph.Outputs[0]) == nil {
		fmt.Fprintln(w, "warning: bce is of probabilities, and the model does not end in a Sigmoid or Softmax: bce_with_logits is of what comes before")
	}
	r := Result{}
	for _, p := range m.Params {
		n := p.Value.Const.Len()
		r.Params += n
		if p.Train && !p.Stat {
			r.Trained += n
		}
	}
	train, valid, err := j.data(m)
	if err != nil {
		return r, err
	}
	r.Classes, r.Samples = j.Data.labels(), train.Len()
	if n := len(r.Classes); n > 0 && j.Head > 0 && j.Head != n {
		return r, fmt.Errorf("the data has %d classes, the head %d outputs", n, j.Head)
	}
	if err := j.same(); err != nil {
		return r, err
	}
	fmt.Fprintf(w, "%s: %d of %d parameters train, on %d samples\n", j.Model+j.New.Name, r.Trained, r.Params, r.Samples)
	if err := os.MkdirAll(j.Out, 0o777); err != nil {
		return r, err
	}
	rest := m
	if j.Probe {
		if rest, train, valid, err = j.features(ctx, w, m, train, valid); err != nil {
			return r, err
		}
	}
	t, err := j.trainer(rest, train, valid)
	if err != nil {
		return r, err
	}
	if idle := t.Step.Idle(); len(idle) > 0 {
		fmt.Fprintf(w, "the loss does not depend on %d parameters, which stay as they are: %s …\n", len(idle), idle[0].Name)
	}
	done, err := j.follow(ctx, w, t)
	r.Done = done
	if err != nil {
		return r, err
	}
	if j.EMA > 0 {
		t.Step.TakeAverages()
	}
	return r, j.leave(&r, m, a)
}

func (j *Job) defaults() {
	if j.Out == "" {
		j.Out = "tuned"
	}
	if j.Batch == 0 {
		j.Batch = 32
	}
	if j.Epochs == 0 && j.Updates == 0 {
		j.Epochs = 1
	}
}

func (j *Job) check() error {
	switch {
	case j.Model == "" && j.New.Name == "":
		return errors.New("which model? Name a file, or an architecture for a new one")
	case j.Model != "" && j.New.Name != "":
		return fmt.Errorf("%s, or a new %s? There can be one model", j.Model, j.New.Name)
	case sameFile(j.Model, j.file(ModelFile)):
		return fmt.Errorf("the tuned model would take the place of %s: choose another folder for it", j.Model)
	case j.Data.Train == "":
		return errors.New("which data? Name a folder of pictures, a table, an archive or a pair of files")
	case j.Batch < 0 || j.Epochs < 0 || j.Updates < 0 || j.Head < 0:
		return errors.New("batch, epochs, updates and head cannot be negative")
	case !(j.Data.Holdout >= 0 && j.Data.Holdout < 1):
		return fmt.Errorf("a part of %v of the data is no validation set: want one from 0 to below 1", j.Data.Holdout)
	case j.Probe && len(j.Data.Augment) > 0:
		return errors.New("a probe computes the features of each sample once: it takes no augmentation")
	}
	return nil
}

// sameFile reports whether both names are of one file that is there.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// data opens the data for training and, if there is any, for validation.
func (j *Job) data(m *finetune.Model) (train, valid data.Dataset, err error) {
	inputs := m.Graph.Inputs
	if train, err = j.Data.open(j.Data.Train, inputs); err != nil {
		return nil, nil, err
	}
	whole := train.Len()
	if whole == 0 {
		return nil, nil, fmt.Errorf("%s has no samples", j.Data.Train)
	}
	switch {
	case j.Data.Valid != "":
		if valid, err = j.Data.open(j.Data.Valid, inputs); err != nil {
			return nil, nil, err
		}
	case j.Data.Holdout > 0:
		if valid, train, err = data.Split(train, j.Data.Holdout, j.Seed); err != nil {
			return nil, nil, err
		}
	}
	if train.Len() == 0 || valid != nil && valid.Len() == 0 {
		return nil, nil, fmt.Errorf("of %d samples %d are for training and %d for validation: both want some", whole, train.Len(), valid.Len())
	}
	l, err := j.loss()
	if err != nil {
		return nil, nil, err
	}
	if err := m.Infer(); err != nil {
		return nil, nil, err
	}
	targets := l.Targets(outputTypes(m))
	if train, err = j.Data.fit(train, inputs, targets); err != nil {
		return nil, nil, err
	}
	if train, err = j.checked(train, m, targets); err != nil || valid == nil {
		return train, nil, err
	}
	plain := j.Data
	plain.Augment = nil
	if valid, err = plain.fit(valid, inputs, targets); err != nil {
		return nil, nil, err
	}
	valid, err = j.checked(valid, m, targets)
	return train, valid, err
}

// checked is ds with a look at the numbers of classes that it gives.
func (j *Job) checked(ds data.Dataset, m *finetune.Model, targets []loss.Target) (data.Dataset, error) {
	if !ofClasses(j.Loss.Name) || len(targets) != 1 || targets[0].Type.DType != tensor.Int64 || j.Loss.Params["output"] != nil || j.Loss.Params["class_axis_last"] != nil {
		return ds, nil
	}
	out := m.Graph.Outputs[0].Type
	if len(out.Shape) < 2 {
		return ds, nil
	}
	n, ok := out.Shape[1].Int()
	if !ok {
		return ds, nil
	}
	if names := j.Data.labels(); len(names) > n {
		return nil, fmt.Errorf("the data has %d classes, the model %d: put a new head of %d outputs on it", len(names), n, len(names))
	}
	ignored := int64(-100)
	if x, ok := j.Loss.Params["ignore_index"].(int); ok {
		ignored = int64(x)
	}
	return data.Transform(ds, targets[0].Name, labels{n, ignored})
}

// features computes once what does not train.
func (j *Job) features(ctx context.Context, w io.Writer, m *finetune.Model, train, valid data.Dataset) (*finetune.Model, data.Dataset, data.Dataset, error) {
	fmt.Fprintln(w, "computing the features of all samples")
	first, rest, err := m.Split()
	if err == nil {
		train, err = finetune.Features(ctx, first, train, j.Batch, 0)
	}
	if err == nil && valid != nil {
		valid, err = finetune.Features(ctx, first, valid, j.Batch, 0)
	}
	return rest, train, valid, err
}

func (j *Job) trainer(m *finetune.Model, train, valid data.Dataset) (*finetune.Trainer, error) {
	batches, err := data.NewLoader(train, data.Options{Batch: j.Batch, Shuffle: true, Seed: j.Seed})
	if err != nil {
		return nil, err
	}
	if j.Epochs > math.MaxInt/max(batches.Len(), 1) {
		return nil, fmt.Errorf("%d epochs of %d batches are more than can be counted", j.Epochs, batches.Len())
	}
	each := (batches.Len() + max(j.Accumulate, 1) - 1) / max(j.Accumulate, 1)
	updates := j.Epochs * each
	if j.Updates > 0 && (updates == 0 || j.Updates < updates) {
		updates = j.Updates
	}
	cfg, err := j.config(updates)
	if err != nil {
		return nil, err
	}
	step, err := finetune.NewStep(m, cfg)
	if err != nil {
		return nil, err
	}
	t := &finetune.Trainer{Step: step, Data: batches, Epochs: j.Epochs, Updates: j.Updates, Monitor: j.Monitor, Patience: j.Patience, KeepBest: !j.KeepLast,
		EvalEvery: j.EvalEvery, SaveEvery: j.SaveEvery, Checkpoints: &finetune.Checkpoints{Dir: j.file(CheckpointsDir)}}
	if valid == nil {
		if j.Monitor != "" || j.Patience > 0 || len(j.Metrics) > 0 {
			return nil, fmt.Errorf("metrics, monitor and patience want data for validation")
		}
		return t, nil
	}
	if t.Valid, err = data.NewLoader(valid, data.Options{Batch: j.Batch}); err != nil {
		return nil, err
	}
	t.Metrics, t.Maximize, err = j.metrics()
	return t, err
}

func (j *Job) metrics() (list []finetune.Metric, maximize bool, err error) {
	for _, name := range j.Metrics {
		x, err := metric.New(name, metric.Options{Probabilities: j.logits || j.Loss.Name == "bce"})
		if err != nil {
			return nil, false, err
		}
		on := &metric.On{Metric: x, Label: name, Target: "y"}
		if k, ok := j.Loss.Params["output"].(int); ok {
			on.Output = k
		}
		if target, ok := j.Loss.Params["target"].(string); ok {
			on.Target = target
		}
		list = append(list, on)
		if name == j.Monitor {
			maximize = x.Maximize()
		}
	}
	return list, maximize, nil
}

// follow trains and writes down how it goes.
func (j *Job) follow(ctx context.Context, w io.Writer, t *finetune.Trainer) (done finetune.Done, err error) {
	before, refused, err := t.Resumes()
	if err != nil {
		return done, err
	}
	if refused != nil {
		fmt.Fprintln(w, "warning:", refused)
	}
	if before > 0 {
		fmt.Fprintf(w, "going on after update %d of the training in %s\n", before, j.Out)
	}
	columns := []string{"epoch", "loss", "lr", "grad_norm", "valid/loss"}
	for _, m := range j.Metrics {
		columns = append(columns, "valid/"+m)
	}
	logs, err := j.logs(before, columns)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, logs.Close()) }()
	if err := j.write(); err != nil {
		return done, err
	}
	line := record.NewProgress(w)
	var failed error
	t.Watch = func(p finetune.Progress) {
		values := []record.Value{{Name: "epoch", X: float64(p.Epoch + 1)}}
		switch {
		case p.Warning != nil || p.Resumed:
			return
		case p.Valid == nil:
			values = append(values, record.Value{Name: "loss", X: p.Result.Loss}, record.Value{Name: "lr", X: p.Result.LR})
			if j.ClipNorm > 0 {
				values = append(values, record.Value{Name: "grad_norm", X: p.Result.GradNorm})
			}
			failed = errors.Join(failed, line.Step(p.Update, p.Updates, values...))
		default:
			note := fmt.Sprintf("epoch %d, update %d: validation", p.Epoch+1, p.Update)
			for _, c := range columns[4:] {
				x := p.Valid[c[len("valid/"):]]
				values = append(values, record.Value{Name: c, X: x})
				note += fmt.Sprintf(" %s %.5g", c[len("valid/"):], x)
			}
			if p.Best {
				note += ", the best so far"
			}
			failed = errors.Join(failed, line.Note(note))
		}
		failed = errors.Join(failed, logs.Log(p.Update, values...))
	}
	done, err = t.Run(ctx)
	if ctx.Err() != nil && err != nil {
		return done, fmt.Errorf("stopped after %d updates; the same command goes on from there: %w", done.Updates, err)
	}
	if done.BestValid != nil && !j.KeepLast {
		done.Valid = done.BestValid // that of the weights which are left
	}
	return done, errors.Join(err, failed)
}

func (j *Job) logs(done int, columns []string) (record.Recorder, error) {
	table, err := record.CSV(j.file(CSVFile), done, columns...)
	if err != nil {
		return nil, err
	}
	lines, err := record.JSONL(j.file(JSONLFile), done)
	if err != nil {
		return nil, errors.Join(err, table.Close())
	}
	events, err := record.TensorBoard(j.file(EventsDir), done)
	if err != nil {
		return nil, errors.Join(err, table.Close(), lines.Close())
	}
	return record.Tee{table, lines, events}, nil
}

// leave writes the tuned model, and the adapter by itself.
func (j *Job) leave(r *Result, m *finetune.Model, a *adapter.Adapter) error {
	if a != nil {
		r.Adapter = j.file(AdapterFolder)
		if err := a.Save(r.Adapter); err != nil {
			return err
		}
	}
	r.Model = j.file(ModelFile)
	if err := m.Save(r.Model); err != nil {
		return err
	}
	if len(r.Classes) == 0 {
		return nil
	}
	text := ""
	for _, c := range r.Classes {
		text += c + "\n"
	}
	return os.WriteFile(j.file(ClassesFile), []byte(text), 0o666)
}
