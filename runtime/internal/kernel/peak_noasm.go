//go:build !amd64 || noasm

package kernel

// MultiplyAdds does nothing but n turns of multiplications and additions of float32, n > 0, and returns how many they were: what the
// processor can do at best.
func MultiplyAdds(n int) (flops int) { return multiplyAddsGo(n) }

// Read reads b. What it returns depends on the bytes, and on how it reads them.
func Read(b []byte) uint64 { return readGo(b) }
