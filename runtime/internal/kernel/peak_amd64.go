//go:build !noasm

package kernel

// MultiplyAdds does nothing but n turns of multiplications and additions of float32, n > 0, as fast as the tier in use can, and returns how
// many they were: what the processor can do at best.
func MultiplyAdds(n int) (flops int) {
	switch {
	case useAVX512:
		asmMultiplyAdds512(n)
		return 24 * 16 * 2 * n
	case useAVX2:
		asmMultiplyAdds256(n)
		return 12 * 8 * 2 * n
	}
	return multiplyAddsGo(n)
}

// Read reads b as fast as the tier in use can. What it returns depends on the bytes, and on how it reads them.
func Read(b []byte) uint64 {
	if n := len(b) &^ 255; useAVX2 && n > 0 {
		return asmRead(&b[0], n) | readGo(b[n:])
	}
	return readGo(b)
}
