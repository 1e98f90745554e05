package kernel

import "encoding/binary"

// multiplyAddsGo keeps eight sums under way.
func multiplyAddsGo(n int) (flops int) {
	var s [8]float32
	a, b := s[0], s[1]
	for range n {
		s[0] += a * b
		s[1] += a * b
		s[2] += a * b
		s[3] += a * b
		s[4] += a * b
		s[5] += a * b
		s[6] += a * b
		s[7] += a * b
	}
	keepFloats(&s)
	return 16 * n
}

//go:noinline
func keepFloats(*[8]float32) {}

// readGo reads b eight bytes at a time.
func readGo(b []byte) (or uint64) {
	for ; len(b) >= 32; b = b[32:] {
		or |= binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) | binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
	}
	for _, x := range b {
		or |= uint64(x)
	}
	return or
}
