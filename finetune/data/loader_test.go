package data

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onnxrun/onnxrun/graph/tensor"
)

// noisy are numbered samples with a number of chance each.
func noisy(t testing.TB, n int) Dataset {
	t.Helper()
	x := make([]int64, n)
	for i := range x {
		x[i] = int64(i)
	}
	ds, err := Arrays(Array{"i", tensor.Must(tensor.Of(x))})
	if err != nil {
		t.Fatal(err)
	}
	fields := []Field{{"i", tensor.Int64, nil}, {"noise", tensor.Float64, tensor.Shape{3}}}
	return Map(ds, fields, func(dst, src []*tensor.Tensor, r *Rand) error {
		tensor.Data[int64](dst[0])[0] = tensor.Data[int64](src[0])[0]
		for k := range tensor.Data[float64](dst[1]) {
			tensor.Data[float64](dst[1])[k] = r.Float64()
		}
		return nil
	})
}

func loader(t testing.TB, ds Dataset, o Options) *Loader {
	t.Helper()
	l, err := NewLoader(ds, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// read writes down what batches hold.
func read(t testing.TB, l *Loader, epoch, from int) []string {
	t.Helper()
	var out []string
	for b, err := range l.Batches(context.Background(), epoch, from) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(b["i"].Shape(), tensor.Data[int64](b["i"]), b["noise"].Shape(), tensor.Data[float64](b["noise"])))
	}
	return out
}

// TestLoaderRepeats: an epoch is the same whatever the number of workers and buffers and wherever reading begins.
func TestLoaderRepeats(t *testing.T) {
	for _, n := range []int{1, 7, 50, 64} {
		for _, drop := range []bool{false, true} {
			base := Options{Batch: 8, Shuffle: true, Seed: 5, DropLast: drop}
			ds := noisy(t, n)
			want := [][]string{read(t, loader(t, ds, base), 0, 0), read(t, loader(t, ds, base), 1, 0)}
			if n == 50 && (slices.Equal(want[0], want[1]) || len(want[0]) != 7-boolInt(drop)) {
				t.Fatalf("epochs %v and %v", want[0], want[1])
			}
			for workers := 1; workers <= 4; workers++ {
				for prefetch := 0; prefetch <= 5; prefetch++ {
					o := base
					o.Workers, o.Prefetch = workers, prefetch
					l := loader(t, ds, o)
					for at := (State{}); at.Epoch < 2 && l.Len() > 0; at = l.Next(at) {
						if got := read(t, l, at.Epoch, at.Batch); !slices.Equal(got, want[at.Epoch][at.Batch:]) {
							t.Fatalf("%d samples from %+v with %+v: %v, want %v", n, at, o, got, want[at.Epoch][at.Batch:])
						}
					}
				}
			}
		}
	}
}

// TestLoaderCovers: an epoch has each sample once, and with DropLast none twice.
func TestLoaderCovers(t *testing.T) {
	l := loader(t, noisy(t, 50), Options{Batch: 8, Shuffle: true, Workers: 2})
	var seen []int64
	for b, err := range l.Batches(context.Background(), 3, 0) {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, tensor.Data[int64](b["i"])...)
	}
	if slices.IsSorted(seen) {
		t.Error("not shuffled")
	}
	slices.Sort(seen)
	for i, x := range seen {
		if int64(i) != x {
			t.Fatalf("samples %v", seen)
		}
	}
	if len(seen) != 50 {
		t.Fatalf("%d samples", len(seen))
	}
}

// faulty fails or panics at one sample.
type faulty struct {
	Dataset
	at    int
	panic bool
	reads atomic.Int64
}

var errFaulty = errors.New("no such disk")

func (f *faulty) Read(i int, draw uint64, dst []*tensor.Tensor) error {
	f.reads.Add(1)
	if i == f.at {
		if f.panic {
			panic("index out of range")
		}
		return errFaulty
	}
	return f.Dataset.Read(i, draw, dst)
}

// TestLoaderStops: after an error, a panic, a break and a cancelled context no goroutine is left, and the loader still works.
func TestLoaderStops(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, panics := range []bool{false, true} {
		ds := &faulty{Dataset: noisy(t, 100), at: 37, panic: panics}
		l := loader(t, ds, Options{Batch: 5, Workers: 3, Prefetch: 4})
		n := 0
		var last error
		for _, err := range l.Batches(context.Background(), 0, 0) {
			if last = err; err == nil {
				n++
			}
		}
		if n != 7 || last == nil || !strings.Contains(last.Error(), "sample 37") || !panics && !errors.Is(last, errFaulty) {
			t.Errorf("%d batches, then %v", n, last)
		}
		n = 0
		for range l.Batches(context.Background(), 0, 8) {
			if n++; n == 3 {
				break
			}
		}
		if n != 3 {
			t.Errorf("%d batches after an error", n)
		}
	}
	ds := &faulty{Dataset: noisy(t, 1000), at: -1}
	l := loader(t, ds, Options{Batch: 5, Workers: 3, Prefetch: 4})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := 0
	var last error
	for _, err := range l.Batches(ctx, 0, 0) {
		if last = err; err == nil {
			n++
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) || n > 6 || ds.reads.Load() > 5*12 {
		t.Errorf("%d batches and %d reads after cancelling, %v", n, ds.reads.Load(), last)
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// TestLoaderAllocates: an epoch allocates for its order and its goroutines, not for its batches.
func TestLoaderAllocates(t *testing.T) {
	x := tensor.Must(tensor.New(tensor.Float32, 4096, 16))
	ds, err := Arrays(Array{"x", x})
	if err != nil {
		t.Fatal(err)
	}
	count := func(batch int) float64 {
		l := loader(t, ds, Options{Batch: batch, Shuffle: true})
		return testing.AllocsPerRun(5, func() {
			for _, err := range l.Batches(context.Background(), 0, 0) {
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if few, many := count(1024), count(4); many > few+8 {
		t.Errorf("%v allocations for 4 batches, %v for 1024", few, many)
	}
}

func TestLoaderRefuses(t *testing.T) {
	ds := noisy(t, 10)
	if _, err := NewLoader(ds, Options{}); err == nil {
		t.Error("batches of 0 samples")
	}
	if _, err := NewLoader(Map(ds, []Field{{"s", tensor.String, nil}}, nil), Options{Batch: 1}); !errors.Is(err, tensor.ErrType) {
		t.Errorf("strings: %v", err)
	}
	if _, err := NewLoader(Map(ds, []Field{{"a", tensor.Bool, nil}, {"a", tensor.Bool, nil}}, nil), Options{Batch: 1}); err == nil {
		t.Error("two fields of one name")
	}
	for _, err := range loader(t, ds, Options{Batch: 3}).Batches(context.Background(), 0, 5) {
		if err == nil {
			t.Error("a batch after the last one")
		}
	}
	if n := len(read(t, loader(t, noisy(t, 0), Options{Batch: 3}), 0, 0)); n != 0 {
		t.Errorf("%d batches of nothing", n)
	}
}

func BenchmarkLoader(b *testing.B) {
	x := tensor.Must(tensor.New(tensor.Uint8, 60000, 28, 28))
	ds, err := Arrays(Array{"x", x})
	if err == nil {
		ds, err = Transform(ds, "x", Normalize{Mean: []float64{0.1307}, Std: []float64{0.3081}})
	}
	if err != nil {
		b.Fatal(err)
	}
	l := loader(b, ds, Options{Batch: 64, Shuffle: true})
	for b.Loop() {
		for _, err := range l.Batches(context.Background(), 0, 0) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*l.Len()), "µs/batch")
}
