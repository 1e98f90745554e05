package finetune

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/onnxrun/onnxrun/finetune/schedule"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/graph/tensor/safetensors"
)

// Source gives the batches of each epoch: tensors by the names of the model's inputs and of the targets. An epoch has the same batches whenever it is asked for, so
// that a training can go on in the middle of one.
type Source interface {
	Len() int // batches of an epoch
	// Batches are those of an epoch from number from on. A batch is valid until the next one is asked for.
	Batches(ctx context.Context, epoch, from int) iter.Seq2[map[string]*tensor.Tensor, error]
}

// Metric judges outputs of the model against a batch.
type Metric interface {
	Name() string
	Reset()
	Add(out []*tensor.Tensor, batch map[string]*tensor.Tensor) error
	Value() float64
}

// Trainer runs epochs of updates, with validation, checkpoints and early stopping.
type Trainer struct {
	Step    *Step
	Data    Source
	Epochs  int
	Updates int // stop after so many updates; 0 is all epochs

	Valid     Source // held against the model after every epoch, and every EvalEvery updates
	Metrics   []Metric
	EvalEvery int
	Monitor   string // what tells the best model: "loss" (the default), or the name of a metric
	Maximize  bool   // the monitored number should be large
	Patience  int    // stop after so many evaluations without a better one; 0 never stops
	KeepBest  bool   // leave the model with the best weights, not the last

	Checkpoints *Checkpoints // where to go on from, and what to leave for the next time; nil keeps nothing
	SaveEvery   int          // updates from one checkpoint to the next; 0 saves after every epoch

	// Watch is told of every update and every evaluation, in order, from the goroutine of the training.
	Watch func(Progress)

	epoch, batch int  // where the next update begins
	owed         bool // an evaluation is due before it, which was interrupted
	best         float64
	hasBest      bool
	bestUpdate   int
	since        int                // evaluations since the best
	valid        map[string]float64 // of the last evaluation
	bestValid    map[string]float64
	kept         *safetensors.File // the best state
	evaluator    *Evaluator
}

// Progress is what a training tells while it runs.
type Progress struct {
	Epoch, Epochs   int                // of the update; from 0
	Batch, Batches  int                // of the epoch that were read
	Update, Updates int                // made, and to be made
	Result          Result             // of the update
	Valid           map[string]float64 // of an evaluation: "loss" and metrics; nil after an update
	Best            bool               // the evaluation is the best so far
	Resumed         bool               // the first word of a training that goes on from a checkpoint
	Warning         error              // something that does not stop the training
}

// Done is how a training ended.
type Done struct {
	Updates    int
	Early      bool               // for lack of progress
	Valid      map[string]float64 // of the last evaluation
	Best       float64            // of the monitored number; NaN without an evaluation
	BestUpdate int
	BestValid  map[string]float64 // of the evaluation after BestUpdate
}

// Run trains until the end, or until ctx is done: then it leaves a checkpoint and returns the context's error, and another Run, in this process or the next,
// goes on from there as if nothing had happened.
func (t *Trainer) Run(ctx context.Context) (Done, error) {
	if err := t.start(); err != nil {
		return Done{}, err
	}
	var err error
	for t.epoch < t.Epochs && (t.Step.Done() < t.updates() || t.owed) && !t.stale() {
		if err = t.runEpoch(ctx); err != nil {
			break
		}
	}
	done := Done{Updates: t.Step.Done(), Early: t.stale(), Valid: t.valid, Best: t.best, BestUpdate: t.bestUpdate, BestValid: t.bestValid}
	if !t.hasBest {
		done.Best = math.NaN()
	}
	if err != nil {
		if ctx.Err() != nil {
			if err = t.save(); err == nil {
				return done, ctx.Err()
			}
			return done, errors.Join(ctx.Err(), err)
		}
		return done, err
	}
	if err := t.save(); err != nil {
		return done, err
	}
	return done, t.restoreBest()
}

// stale reports whether there was no progress for so long that the training is over.
func (t *Trainer) stale() bool { return t.Patience > 0 && t.since >= t.Patience }

// updates is the number of updates that the whole training makes.
func (t *Trainer) updates() int {
	k := t.Step.Batches()
	n := t.Epochs * ((t.Data.Len() + k - 1) / k)
	if t.Updates > 0 {
		n = min(n, t.Updates)
	}
	return n
}

func (t *Trainer) start() error {
	if t.Step == nil || t.Data == nil || t.Data.Len() == 0 {
		return fmt.Errorf("training wants a step and data that is not empty")
	}
	if t.Valid == nil && (t.Patience > 0 || t.Monitor != "" || len(t.Metrics) > 0) {
		return fmt.Errorf("patience, a monitor and metrics want data for validation")
	}
	if t.Epochs <= 0 {
		if t.Updates <= 0 {
			return fmt.Errorf("training wants a number of epochs or updates")
		}
		each := (t.Data.Len() + t.Step.Batches() - 1) / t.Step.Batches()
		t.Epochs = (t.Updates + each - 1) / each
	}
	if t.Epochs > math.MaxInt/t.Data.Len() {
		return fmt.Errorf("%d epochs of %d batches are more than can be counted", t.Epochs, t.Data.Len())
	}
	if t.Valid != nil && t.evaluator == nil {
		var err error
		if t.evaluator, err = t.Step.Evaluator(); err != nil {
			return err
		}
		t.evaluator.Average = true
	}
	if t.Checkpoints == nil {
		return nil
	}
	f, refused, err := t.Checkpoints.Last()
	if err != nil {
		return err
	}
	if refused != nil {
		t.tell(Progress{Warning: refused})
	}
	if f == nil {
		return nil
	}
	if err := t.restore(f); err != nil {
		return fmt.Errorf("cannot go on from the checkpoint in %s: %w; take another folder to begin anew", t.Checkpoints.Dir, err)
	}
	t.tell(Progress{Resumed: true})
	return nil
}

func (t *Trainer) tell(p Progress) {
	if t.Watch == nil {
		return
	}
	p.Epoch, p.Epochs, p.Batch, p.Batches = t.epoch, t.Epochs, t.batch, t.Data.Len()
	p.Update, p.Updates = t.Step.Done(), t.updates()
	t.Watch(p)
}

// runEpoch makes the updates of what is left of an epoch, then evaluates and saves. The last update of an epoch may have fewer batches.
func (t *Trainer) runEpoch(ctx context.Context) error {
	if t.owed {
		if err := t.evaluate(ctx); err != nil {
			return err
		}
		if t.stale() {
			return nil
		}
	}
	at, left := t.batch, 0
	for batch, err := range t.Data.Batches(ctx, t.epoch, t.batch) {
		if t.Step.Done() == t.updates() {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && left == 0 {
			left = min(t.Step.Batches(), t.Data.Len()-at)
			err = t.Step.Begin(left)
		}
		if err == nil {
			err = t.Step.Add(ctx, batch)
		}
		if err != nil {
			return err
		}
		at++
		if left--; left > 0 {
			continue
		}
		r, err := t.Step.Update()
		if err != nil {
			return err
		}
		t.batch = at
		t.tell(Progress{Result: r})
		last := t.Step.Done() == t.updates() || at == t.Data.Len()
		t.owed = t.Valid != nil && (last || t.EvalEvery > 0 && t.Step.Done()%t.EvalEvery == 0)
		if last {
			break
		}
		if t.owed {
			if err := t.evaluate(ctx); err != nil {
				return err
			}
		}
		if n := t.SaveEvery; n > 0 && t.Step.Done()%n == 0 {
			if err := t.save(); err != nil {
				return err
			}
		}
		if t.stale() {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.owed {
		if err := t.evaluate(ctx); err != nil {
			return err
		}
	}
	if t.batch < t.Data.Len() { // the last update there is: a training of more goes on in this epoch
		return nil
	}
	t.epoch, t.batch = t.epoch+1, 0
	if t.SaveEvery <= 0 || t.Step.Done()%t.SaveEvery == 0 {
		return t.save()
	}
	return nil
}

// evaluate holds the model against the validation data, and notes whether it is the best so far.
func (t *Trainer) evaluate(ctx context.Context) error {
	if t.Valid == nil {
		t.owed = false
		return nil
	}
	values, err := t.evaluator.Evaluate(ctx, t.Valid, t.Metrics)
	if err != nil {
		return fmt.Errorf("validation: %w", err)
	}
	monitor := t.Monitor
	if monitor == "" {
		monitor = "loss"
	}
	x, ok := values[monitor]
	if !ok {
		return fmt.Errorf("validation has no %q to monitor; it has %v", monitor, slices.Sorted(maps.Keys(values)))
	}
	if o, ok := t.Step.cfg.Schedule.(schedule.Observer); ok {
		o.Observe(x)
	}
	t.owed, t.valid = false, values
	better := !math.IsNaN(x) && (!t.hasBest || t.Maximize && x > t.best || !t.Maximize && x < t.best)
	if better {
		t.best, t.hasBest, t.bestUpdate, t.since, t.bestValid = x, true, t.Step.Done(), 0, values
		if err := t.keep(); err != nil {
			return err
		}
	} else {
		t.since++
	}
	t.tell(Progress{Valid: values, Best: better})
	return nil
}
