// Package pool runs pieces of work on the threads of the process.
//
// The caller works too. Workers are goroutines that spin for the next region of work, so that its pieces begin within a
// fraction of a microsecond, and that end when none comes for a while; the caller starts those that are missing and does not
// wait for them: who comes late finds the work done. Workers belong to the process, not to a session: a caller that finds a
// region in flight works on its own.
package pool

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Task is work on items lo to hi-1; worker is below the number of threads asked for.
type Task interface{ Do(worker, lo, hi int) }

// state is the region in flight as one word: generation, number of threads, whether workers may join, how many have. A worker
// joins by adding one while the region is open, and only then looks at it; the caller closes it when no piece is left, and waits
// until those that joined have left. It has cache lines of its own, for idle workers look at nothing else.
var state struct {
	_ [128]byte
	atomic.Uint64
	_ [120]byte
}

const (
	joined      = 1<<16 - 1 // mask
	open        = 1 << 16
	threadShift = 17
	maxThreads  = 1<<15 - 1 // mask, too
	genShift    = 32
)

// share is what one thread begins with: pieces next to end-1. Neighbouring pieces belong to one thread, whose cache has what the
// operator before wrote there; who is done takes from the others.
type share struct {
	next  atomic.Int64
	end   int64
	alive atomic.Bool // a worker of this number exists
	_     [103]byte
}

// region is the work in flight. What does not change is written before it opens.
type region struct {
	task     Task
	n, grain int
	stopped  func() bool
	shares   []*share // of the threads that take part
	failed   atomic.Bool
	panic    any // guarded by failed: who sets it writes
}

var (
	busy   sync.Mutex // held while a region runs on several threads
	shared region     // the one in flight, guarded by busy and state
	shares []*share   // by number of the worker, 0 is the caller; guarded by busy
	gen    uint64     // of the last region, guarded by busy
)

// Run calls t.Do for pieces of at most grain of the n items on up to threads threads, the caller's among them, and returns when
// all are done or, after stopped has said so, when those begun are done. A panic in any piece is raised again in the caller.
func Run(t Task, n, grain, threads int, stopped func() bool) {
	if n <= 0 {
		return
	}
	grain = min(grain, n)
	pieces := (n-1)/grain + 1
	if threads = min(threads, pieces, maxThreads); threads > 1 {
		threads = min(threads, runtime.GOMAXPROCS(0))
	}
	if threads < 2 || !busy.TryLock() {
		for i := 0; i < pieces && !stopped(); i++ {
			t.Do(0, i*grain, i*grain+min(grain, n-i*grain))
		}
		return
	}
	defer busy.Unlock()
	r := &shared
	r.open(t, n, grain, pieces, threads, stopped)
	r.work(0)
	r.join()
	p := r.panic
	r.task, r.stopped, r.panic = nil, nil, nil
	if p != nil {
		panic(p)
	}
}

// open publishes the region and starts the workers that are missing.
func (r *region) open(t Task, n, grain, pieces, threads int, stopped func() bool) {
	for len(shares) < threads {
		shares = append(shares, new(share))
	}
	r.task, r.n, r.grain, r.stopped, r.shares = t, n, grain, stopped, shares[:threads]
	r.failed.Store(false)
	for i, s := range r.shares {
		s.next.Store(int64(pieces) * int64(i) / int64(threads))
		s.end = int64(pieces) * int64(i+1) / int64(threads)
	}
	gen++
	state.Store(gen<<genShift | uint64(threads)<<threadShift | open)
	for i, s := range r.shares[1:] {
		if !s.alive.Load() && s.alive.CompareAndSwap(false, true) {
			go worker(i+1, s)
		}
	}
}

// join closes the region and waits for the workers in it.
func (r *region) join() {
	if state.Add(^uint64(open-1))&joined == 0 {
		return
	}
	for w := (wait{grace: fairTime}); state.Load()&joined != 0; {
		w.pause()
	}
}

// work does pieces until there is none: the thread's own, then those of its neighbours.
func (r *region) work(id int) {
	defer r.recover()
	for k := range r.shares {
		s := r.shares[(id+k)%len(r.shares)]
		for s.next.Load() < s.end && !r.failed.Load() && !r.stopped() {
			i := s.next.Add(1) - 1
			if i >= s.end {
				break
			}
			lo := int(i) * r.grain
			r.task.Do(id, lo, lo+min(r.grain, r.n-lo))
		}
	}
}

func (r *region) recover() {
	if p := recover(); p != nil && r.failed.CompareAndSwap(false, true) {
		r.panic = p
	}
}
