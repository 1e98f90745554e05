package kernel

import (
	"cmp"
	"slices"
)

// Ranked is a place in an array with a key by which places are ordered; of equal keys the lower index comes first.
type Ranked struct {
	Key   uint64
	Index int
}

// CompareRanked orders by key, then by index.
func CompareRanked(a, b Ranked) int {
	if c := cmp.Compare(a.Key, b.Key); c != 0 {
		return c
	}
	return cmp.Compare(a.Index, b.Index)
}

// FloatKeys writes, for the bits of floating-point numbers, stride apart from at on, integers that compare as the numbers do: -0 and 0 are equal,
// and NaN, whatever its sign, is larger than all. inf is the bits of infinity.
func FloatKeys[T uint16 | uint32 | uint64](keys []uint64, bits []T, at, stride int, inf T) {
	sign := ^(^T(0) >> 1)
	for i := range keys {
		b := bits[at]
		m := b &^ sign
		switch {
		case m > inf:
			keys[i] = 1<<64 - 1
		case b&sign != 0:
			keys[i] = uint64(sign) - uint64(m)
		default:
			keys[i] = uint64(sign) + uint64(m)
		}
		at += stride
	}
}

// Signed and Unsigned are the integers by their sign.
type (
	Signed   interface{ int8 | int16 | int32 | int64 }
	Unsigned interface {
		uint8 | uint16 | uint32 | uint64
	}
)

// IntKeys is FloatKeys for signed integers.
func IntKeys[T Signed](keys []uint64, x []T, at, stride int) {
	for i := range keys {
		keys[i] = uint64(int64(x[at])) ^ 1<<63
		at += stride
	}
}

// UintKeys is FloatKeys for unsigned integers.
func UintKeys[T Unsigned](keys []uint64, x []T, at, stride int) {
	for i := range keys {
		keys[i] = uint64(x[at])
		at += stride
	}
}

// SelectTop brings the k first of r, in order, to the front. The order of the rest is not defined.
func SelectTop(r []Ranked, k int) {
	if k*8 >= len(r) {
		slices.SortFunc(r, CompareRanked)
		return
	}
	if k == 0 {
		return
	}
	h := r[:k] // a heap with the last of the best at its root
	for i := k/2 - 1; i >= 0; i-- {
		siftDown(h, i)
	}
	for i := k; i < len(r); i++ {
		if CompareRanked(r[i], h[0]) < 0 {
			r[i], h[0] = h[0], r[i]
			siftDown(h, 0)
		}
	}
	slices.SortFunc(h, CompareRanked)
}

func siftDown(h []Ranked, i int) {
	for {
		c := 2*i + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && CompareRanked(h[c], h[c+1]) < 0 {
			c++
		}
		if CompareRanked(h[i], h[c]) >= 0 {
			return
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
}
