package runtime

import (
	"sync/atomic"

	"github.com/onnxrun/onnxrun/graph"
	"github.com/onnxrun/onnxrun/graph/tensor"
)

// Limits bound what one run may take. Zero fields mean no limit.
type Limits struct {
	MaxTensorBytes int64 // size of a single tensor
	MaxPeakBytes   int64 // all tensors of a run together, weights not counted
	MaxLoopIters   int64 // iterations of each Loop or Scan
}

// budget counts the memory of one run.
type budget struct {
	lim  Limits
	used atomic.Int64
	peak atomic.Int64
}

func (b *budget) take(n int) error {
	if n < 0 || b.lim.MaxTensorBytes > 0 && int64(n) > b.lim.MaxTensorBytes {
		return graph.Limitf("tensor of %d bytes, at most %d are allowed", n, b.lim.MaxTensorBytes)
	}
	used := b.used.Add(int64(n))
	if b.lim.MaxPeakBytes > 0 && used > b.lim.MaxPeakBytes {
		b.used.Add(-int64(n))
		return graph.Limitf("%d bytes more on top of %d, at most %d are allowed", n, used-int64(n), b.lim.MaxPeakBytes)
	}
	for p := b.peak.Load(); used > p && !b.peak.CompareAndSwap(p, used); p = b.peak.Load() {
	}
	return nil
}

func (b *budget) give(n int) { b.used.Add(-int64(n)) }

// tensorBytes is the memory that a tensor takes, or false when it overflows.
func tensorBytes(d tensor.DType, shape []int) (int, bool) {
	n, ok := tensor.Shape(shape).Size()
	if !ok {
		return 0, false
	}
	if d == tensor.String {
		return n * 16, n < 1<<50
	}
	return d.Bytes(n)
}
