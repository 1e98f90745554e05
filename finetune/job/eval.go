package job

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/finetune/data"
	"github.com/onnxrun/onnxrun/finetune/loss"
	"github.com/onnxrun/onnxrun/finetune/metric"
	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
	"github.com/onnxrun/onnxrun/runtime/ops"
)

// Evaluation is how a model does on data.
type Evaluation struct {
	Samples int                `json:"samples"`
	Values  map[string]float64 `json:"values"`           // metrics, and "loss"
	Tables  map[string]string  `json:"tables,omitempty"` // of metrics that are more than a number, as confusion
}

// Evaluate holds the model against Data.Train as it is: of a job, Model, Data, Loss, Metrics, Batch and Threads count. Without metrics it is the accuracy, for losses of
// classes. A model in the folder of its training is held against data that is read as there, by the same loss and metrics, where the job does not say.
func (j *Job) Evaluate(ctx context.Context) (Evaluation, error) {
	own := *j
	j = &own
	if err := j.likeTrained(); err != nil {
		return Evaluation{}, err
	}
	j.defaults()
	if j.Model == "" || j.Data.Train == "" {
		return Evaluation{}, errors.New("evaluation wants a model and data")
	}
	if len(j.Metrics) == 0 && ofClasses(j.Loss.Name) {
		j.Metrics = []string{"accuracy"}
	}
	g, err := j.load(io.Discard)
	if err != nil {
		return Evaluation{}, err
	}
	m, err := finetune.New(g)
	if err != nil {
		return Evaluation{}, err
	}
	j.logits = wantsLogits(j.Loss.Name) && loss.Logits(m.Graph.Outputs[0]) != nil
	ds, _, err := j.data(m)
	if err != nil {
		return Evaluation{}, err
	}
	if err := j.addLoss(m); err != nil {
		return Evaluation{}, err
	}
	var o []runtime.Option
	if j.Threads > 0 {
		o = append(o, runtime.WithThreads(j.Threads))
	}
	s, err := runtime.Compile(m.Graph, o...)
	if err != nil {
		return Evaluation{}, err
	}
	defer s.Close()
	batches, err := data.NewLoader(ds, data.Options{Batch: j.Batch})
	if err != nil {
		return Evaluation{}, err
	}
	list, _, err := j.metrics()
	if err != nil {
		return Evaluation{}, err
	}
	e := Evaluation{Values: map[string]float64{}, Tables: map[string]string{}}
	sum := 0.0
	for batch, err := range batches.Batches(ctx, 0, 0) {
		if err != nil {
			return e, err
		}
		feeds, out := map[string]*tensor.Tensor{}, make([]*tensor.Tensor, 0, len(m.Graph.Outputs))
		for _, v := range m.Graph.Inputs {
			feeds[v.Name] = batch[v.Name]
		}
		got, err := s.Run(ctx, feeds)
		if err != nil {
			return e, err
		}
		for _, v := range m.Graph.Outputs {
			out = append(out, got[v.Name])
		}
		n := batch[m.Graph.Inputs[0].Name].Dim(0)
		sum += out[0].Float(0) * float64(n)
		e.Samples += n
		for _, x := range list {
			if err := x.Add(out[1:], batch); err != nil {
				return e, fmt.Errorf("%s: %w", x.Name(), err)
			}
		}
	}
	e.Values["loss"] = sum / float64(e.Samples)
	for _, x := range list {
		e.Values[x.Name()] = x.Value()
		if on, ok := x.(*metric.On); ok {
			if table, ok := on.Metric.(fmt.Stringer); ok {
				e.Tables[x.Name()] = table.String()
			}
		}
	}
	return e, nil
}

// addLoss makes the loss the first output of the model.
func (j *Job) addLoss(m *finetune.Model) error {
	l, err := j.loss()
	if err != nil {
		return err
	}
	b := graph.NewBuilder(ops.Registry(), m.Graph)
	b.Reserve()
	var targets []*graph.Value
	for _, t := range l.Targets(outputTypes(m)) {
		targets = append(targets, &graph.Value{Name: t.Name, Type: t.Type})
	}
	b.Prefix("loss")
	v := l.Of(b, m.Graph.Outputs, targets)
	if err := b.Err(); err != nil {
		return fmt.Errorf("loss: %w", err)
	}
	m.Graph.Inputs = append(m.Graph.Inputs, targets...)
	m.Graph.Outputs = append([]*graph.Value{v}, m.Graph.Outputs...)
	return nil
}
