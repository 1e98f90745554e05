package kernel

import (
	"math"
	"unsafe"
)

// Box is a rectangle by two opposite corners, lower first, and its area.
type Box struct{ Y1, X1, Y2, X2, Area float32 }

// Boxes reads boxes of four numbers each into memory for five: two corners (y, x, y, x) in any order, or a center with width and height
// (x, y, w, h).
func Boxes(mem, x []float32, center bool) []Box {
	n := len(x) / 4
	if n == 0 {
		return nil
	}
	boxes := unsafe.Slice((*Box)(unsafe.Pointer(&mem[:n*5][0])), n)
	for i := range boxes {
		p := x[4*i : 4*i+4]
		b := Box{Y1: min(p[0], p[2]), X1: min(p[1], p[3]), Y2: max(p[0], p[2]), X2: max(p[1], p[3])}
		if center {
			b = Box{Y1: p[1] - p[3]/2, X1: p[0] - p[2]/2, Y2: p[1] + p[3]/2, X2: p[0] + p[2]/2}
		}
		b.Area = (b.Y2 - b.Y1) * (b.X2 - b.X1)
		boxes[i] = b
	}
	return boxes
}

// Overlaps reports whether the intersection of a and b is more than the given part of their union.
func (a Box) Overlaps(b Box, part float32) bool {
	w := min(a.X2, b.X2) - max(a.X1, b.X1)
	h := min(a.Y2, b.Y2) - max(a.Y1, b.Y1)
	if !(w > 0 && h > 0) {
		return false
	}
	union := a.Area + b.Area - w*h
	if !(a.Area > 0 && b.Area > 0 && union > 0) {
		return false
	}
	return w*h/union > part
}

// DescendingKey orders scores from the highest to the lowest, NaN last.
func DescendingKey(score float32) uint64 {
	if score != score {
		return math.MaxUint64
	}
	b := math.Float32bits(score)
	switch {
	case b == 1<<31:
		b = 1 << 31
	case b>>31 != 0:
		b = 1<<31 - b&^(1<<31)
	default:
		b += 1 << 31
	}
	return uint64(^b)
}

// Suppress walks through candidates in their order and keeps, at most len(keep), those that overlap none of the kept ones by more than
// the given part. It returns how many it kept.
func Suppress(keep []int64, candidates []Ranked, boxes []Box, part float32) int {
	n := 0
next:
	for _, c := range candidates {
		if n == len(keep) {
			break
		}
		b := boxes[c.Index]
		for _, k := range keep[:n] {
			if b.Overlaps(boxes[k], part) {
				continue next
			}
		}
		keep[n] = int64(c.Index)
		n++
	}
	return n
}
