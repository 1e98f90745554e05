package pool

import (
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

// taskFunc is a Task made of a function.
type taskFunc func(worker, lo, hi int)

func (f taskFunc) Do(worker, lo, hi int) { f(worker, lo, hi) }

func never() bool { return false }

// procs sets GOMAXPROCS for one test: regions run on several threads on a machine with one processor, too.
func procs(t testing.TB, n int) {
	old := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(old) })
}

// TestEachItemOnce: whatever the sizes, every item is done once, in pieces of at most grain, by workers whose number is below threads and
// which nobody else uses meanwhile.
func TestEachItemOnce(t *testing.T) {
	procs(t, 4)
	for range 2000 {
		n, grain, threads := rand.IntN(300), 1+rand.IntN(40), 1+rand.IntN(6)
		done := make([]atomic.Int32, n)
		using := make([]atomic.Int32, threads)
		Run(taskFunc(func(worker, lo, hi int) {
			if using[worker].Add(1) != 1 {
				t.Errorf("worker %d twice at once", worker)
			}
			if lo < 0 || lo >= hi || hi > n || hi-lo > grain {
				t.Errorf("piece %d to %d of %d with grain %d", lo, hi, n, grain)
			}
			for i := lo; i < hi; i++ {
				done[i].Add(1)
			}
			using[worker].Add(-1)
		}), n, grain, threads, never)
		for i := range done {
			if k := done[i].Load(); k != 1 {
				t.Fatalf("n %d, grain %d, threads %d: item %d was done %d times", n, grain, threads, i, k)
			}
		}
	}
}

// TestWorkersHelp: a second thread takes part when pieces wait for it.
func TestWorkersHelp(t *testing.T) {
	procs(t, 2)
	var ids [2]atomic.Int32
	var both sync.WaitGroup
	both.Add(2)
	Run(taskFunc(func(worker, lo, hi int) {
		ids[worker].Add(1)
		both.Done()
		both.Wait() // for the piece on the other thread
	}), 2, 1, 2, never)
	if ids[0].Load() != 1 || ids[1].Load() != 1 {
		t.Errorf("pieces of the caller %d, of the worker %d", ids[0].Load(), ids[1].Load())
	}
}

// TestCallersAtOnce: regions of many goroutines, and regions inside regions, share the workers.
func TestCallersAtOnce(t *testing.T) {
	procs(t, 3)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				var sum atomic.Int64
				Run(taskFunc(func(_, lo, hi int) {
					Run(taskFunc(func(_, a, b int) { sum.Add(int64(b - a)) }), hi-lo, 3, 4, never)
				}), 100, 7, 3, never)
				if sum.Load() != 100 {
					t.Errorf("%d items of 100", sum.Load())
				}
			}
		})
	}
	wg.Wait()
}

// TestPanic: what a piece panics with reaches the caller, once nobody works any more, and the pool goes on.
func TestPanic(t *testing.T) {
	procs(t, 4)
	for bad := range 16 {
		var working atomic.Int32
		got := func() (p any) {
			defer func() { p = recover() }()
			Run(taskFunc(func(_, lo, _ int) {
				working.Add(1)
				defer working.Add(-1)
				if lo == bad {
					panic(bad)
				}
			}), 16, 1, 4, never)
			return nil
		}()
		if got != bad || working.Load() != 0 {
			t.Errorf("piece %d: %v, %d still at work", bad, got, working.Load())
		}
	}
}

// TestStopped: after stopped says so no new piece begins, on one thread or several.
func TestStopped(t *testing.T) {
	procs(t, 2)
	for _, threads := range []int{1, 2} {
		var stop atomic.Bool
		var pieces atomic.Int32
		Run(taskFunc(func(int, int, int) {
			pieces.Add(1)
			stop.Store(true)
		}), 1000, 1, threads, stop.Load)
		if k := pieces.Load(); k < 1 || int(k) > threads {
			t.Errorf("%d threads: %d pieces", threads, k)
		}
	}
}

// TestWorkersEnd: an idle pool has no goroutines, and one thread never has.
func TestWorkersEnd(t *testing.T) {
	procs(t, 4)
	work := taskFunc(func(int, int, int) { kernel.Pause(100) })
	alive := func() (k int) {
		busy.Lock()
		defer busy.Unlock()
		for _, s := range shares {
			if s.alive.Load() {
				k++
			}
		}
		return k
	}
	Run(work, 100, 1, 4, never)
	for i := 0; alive() > 0; i++ {
		if i == 1000 {
			t.Fatalf("%d idle workers are still there", alive())
		}
		time.Sleep(10 * time.Millisecond)
	}
	Run(work, 100, 1, 1, never)
	if k := alive(); k != 0 {
		t.Errorf("%d workers for one thread", k)
	}
	runtime.GOMAXPROCS(1)
	Run(work, 100, 1, 4, never)
	if k := alive(); k != 0 {
		t.Errorf("%d workers on one processor", k)
	}
}

// TestSteadyStateAllocates nothing.
func TestSteadyStateAllocates(t *testing.T) {
	procs(t, 2)
	work := Task(taskFunc(func(int, int, int) { kernel.Pause(50) }))
	if a := testing.AllocsPerRun(100, func() { Run(work, 16, 1, 2, never) }); a >= 1 {
		t.Errorf("%v allocations a region", a)
	}
}

// TestCollection: the collector stops a spinning worker soon. A worker that could only be stopped by a signal would hold the world for
// about 100 ms, now and then; the bound leaves room for a loaded machine.
func TestCollection(t *testing.T) {
	procs(t, 2)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !stop.Load() {
			Run(taskFunc(func(int, int, int) { kernel.Pause(20) }), 8, 1, 2, never)
			for w := (wait{}); w.spent < idleTime/2; { // the worker spins, then works again
				w.pause()
			}
		}
	})
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	before := stats.NumGC
	for range 50 {
		runtime.GC()
	}
	stop.Store(true)
	wg.Wait()
	debug.ReadGCStats(&stats)
	pauses := stats.Pause[:min(len(stats.Pause), int(stats.NumGC-before))]
	var longest time.Duration
	over := 0
	for _, p := range pauses {
		longest = max(longest, p)
		if p > 20*time.Millisecond {
			over++
		}
	}
	t.Logf("longest of %d pauses: %v", len(pauses), longest)
	if over > len(pauses)/10 {
		t.Errorf("%d of %d pauses took more than 20 ms, the longest %v", over, len(pauses), longest)
	}
}

func BenchmarkRegion(b *testing.B) {
	for _, c := range []struct {
		name   string
		pauses int
	}{{"empty", 0}, {"5us", 250}, {"50us", 2500}} {
		work := Task(taskFunc(func(_, lo, hi int) {
			if c.pauses > 0 {
				kernel.Pause(c.pauses * (hi - lo) / 8)
			}
		}))
		for _, threads := range []int{1, 2} {
			b.Run(c.name+map[int]string{1: "/1", 2: "/2"}[threads], func(b *testing.B) {
				for b.Loop() {
					Run(work, 8, 1, threads, never)
				}
			})
		}
	}
}
