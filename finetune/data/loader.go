package data

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"sync"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Loader gives the batches of each epoch of a data set, prepared by other goroutines beside what the caller does with them. The batches of an epoch depend on the
// data, the options and the number of the epoch alone, not on how many goroutines prepare them or where reading begins.
//
// It is the Source of finetune's Trainer. Several epochs may be read at the same time.
type Loader struct {
	ds   Dataset
	opts Options

	mu    sync.Mutex
	spare []*buffer
}

// Options say how samples become batches.
type Options struct {
	Batch    int    // samples of a batch
	Shuffle  bool   // another order each epoch
	Seed     uint64 // of the order and of augmentation
	DropLast bool   // leave out the last batch of an epoch when it has fewer samples than the others
	Workers  int    // goroutines that prepare batches; 0 is one
	Prefetch int    // batches that are prepared ahead; 0 is one more than there are workers
}

// State is a place between two batches.
type State struct {
	Epoch int `json:"epoch"`
	Batch int `json:"batch"` // that comes next
}

// NewLoader makes a loader of ds.
func NewLoader(ds Dataset, o Options) (*Loader, error) {
	if o.Batch <= 0 {
		return nil, fmt.Errorf("batches of %d samples: want at least 1", o.Batch)
	}
	o.Workers = max(o.Workers, 1)
	if o.Prefetch <= 0 {
		o.Prefetch = o.Workers + 1
	}
	o.Batch = min(o.Batch, max(ds.Len(), 1)+boolInt(o.DropLast))
	l := &Loader{ds: ds, opts: o}
	first, err := l.newBuffer()
	if err != nil {
		return nil, err
	}
	l.spare = append(l.spare, first)
	return l, nil
}

// boolInt keeps a batch that is larger than the data larger, so that DropLast drops it.
func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Dataset is what the batches are made of.
func (l *Loader) Dataset() Dataset { return l.ds }

// Len is the number of batches of an epoch.
func (l *Loader) Len() int {
	n := l.ds.Len() / l.opts.Batch
	if l.ds.Len()%l.opts.Batch > 0 && !l.opts.DropLast {
		n++
	}
	return n
}

// Next is the place after the batch that comes next at s: the beginning of the next epoch after the last one.
func (l *Loader) Next(s State) State {
	if s.Batch++; s.Batch >= l.Len() {
		return State{s.Epoch + 1, 0}
	}
	return s
}

// buffer is one batch that is being prepared or used.
type buffer struct {
	rows  [][]*tensor.Tensor // of each sample
	whole map[string]*tensor.Tensor
	last  map[string]*tensor.Tensor // views of the rows that the last batch has
	batch int
	done  chan error // has one element when the batch is ready
}

func (l *Loader) newBuffer() (*buffer, error) {
	whole, rows, err := elements(l.ds.Fields(), l.opts.Batch)
	if err != nil {
		return nil, err
	}
	b := &buffer{rows: rows, whole: map[string]*tensor.Tensor{}, done: make(chan error, 1)}
	rest := l.ds.Len() % l.opts.Batch
	if rest > 0 {
		b.last = map[string]*tensor.Tensor{}
	}
	for k, f := range l.ds.Fields() {
		if b.whole[f.Name] != nil {
			return nil, fmt.Errorf("two fields are called %q", f.Name)
		}
		b.whole[f.Name] = whole[k]
		if rest > 0 {
			size := len(whole[k].Bytes()) / l.opts.Batch
			if b.last[f.Name], err = tensor.FromBytes(f.DType, whole[k].Bytes()[:rest*size], append([]int{rest}, f.Shape...)...); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

func (l *Loader) take() (*buffer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.spare); n > 0 {
		b := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return b, nil
	}
	return l.newBuffer()
}

// Order is the order in which an epoch takes the samples.
func (l *Loader) Order(epoch int) []int {
	order := upTo(l.ds.Len())
	if l.opts.Shuffle {
		r := NewRand(mix(l.opts.Seed, uint64(epoch), 1))
		r.Shuffle(order)
	}
	return order
}

// Batches are those of an epoch from number from on: tensors by the names of the fields, each with an axis of samples before the axes of its field. A
// batch is valid until the next one is asked for; its tensors are used again. An error ends the epoch.
func (l *Loader) Batches(ctx context.Context, epoch, from int) iter.Seq2[map[string]*tensor.Tensor, error] {
	return func(yield func(map[string]*tensor.Tensor, error) bool) {
		if from < 0 || from > l.Len() {
			yield(nil, fmt.Errorf("batch %d of an epoch of %d", from, l.Len()))
			return
		}
		if err := l.run(ctx, epoch, from, yield); err != nil {
			yield(nil, err)
		}
	}
}

// errStop tells run that the caller wants no more.
var errStop = errors.New("stop")

// run gives batch k from buffer k mod len(ring). A buffer goes to the workers again when the caller asks for the batch after its own, so that order is kept and
// memory bounded without a queue. All workers have ended when run returns.
func (l *Loader) run(ctx context.Context, epoch, from int, yield func(map[string]*tensor.Tensor, error) bool) (err error) {
	left := l.Len() - from
	if left == 0 {
		return nil
	}
	ring := make([]*buffer, min(l.opts.Prefetch+1, left))
	for i := range ring {
		if ring[i], err = l.take(); err != nil {
			return err
		}
	}
	inner, cancel := context.WithCancel(ctx)
	order := l.Order(epoch)
	jobs := make(chan *buffer, len(ring))
	var workers sync.WaitGroup
	for range min(l.opts.Workers, left) {
		workers.Go(func() {
			for b := range jobs {
				b.done <- l.fill(inner, epoch, order, b)
			}
		})
	}
	defer func() {
		cancel()
		close(jobs)
		workers.Wait()
		l.mu.Lock()
		for _, b := range ring {
			select {
			case <-b.done:
			default:
			}
			l.spare = append(l.spare, b)
		}
		l.mu.Unlock()
		if err == errStop {
			err = nil
		}
	}()
	for i, b := range ring {
		b.batch = from + i
		jobs <- b
	}
	for k := range left {
		b := ring[k%len(ring)]
		select {
		case err = <-b.done:
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		x := b.whole
		if (b.batch+1)*l.opts.Batch > l.ds.Len() {
			x = b.last
		}
		if !yield(x, nil) {
			return errStop
		}
		if next := k + len(ring); next < left {
			b.batch = from + next
			jobs <- b
		}
	}
	return nil
}

// fill reads the samples of a batch. A data set that panics gives an error: a goroutine of ours must not end the process.
func (l *Loader) fill(ctx context.Context, epoch int, order []int, b *buffer) (err error) {
	at := 0
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("sample %d: %v", at, p)
		}
	}()
	first := b.batch * l.opts.Batch
	for r, i := range order[first:min(first+l.opts.Batch, len(order))] {
		if err := ctx.Err(); err != nil {
			return err
		}
		at = i
		if err := l.ds.Read(i, mix(l.opts.Seed, uint64(epoch), math.MaxUint64, uint64(i)), b.rows[r]); err != nil {
			return fmt.Errorf("sample %d: %w", i, err)
		}
	}
	return nil
}
