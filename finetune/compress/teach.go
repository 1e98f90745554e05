package compress

import (
	"context"
	"fmt"
	"iter"
	"maps"

	"github.com/onnxrun/onnxrun/finetune"
	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime"
)

// Teach adds to every batch what a teacher says of it: its outputs, under the names that the loss of the student gives its targets (outputs: name of the teacher's output → name in
// the batch). The teacher reads those inputs of the batch that it knows by name; it is compiled for inference, and no gradient passes it.
func Teach(data finetune.Source, teacher *runtime.Session, outputs map[string]string) finetune.Source {
	return taught{data, teacher, outputs}
}

type taught struct {
	finetune.Source
	teacher *runtime.Session
	outputs map[string]string
}

func (t taught) Batches(ctx context.Context, epoch, from int) iter.Seq2[map[string]*tensor.Tensor, error] {
	return func(yield func(map[string]*tensor.Tensor, error) bool) {
		for batch, err := range t.Source.Batches(ctx, epoch, from) {
			if err == nil {
				batch, err = t.teach(ctx, batch)
			}
			if !yield(batch, err) || err != nil {
				return
			}
		}
	}
}

func (t taught) teach(ctx context.Context, batch map[string]*tensor.Tensor) (map[string]*tensor.Tensor, error) {
	feeds := map[string]*tensor.Tensor{}
	for _, v := range t.teacher.Inputs() {
		x, ok := batch[v.Name]
		if !ok {
			return nil, fmt.Errorf("teacher: the batch has no %q", v.Name)
		}
		feeds[v.Name] = x
	}
	said, err := t.teacher.Run(ctx, feeds)
	if err != nil {
		return nil, fmt.Errorf("teacher: %w", err)
	}
	more := maps.Clone(batch)
	for from, to := range t.outputs {
		x, ok := said[from]
		if !ok {
			return nil, fmt.Errorf("the teacher has no output %q", from)
		}
		more[to] = x
	}
	return more, nil
}

// Replay mixes batches of old tasks into a training: after every n batches of new data comes one of old. The batches of both follow the epoch, so that a
// training can go on in its middle.
func Replay(fresh, old finetune.Source, n int) finetune.Source { return replay{fresh, old, max(n, 1)} }

type replay struct {
	fresh, old finetune.Source
	n          int
}

func (r replay) Len() int { return r.fresh.Len() + r.fresh.Len()/r.n }

func (r replay) Batches(ctx context.Context, epoch, from int) iter.Seq2[map[string]*tensor.Tensor, error] {
	return func(yield func(map[string]*tensor.Tensor, error) bool) {
		rounds := from / (r.n + 1)
		next, stop := iter.Pull2(r.fresh.Batches(ctx, epoch, from-rounds))
		defer stop()
		// Old data goes round: its batches are numbered through all epochs.
		at := epoch*(r.fresh.Len()/r.n) + rounds
		var again func() (map[string]*tensor.Tensor, error, bool)
		end := func() {}
		defer func() { end() }()
		for k := from; k < r.Len(); k++ {
			if k%(r.n+1) < r.n {
				batch, err, ok := next()
				if !ok || !yield(batch, err) || err != nil {
					return
				}
				continue
			}
			if r.old.Len() == 0 {
				yield(nil, fmt.Errorf("replay: the old data is empty"))
				return
			}
			if again == nil || at%r.old.Len() == 0 {
				end()
				again, end = iter.Pull2(r.old.Batches(ctx, at/r.old.Len(), at%r.old.Len()))
			}
			at++
			batch, err, ok := again()
			if !ok {
				err = fmt.Errorf("replay: the old data ended early")
			}
			if !yield(batch, err) || err != nil {
				return
			}
		}
	}
}
