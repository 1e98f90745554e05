package tensor

import (
	"os"
	"testing"
	"unsafe"
)

// TestAlign: memory begins at a cache line, is zero and can be written, also where huge pages are asked for.
func TestAlign(t *testing.T) {
	for _, n := range []int{0, 1, 63, 511, 512, 4097, hugeFrom - 1, hugeFrom, 3*hugeFrom + 5} {
		for i, align := range []func(int) []byte{Align, Align, alignPopulated, Align} { // the later ones may be memory that was used before
			b := align(n)
			if len(b) != n || cap(b) != n {
				t.Fatalf("%d: %d bytes of %d for %d", i, len(b), cap(b), n)
			}
			if n >= 512 && uintptr(unsafe.Pointer(unsafe.SliceData(b)))%64 != 0 {
				t.Errorf("%d bytes at %p", n, b)
			}
			for i, x := range b {
				if x != 0 {
					t.Fatalf("byte %d of %d is %d", i, n, x)
				}
				b[i] = 1
			}
		}
	}
}

// TestPages: whole pages only, and none outside.
func TestPages(t *testing.T) {
	size := os.Getpagesize()
	mem := make([]byte, 4*size)
	base := -int(uintptr(unsafe.Pointer(unsafe.SliceData(mem)))) & (size - 1)
	for _, c := range []struct{ from, to, page, n int }{{0, 2 * size, 0, 2}, {1, 2 * size, 1, 1}, {1, 2*size + 5, 1, 1}, {1, size, 0, 0}, {5, 5, 0, 0}, {1, 2*size - 1, 0, 0}} {
		p := pages(mem[base+c.from:base+c.to], size)
		if len(p) != c.n*size || c.n > 0 && &p[0] != &mem[base+c.page*size] {
			t.Errorf("bytes %d to %d: %d bytes", c.from, c.to, len(p))
		}
	}
}

func TestWithin(t *testing.T) {
	mem := make([]byte, 100)
	for _, c := range []struct {
		b    []byte
		want bool
	}{{mem[10:90], true}, {mem[10:11], true}, {mem[89:90], true}, {mem[9:20], false}, {mem[80:91], false}, {mem, false}, {mem[10:10], false}, {make([]byte, 5), false}} {
		if within(c.b, mem[10:90]) != c.want {
			t.Errorf("%d bytes of capacity %d: %v", len(c.b), cap(c.b), !c.want)
		}
	}
}
