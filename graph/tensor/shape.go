package tensor

import (
	"fmt"
	"slices"
	"strings"
)

// Shape is the extent of each axis, outermost first. The empty shape is a scalar's.
type Shape []int

// Size is the number of elements: the product of the extents, 1 for a scalar.
// It reports false when an extent is negative or the product does not fit an int.
func (s Shape) Size() (int, bool) {
	const most = int(^uint(0) >> 1)
	n, zero := 1, false
	for _, d := range s {
		switch {
		case d < 0:
			return 0, false
		case d == 0:
			zero = true
		case n > most/d:
			n = -1
		}
		if n < 0 {
			break
		}
		if d > 0 {
			n *= d
		}
	}
	if zero {
		return 0, !slices.ContainsFunc(s, func(d int) bool { return d < 0 })
	}
	return n, n >= 0
}

// Elems is Size for shapes known to be sound, as those of every [Tensor] are.
func (s Shape) Elems() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// Equal reports whether both shapes have the same rank and extents.
func (s Shape) Equal(t Shape) bool { return slices.Equal(s, t) }

// Clone is a copy that shares nothing with s.
func (s Shape) Clone() Shape { return append(Shape{}, s...) }

// Strides are the distances, in elements, between neighbours along each axis of a dense row-major tensor.
func (s Shape) Strides() []int {
	st := make([]int, len(s))
	n := 1
	for i := len(s) - 1; i >= 0; i-- {
		st[i] = n
		n *= s[i]
	}
	return st
}

// String writes the shape as "[2,3]".
func (s Shape) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, d)
	}
	b.WriteByte(']')
	return b.String()
}
