package finetune

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/onnxrun/onnxrun/graph/tensor/safetensors"
)

// What a checkpoint says beside the step's state.
const (
	keyEpoch      = "epoch" // of the next update
	keyBatch      = "batch" // where the next update begins in it
	keyBest       = "best"
	keyBestUpdate = "best_update"
	keySince      = "evaluations_since_best"
	keyBatches    = "batches"     // of an epoch
	keyOwed       = "evaluate"    // an evaluation comes before the next update
	prefixValid   = "valid/"      // numbers of the last evaluation
	prefixBest    = "best_valid/" // and of the best
)

// state is the step's with the trainer's own.
func (t *Trainer) state() *safetensors.File {
	f := t.Step.State()
	f.Metadata[keyEpoch], f.Metadata[keyBatch] = strconv.Itoa(t.epoch), strconv.Itoa(t.batch)
	f.Metadata[keyBatches], f.Metadata[keyOwed] = strconv.Itoa(t.Data.Len()), strconv.FormatBool(t.owed)
	for k, x := range t.valid {
		f.Metadata[prefixValid+k] = strconv.FormatFloat(x, 'g', -1, 64)
	}
	for k, x := range t.bestValid {
		f.Metadata[prefixBest+k] = strconv.FormatFloat(x, 'g', -1, 64)
	}
	if t.hasBest {
		f.Metadata[keyBest] = strconv.FormatFloat(t.best, 'g', -1, 64)
		f.Metadata[keyBestUpdate], f.Metadata[keySince] = strconv.Itoa(t.bestUpdate), strconv.Itoa(t.since)
	}
	return f
}

func (t *Trainer) save() error {
	if t.Checkpoints == nil {
		return nil
	}
	return t.Checkpoints.Save(t.Step.Done(), t.state())
}

// restore is the inverse of state.
func (t *Trainer) restore(f *safetensors.File) error {
	var err error
	number := func(key string) int {
		n, e := strconv.Atoi(f.Metadata[key])
		if e != nil || n < 0 {
			err = errors.Join(err, fmt.Errorf("%s is %q", key, f.Metadata[key]))
		}
		return n
	}
	numbers := func(prefix string) map[string]float64 {
		m := map[string]float64{}
		for k, v := range f.Metadata {
			if name, ok := strings.CutPrefix(k, prefix); ok {
				x, e := strconv.ParseFloat(v, 64)
				if e != nil {
					err = errors.Join(err, fmt.Errorf("%s: %w", k, e))
				}
				m[name] = x
			}
		}
		if len(m) == 0 {
			return nil
		}
		return m
	}
	epoch, batch := number(keyEpoch), number(keyBatch)
	valid, bestValid := numbers(prefixValid), numbers(prefixBest)
	best, bestUpdate, since, hasBest := 0.0, 0, 0, f.Metadata[keyBest] != ""
	if hasBest {
		var e error
		if best, e = strconv.ParseFloat(f.Metadata[keyBest], 64); e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", keyBest, e))
		}
		bestUpdate, since = number(keyBestUpdate), number(keySince)
	}
	if n := f.Metadata[keyBatches]; n != "" && n != strconv.Itoa(t.Data.Len()) || batch > t.Data.Len() {
		err = errors.Join(err, fmt.Errorf("its epochs have %s batches, these %d: the data or the size of batches is not the same", n, t.Data.Len()))
	}
	if err != nil {
		return err
	}
	if err := t.Step.Restore(f); err != nil {
		return err
	}
	t.epoch, t.batch, t.owed = epoch, batch, f.Metadata[keyOwed] == "true"
	t.best, t.bestUpdate, t.since, t.hasBest, t.valid, t.bestValid = best, bestUpdate, since, hasBest, valid, bestValid
	return nil
}

// keep notes the state that is the best so far, if the training is to end with it: on the disk where there are checkpoints, else in memory.
func (t *Trainer) keep() error {
	if !t.KeepBest {
		return nil
	}
	if t.Checkpoints != nil {
		return t.Checkpoints.SaveBest(t.state())
	}
	t.kept = t.state()
	for i := range t.kept.Tensors {
		t.kept.Tensors[i].Value = t.kept.Tensors[i].Value.Clone()
	}
	return nil
}

// restoreBest gives the model the best weights that an evaluation found.
func (t *Trainer) restoreBest() error {
	if !t.KeepBest || !t.hasBest || t.bestUpdate == t.Step.Done() {
		return nil
	}
	f := t.kept
	if t.Checkpoints != nil {
		var err error
		if f, err = t.Checkpoints.Best(); errors.Is(err, os.ErrNotExist) {
			return nil
		} else if err != nil {
			return fmt.Errorf("the last weights stay: %w", err)
		}
	}
	return t.Step.Restore(f)
}

// Resumes is the number of updates after which Run goes on, 0 where it begins anew, and what damaged checkpoints it passes over.
func (t *Trainer) Resumes() (updates int, refused, err error) {
	if t.Checkpoints == nil {
		return 0, nil, nil
	}
	f, refused, err := t.Checkpoints.Last()
	if f == nil || err != nil {
		return 0, refused, err
	}
	updates, err = strconv.Atoi(f.Metadata["updates"])
	return updates, refused, err
}
