// Package pool runs pieces of work on the threads of the process. Workers belong to the process, not to a session: whoever finds
// them busy works on its own.
package pool

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Task is work on items lo to hi-1; worker is below the number of threads asked for.
type Task interface{ Do(worker, lo, hi int) }

type region struct {
	task    Task
	n       int
	grain   int
	next    atomic.Int64 // first item that nobody has taken
	stopped func() bool
	wg      sync.WaitGroup
	mu      sync.Mutex
	panic   any
}

type order struct {
	r      *region
	worker int
}

var (
	busy   sync.Mutex // held while a region runs on several threads
	orders chan order
	start  sync.Once
	shared region // the one region in flight, guarded by busy
)

func startWorkers() {
	orders = make(chan order)
	for range max(runtime.NumCPU(), runtime.GOMAXPROCS(0)) - 1 {
		go func() {
			for o := range orders {
				o.r.work(o.worker)
				o.r.wg.Done()
			}
		}()
	}
}

// Run calls t.Do for pieces of at most grain of the n items on up to threads threads, the caller's among them, and returns when
// all are done or, after stopped has said so, when those begun are done. A panic in any piece is raised again in the caller.
func Run(t Task, n, grain, threads int, stopped func() bool) {
	if n <= 0 {
		return
	}
	pieces := (n + grain - 1) / grain
	if threads = min(threads, pieces); threads < 2 || !busy.TryLock() {
		for i := 0; i < n && !stopped(); i += grain {
			t.Do(0, i, min(n, i+grain))
		}
		return
	}
	defer busy.Unlock()
	start.Do(startWorkers)
	r := &shared
	r.task, r.n, r.grain, r.stopped, r.panic = t, n, grain, stopped, nil
	r.next.Store(0)
	for w := 1; w < threads; w++ {
		r.wg.Add(1)
		select {
		case orders <- order{r, w}:
		default: // no worker is waiting
			r.wg.Done()
		}
	}
	r.work(0)
	r.wg.Wait()
	p := r.panic
	r.task, r.stopped, r.panic = nil, nil, nil
	if p != nil {
		panic(p)
	}
}

func (r *region) work(worker int) {
	defer func() {
		if p := recover(); p != nil {
			r.next.Store(int64(r.n))
			r.mu.Lock()
			r.panic = p
			r.mu.Unlock()
		}
	}()
	for !r.stopped() {
		lo := int(r.next.Add(int64(r.grain))) - r.grain
		if lo >= r.n {
			return
		}
		r.task.Do(worker, lo, min(r.n, lo+r.grain))
	}
}
