// Package kernelbench measures what this machine can do, and which share of it kernels reach. Kernels are measured as models of one operator
// (or a chain of equal ones), compiled and run as any other: what the table says includes packing, splitting and waiting.
package kernelbench

import (
	"slices"
	"time"

	"github.com/onnxrun/onnxrun/graph/tensor"
	"github.com/onnxrun/onnxrun/runtime/internal/kernel"
	"github.com/onnxrun/onnxrun/runtime/internal/pool"
)

// Peak is what the processor does at best on some number of threads.
type Peak struct {
	Threads int     `json:"threads"`
	Tier    string  `json:"tier"`     // the instructions in use: avx512, avx2 or go
	GFLOPS  float64 `json:"gflops"`   // multiplications and additions of float32 with the instructions in use, 10⁹ a second
	ReadGBs float64 `json:"read_gbs"` // from memory beyond all caches, 10⁹ bytes a second; the median, as with kernels, for neighbours on the same memory have their share of it
}

// readBytes is more than the last level of caches holds.
const readBytes = 256 << 20

// Measure finds the peak; it takes about half a second and 256 MB. The machine should be idle.
func Measure(threads int) Peak {
	p := Peak{Threads: threads, Tier: kernel.Active().String()}
	var flops, read []float64
	adds := &addTask{turns: 1 << 14}
	run := func(t pool.Task) float64 {
		start := time.Now()
		pool.Run(t, threads, 1, threads, func() bool { return false })
		return time.Since(start).Seconds()
	}
	for range 200 {
		sec := run(adds)
		flops = append(flops, float64(threads*adds.flops)/sec/1e9)
	}
	mem := &readTask{data: tensor.Align(readBytes), parts: threads}
	for i := 0; i < len(mem.data); i += 1 << 10 {
		mem.data[i] = 1 // so that it is memory, not a promise of it
	}
	for range 25 {
		read = append(read, readBytes/run(mem)/1e9)
	}
	slices.Sort(read)
	p.GFLOPS, p.ReadGBs = slices.Max(flops), read[len(read)/2]
	return p
}

type addTask struct{ turns, flops int }

func (a *addTask) Do(worker, _, _ int) {
	if k := kernel.MultiplyAdds(a.turns); worker == 0 {
		a.flops = k
	}
}

type readTask struct {
	data  []byte
	parts int
}

func (r *readTask) Do(_, lo, hi int) {
	kernel.Read(r.data[lo*len(r.data)/r.parts : hi*len(r.data)/r.parts])
}

// copySeconds is the median of the times that copying n bytes again and again takes: the limit of a layer that reads n bytes and writes as many.
func copySeconds(n, threads int) float64 {
	c := &copyTask{src: tensor.Align(n), dst: tensor.Align(n), parts: threads}
	var samples []float64
	for range 50 {
		start := time.Now()
		pool.Run(c, threads, 1, threads, func() bool { return false })
		samples = append(samples, time.Since(start).Seconds())
	}
	slices.Sort(samples)
	return samples[len(samples)/2]
}

type copyTask struct {
	src, dst []byte
	parts    int
}

func (c *copyTask) Do(_, lo, hi int) {
	lo, hi = lo*len(c.src)/c.parts, hi*len(c.src)/c.parts
	copy(c.dst[lo:hi], c.src[lo:hi])
}
