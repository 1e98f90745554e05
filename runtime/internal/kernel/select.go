package kernel

import (
	"encoding/binary"
	"unsafe"
)

// LessFloats, LessOrEqualFloats, GreaterFloats, GreaterOrEqualFloats and EqualFloats are Less and its like for float32 at vector speed.
func LessFloats(y []bool, a, b []float32, sa, sb int) {
	n := compareVec(isLess, y, a, b, sa, sb)
	Less(y[n:], a[n*sa:], b[n*sb:], sa, sb)
}

// LessOrEqualFloats is a ≤ b.
func LessOrEqualFloats(y []bool, a, b []float32, sa, sb int) {
	n := compareVec(isLessOrEqual, y, a, b, sa, sb)
	LessOrEqual(y[n:], a[n*sa:], b[n*sb:], sa, sb)
}

// GreaterFloats is a > b.
func GreaterFloats(y []bool, a, b []float32, sa, sb int) { LessFloats(y, b, a, sb, sa) }

// GreaterOrEqualFloats is a ≥ b.
func GreaterOrEqualFloats(y []bool, a, b []float32, sa, sb int) { LessOrEqualFloats(y, b, a, sb, sa) }

// EqualFloats is a = b.
func EqualFloats(y []bool, a, b []float32, sa, sb int) {
	n := compareVec(isEqual, y, a, b, sa, sb)
	Equal(y[n:], a[n*sa:], b[n*sb:], sa, sb)
}

// compareKind is what compareVec asks of two numbers.
type compareKind uint8

const (
	isEqual compareKind = iota
	isLess
	isLessOrEqual
)

// And, Or and Xor of truth values.
func And(y, a, b []bool, sa, sb int) {
	n := eight(y, a, b, sa, sb, func(a, b uint64) uint64 { return a & b })
	for i := n; i < len(y); i++ {
		y[i] = a[i*sa] && b[i*sb]
	}
}

// Or is a or b.
func Or(y, a, b []bool, sa, sb int) {
	n := eight(y, a, b, sa, sb, func(a, b uint64) uint64 { return a | b })
	for i := n; i < len(y); i++ {
		y[i] = a[i*sa] || b[i*sb]
	}
}

// Xor is a or b, not both.
func Xor(y, a, b []bool, sa, sb int) {
	n := eight(y, a, b, sa, sb, func(a, b uint64) uint64 { return a ^ b })
	for i := n; i < len(y); i++ {
		y[i] = a[i*sa] != b[i*sb]
	}
}

// eight applies f to eight truth values at a time, and returns how many it did.
func eight(y, a, b []bool, sa, sb int, f func(a, b uint64) uint64) int {
	if len(y) < 8 {
		return 0
	}
	n := len(y) &^ 7
	u, v, w := bytesOf(a), bytesOf(b), bytesOf(y)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(w[i:], f(word(u, i, sa), word(v, i, sb)))
	}
	return n
}

// word is eight bytes from place i on, or eight times the first.
func word(b []byte, i, step int) uint64 {
	if step == 0 {
		return uint64(b[0]) * 0x0101010101010101
	}
	return binary.LittleEndian.Uint64(b[i:])
}

// bytesOf are truth values as bytes of 0 and 1.
func bytesOf(b []bool) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(b))), len(b))
}

// Where takes x where cond holds, else y; z may be any of them that has step 1.
func Where[T any](z []T, cond []bool, x, y []T, sc, sx, sy int) {
	n := 0
	if z, ok := any(z).([]uint32); ok && sc == 1 {
		n = whereVec(z, cond, any(x).([]uint32), any(y).([]uint32), sx, sy)
	}
	for i := n; i < len(z); i++ {
		if cond[i*sc] {
			z[i] = x[i*sx]
		} else {
			z[i] = y[i*sy]
		}
	}
}
