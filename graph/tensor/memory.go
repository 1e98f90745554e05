package tensor

import (
	"sync"
	"unsafe"
)

// hugeFrom is the size from which memory is asked for in huge pages: kernels that stream through weights wait less for address
// translation, and the system has fewer pages to hand out.
const hugeFrom = 1 << 20

// Align is a byte slice of length n that starts at a multiple of 64, as vector kernels like it. Its contents are zero.
func Align(n int) []byte {
	b := alignSmall(n)
	if n >= hugeFrom {
		adviseHuge(b)
	}
	return b
}

// alignSmall is Align in pages of the usual size.
func alignSmall(n int) []byte {
	if n == 0 {
		return nil
	}
	if n < 512 {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(make([]complex128, (n+15)/16)))), n)
	}
	b := make([]byte, n+63)
	off := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & 63
	return b[off : off+n : off+n]
}

// alignPopulated is alignSmall for memory that is written soon, and all of it.
func alignPopulated(n int) []byte {
	b := alignSmall(n)
	if n >= hugeFrom {
		populate(b)
	}
	return b
}

// mappings are the files in memory that tensors alias. They stay for the life of the process.
var mappings struct {
	sync.RWMutex
	list [][]byte
}

// Mapped tells of a file that is mapped for reading, which [Tensor.Forget] relies on.
func Mapped(b []byte) {
	mappings.Lock()
	mappings.list = append(mappings.list, b)
	mappings.Unlock()
}

// Forget lets the system take the memory of elements that are in a mapped file; whoever reads them again reads the file. Other
// tensors keep theirs.
func (t *Tensor) Forget() {
	mappings.RLock()
	defer mappings.RUnlock()
	for _, m := range mappings.list {
		if within(t.data, m) {
			dropPages(t.data)
			return
		}
	}
}

func within(b, mem []byte) bool {
	if len(b) == 0 || len(mem) == 0 {
		return false
	}
	p, lo := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(unsafe.SliceData(mem)))
	return p >= lo && p-lo <= uintptr(len(mem)-len(b)) && len(b) <= len(mem)
}

// pages are the whole pages in b.
func pages(b []byte, size int) []byte {
	lo := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (size - 1)
	if lo >= len(b) {
		return nil
	}
	return b[lo : lo+(len(b)-lo)&^(size-1)]
}
