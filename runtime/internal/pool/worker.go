package pool

import (
	"runtime"
	"runtime/debug"
	"time"

	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
)

const (
	idleTime = 200 * time.Microsecond // without work, then a worker ends: about as long as it takes to start one
	fairTime = 100 * time.Microsecond // that the caller waits for pieces in flight before it lets other goroutines run
	longWait = 2 * time.Millisecond   // and before it sleeps between looks
)

// worker takes part in regions for at least id+1 threads, until none comes for idleTime.
func worker(id int, s *share) {
	debug.SetPanicOnFault(true) // a weight file that is cut short while it is mapped must not end the process
	for {
		spin(id)
		s.alive.Store(false)
		// A region that opened before that store counts on this worker, one that opens after it starts another.
		if !invites(state.Load(), id) || !s.alive.CompareAndSwap(false, true) {
			return
		}
	}
}

// spin takes part in regions as they come, and returns when there was none for idleTime.
func spin(id int) {
	last := uint64(0) // generation of the region that it has left: it may still be open
	for w := (wait{}); w.spent < idleTime; {
		s := state.Load()
		if !invites(s, id) || s>>genShift == last {
			w.pause()
			continue
		}
		if state.CompareAndSwap(s, s+1) {
			shared.work(id)
			state.Add(^uint64(0))
			last = s >> genShift
			w = wait{}
		}
	}
}

// invites reports whether the region is open to the worker.
func invites(s uint64, id int) bool { return s&open != 0 && int(s>>threadShift&maxThreads) > id }

// wait is the time that a thread has spun.
type wait struct {
	grace time.Duration // before other goroutines may have the processor
	spent time.Duration // at the last look at the clock
	start time.Time
	turns int
}

const turnsPerLook = 64

// pause passes about 0.1 µs. It is a call that the compiler keeps, so that the runtime can stop the goroutine here: in assembly it
// cannot, and a collection of garbage would wait for it.
//
//go:noinline
func (w *wait) pause() {
	kernel.Pause(4)
	if w.turns++; w.turns%turnsPerLook != 0 {
		return
	}
	if w.start.IsZero() {
		w.start = time.Now()
	}
	if w.spent = time.Since(w.start); w.spent >= w.grace {
		runtime.Gosched()
	}
	if w.spent > longWait { // the thread that has the piece may need this processor
		time.Sleep(longWait / 40)
	}
}
